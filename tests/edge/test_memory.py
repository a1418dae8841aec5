# SPDX-License-Identifier: Apache-2.0
"""What survives a restart, and what a power cut or a bad disk can do to it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import memory
from edge.errors import ConfigError
from edge.memory import FeedMemory, RackMemory

KEPT = RackMemory(
    1_700_000_000_000,
    (FeedMemory("A", 500_000, 400_000, 300_000, 25_000_000), FeedMemory("B", 1, 2, 3, 4)),
)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    memory.save(tmp_path / "r.json", KEPT)
    assert memory.load(tmp_path / "r.json", ["A", "B"]) == KEPT
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize("names", [["A"], ["B", "A"], ["A", "C"], []])
def test_a_memory_of_another_rack_is_none(tmp_path: Path, names: list[str]) -> None:
    memory.save(tmp_path / "r.json", KEPT)
    assert memory.load(tmp_path / "r.json", names) is None


@given(st.data())
def test_a_damaged_file_is_none(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    path = tmp_path_factory.mktemp("kept") / "r.json"
    memory.save(path, KEPT)
    good = path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    flipped = bytes([good[at] ^ data.draw(st.integers(1, 255))])
    cut = good[:at]
    for bad in (good[:at] + flipped + good[at + 1 :], cut, data.draw(st.binary(max_size=60))):
        path.write_bytes(bad)
        assert memory.load(path, ["A", "B"]) in (None, KEPT)
    path.write_bytes(cut)
    assert memory.load(path, ["A", "B"]) is None


@pytest.mark.parametrize(
    "feed", [("A", -1, 0, 0, 0), ("A", 0, 0, 3_000_000, 0), ("A", 0.5, 0, 0, 0)]
)
def test_heat_that_cannot_be_is_none(tmp_path: Path, feed: tuple[object, ...]) -> None:
    memory.save(tmp_path / "r.json", RackMemory(1, (FeedMemory(*feed),)))  # type: ignore[arg-type]
    assert memory.load(tmp_path / "r.json", ["A"]) is None


def test_no_file_is_none_and_a_missing_directory_is_told_before_the_start(tmp_path: Path) -> None:
    assert memory.load(tmp_path / "none.json", ["A"]) is None
    with pytest.raises(ConfigError, match="create it"):
        memory.check_writable(tmp_path / "no" / "r.json")
    memory.check_writable(tmp_path / "r.json")


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "r.json"
    memory.save(path, KEPT)

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        memory.save(path, RackMemory(2, KEPT.feeds))
    assert memory.load(path, ["A", "B"]) == KEPT
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]
