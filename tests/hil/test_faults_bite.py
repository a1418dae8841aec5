# SPDX-License-Identifier: Apache-2.0
"""Each fault of the catalogue bites, shows nothing before its time, and goes without a trace."""

import pytest

from hil.faults import CATALOGUE, LAYERS
from tests.hil.faults_rig import run, spec_of
from tests.hil.faults_table import TABLE

CLEAN = {}


def clean(row, directory):
    """The run of a row without its fault; rows with equal options share it."""
    key = repr(row.options) + repr(row.board)
    if key not in CLEAN:
        CLEAN[key] = run(directory, row.options, board=row.board)
    return CLEAN[key]


def test_every_kind_has_a_row_and_every_row_a_kind():
    assert set(TABLE) == set(CATALOGUE)


def test_every_kind_is_of_a_layer_and_has_one_line_of_explanation():
    for kind, of in CATALOGUE.items():
        assert kind == of.kind
        assert kind.startswith(f"{of.layer}.")
        assert of.layer in LAYERS
        assert 10 < len(of.doc) < 90
        assert "\n" not in of.doc


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_it_bites_and_goes(kind, tmp_path):
    row = TABLE[kind]
    (tmp_path / "base").mkdir()
    base = clean(row, tmp_path / "base")
    hit = run(tmp_path, row.options, [spec_of(kind, **row.values)], board=row.board)

    before = [each for each in hit.seen if each.t_ms < 3000]
    assert before == base.seen[: len(before)], "seen before its time"
    assert row.bites(hit, base), "no bite"
    assert not row.bites(base, base), "bites without the fault: the row proves nothing"
    assert row.back(hit), "still there"
    assert hit.ports.sensors == [] == hit.ports.actuators or row.options.prepare
    assert hit.ports.up.filters == [] == hit.ports.down.filters
    (span,) = hit.injector.spans
    assert (span.kind, span.start_ms, span.end_ms) == (kind, 3000, 6000)


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_the_same_seed_gives_the_same_run(kind, tmp_path):
    row = TABLE[kind]
    if row.board is not None:
        pytest.skip("one VM run a kind is enough")
    runs = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        specs = [spec_of(kind, at_s=1, for_s=2, **row.values)]
        runs.append(run(tmp_path / name, row.options, specs, seconds=4).seen)
    assert runs[0] == runs[1]
