# SPDX-License-Identifier: Apache-2.0
"""The RAPL tree: read as node_exporter reads it, written as a shell writes it."""

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import PortError
from hil.frontends.rapl import RaplTree
from hil.frontends.rapl_files import parse
from hil.frontends.rapl_zone import RANGE_UJ
from hil.plant.server import LoadSpec
from tests.hil.frontend_rig import follow, make_rack

LOADS = (LoadSpec("a", 200.0, 1000.0, 300.0), LoadSpec("b", 200.0, 2000.0, 600.0))


@pytest.fixture
def tree(tmp_path):
    with RaplTree(LOADS, tmp_path / "sys") as tree:
        yield tree


def zones_of(sysfs):
    """The zones of a sysfs as prometheus/procfs finds them (sysfs.GetRaplZones)."""
    zones = {}
    for path in sorted((sysfs / "class" / "powercap").iterdir()):
        if path.name.startswith("intel-rapl:"):
            name = (path / "name").read_text().strip()
            limit = int((path / "max_energy_range_uj").read_text())
            energy = int((path / "energy_uj").read_text().strip())
            zones[path.name] = (name, energy, limit)
    return zones


def limit_file(tree, load=0, constraint=0):
    zone = tree.root / "class" / "powercap" / f"intel-rapl:{load}"
    return zone / f"constraint_{constraint}_power_limit_uw"


def test_a_consumer_finds_packages_and_dram_with_their_energy(tree):
    tree.refresh(0, [500.0, 1000.0])
    tree.refresh(2000, [500.0, 1000.0])
    assert zones_of(tree.root) == {
        "intel-rapl:0": ("package-0", 1_000_000_000, RANGE_UJ),
        "intel-rapl:0:0": ("dram", 120_000_000, RANGE_UJ),
        "intel-rapl:1": ("package-1", 2_000_000_000, RANGE_UJ),
        "intel-rapl:1:0": ("dram", 240_000_000, RANGE_UJ),
    }


def test_energy_wraps_within_its_range_and_is_whole_after_it_became_shorter(tree):
    path = tree.root / "class/powercap/intel-rapl:0/energy_uj"
    with path.open() as kept_open:
        tree.refresh(0, [1000.0, 0.0])
        for second in range(1, 264):
            before = int(path.read_text())
            tree.refresh(second * 1000, [1000.0, 0.0])
            kept_open.seek(0)
            text = kept_open.read()
            energy = int(text)
            assert text == f"{energy}\n"
            assert (energy - before) % RANGE_UJ == 1_000_000_000
    assert energy < before


def test_a_limit_that_a_shell_writes_lowers_the_draw(tmp_path):
    rack = make_rack()
    with RaplTree(rack.spec.loads, tmp_path / "sys") as tree:
        follow(rack, tree)
        assert rack.load_w[1] == pytest.approx(8000, rel=0.01)
        limit_file(tree, 1).write_text("5000000000\n")
        follow(rack, tree)
        assert rack.load_w[1] == pytest.approx(5000, rel=0.01)
        assert rack.load_w[0] == pytest.approx(8000, rel=0.01)
        (limit_file(tree, 1).parent / "enabled").write_text("0")
        follow(rack, tree)
        assert rack.load_w[1] == pytest.approx(8000, rel=0.01)


@pytest.mark.parametrize(
    ("written", "held", "cap_w"),
    [
        ("700000000", "700000000", 700.0),
        ("700010000", "700000000", 700.0),
        ("1", "300000000", 300.0),
        ("99999999999", "1000000000", None),
        ("1000000000", "1000000000", None),
        ("0", "300000000", 300.0),
    ],
)
def test_limits_are_clamped_and_stepped_as_the_register_does(tree, written, held, cap_w):
    limit_file(tree).write_text("600000000\n")
    tree.refresh(0, [0.0, 0.0])
    assert tree.take_caps() == [(0, 600.0)]
    limit_file(tree).write_text(written)
    tree.refresh(100, [0.0, 0.0])
    assert tree.take_caps() == [(0, cap_w)]
    assert limit_file(tree).read_text() == f"{held}\n"


def test_the_lower_of_both_constraints_holds(tree):
    limit_file(tree, 0, 0).write_text("800000000")
    limit_file(tree, 0, 1).write_text("650000000")
    tree.refresh(0, [0.0, 0.0])
    assert tree.take_caps() == [(0, 650.0)]


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_rubbish_never_changes_a_limit(tmp_path_factory, texts):
    with RaplTree(LOADS, tmp_path_factory.mktemp("rapl") / "sys") as tree:
        path = limit_file(tree)
        for text in texts:
            path.write_bytes(text)
            tree.refresh(0, [0.0, 0.0])
            tree.refresh(0, [0.0, 0.0])
            caps = tree.take_caps()
            assert caps == [] or parse(text) is not None
            assert 300_000_000 <= int(path.read_text()) <= 1_000_000_000


def test_an_empty_file_has_one_refresh_to_be_filled(tree):
    path = limit_file(tree)
    path.write_text("")
    tree.refresh(0, [0.0, 0.0])
    assert path.read_text() == ""
    tree.refresh(100, [0.0, 0.0])
    assert path.read_text() == "1000000000\n"
    assert tree.take_caps() == []


def test_a_deleted_file_comes_back(tree):
    limit_file(tree).unlink()
    tree.refresh(0, [0.0, 0.0])
    assert limit_file(tree).read_text() == "1000000000\n"


def test_a_removed_tree_comes_back_with_what_was_set(tree):
    limit_file(tree).write_text("500000000")
    tree.refresh(0, [1000.0, 1000.0])
    before = zones_of(tree.root)
    shutil.rmtree(tree.root)
    tree.refresh(0, [1000.0, 1000.0])
    tree.refresh(0, [1000.0, 1000.0])
    assert zones_of(tree.root) == before
    assert limit_file(tree).read_text() == "500000000\n"
    assert tree.take_caps() == [(0, 500.0)]


def test_error_takes_the_files_away_and_ignore_leaves_the_draw(tree):
    tree.answers[0] = "error"
    tree.refresh(0, [500.0, 500.0])
    with pytest.raises(FileNotFoundError):
        limit_file(tree).read_text()
    tree.answers[0] = "ignore"
    tree.refresh(100, [500.0, 500.0])
    limit_file(tree).write_text("500000000")
    tree.refresh(200, [500.0, 500.0])
    assert tree.take_caps() == []
    assert limit_file(tree).read_text() == "500000000\n"


def test_a_tree_is_never_made_over_what_is_there(tmp_path):
    (tmp_path / "class" / "powercap").mkdir(parents=True)
    with pytest.raises(PortError, match="choose an empty directory"):
        RaplTree(LOADS, tmp_path).start()


def test_nothing_is_left_behind(tmp_path):
    with RaplTree(LOADS, tmp_path / "sys") as tree:
        pass
    assert not any((tmp_path / "sys").rglob("*energy_uj"))
    tree.close()
