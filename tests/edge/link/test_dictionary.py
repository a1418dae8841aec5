# SPDX-License-Identifier: Apache-2.0
"""A board's dictionary is read once, checked, and kept by its CRC."""

import json
import zlib
from itertools import pairwise
from pathlib import Path

import pytest

from edge.link import DictionaryCache, Session, State, cache_directory
from edge.link import events as ev
from edge.link.dictionary import DictionaryReader
from edge.link.messages import OWN
from firmware_py.link import commands
from firmware_py.link import messages as m

from .fake_board import FakeBoard, Rig

NEW_ROW = [0x30, "COOLANT", "b", "<i", [["supply_mc", "mC", 1]], ""]


def dictionary(*more) -> bytes:
    return zlib.compress(json.dumps([*m.MESSAGES, *more]).encode(), 1)


@pytest.fixture
def newer_board(monkeypatch) -> bytes:
    """Boards made in this test have a dictionary this host has never seen."""
    data = dictionary(NEW_ROW)
    monkeypatch.setattr(commands, "DICT", data)
    monkeypatch.setattr(commands, "DICT_CRC", zlib.crc32(data))
    return data


def connect(cache: DictionaryCache | None = None) -> tuple[Rig, int]:
    """A connected rig and how many DICT_DATA it took."""
    bench = Rig(Session(owner=1, nonce=1, cache=cache), FakeBoard())
    reads = 0
    for _ in range(60):
        bench.run(1)
        reads += bench.session.state is State.DICT
    assert bench.session.state is State.READY
    return bench, reads


def test_board_with_our_dictionary_is_not_asked_for_it():
    bench, reads = connect()
    assert reads == 0
    assert bench.session.dictionary is OWN


def test_unknown_dictionary_is_read_and_used(newer_board):
    bench, reads = connect()
    assert reads > 1
    assert "COOLANT" in bench.session.dictionary.names()
    type_, payload = bench.session.dictionary.pack("COOLANT", supply_mc=17500)
    (event,) = bench.session.receive(bench.board.event(type_, payload), bench.now_ms)
    assert event == ev.Unlisted(bench.now_ms, "COOLANT", {"supply_mc": 17500})


def test_dictionary_is_read_once_for_one_cache_and_once_for_one_disk(newer_board, tmp_path):
    cache = DictionaryCache(tmp_path / "made" / "when needed")
    assert connect(cache)[1] > 0
    assert connect(cache)[1] == 0
    assert connect(DictionaryCache(tmp_path / "made" / "when needed"))[1] == 0
    assert connect(DictionaryCache(tmp_path / "elsewhere"))[1] > 0


@pytest.mark.parametrize("damage", [b"", b"x", dictionary()], ids=["empty", "short", "another"])
def test_damaged_file_in_the_cache_is_passed_over_and_replaced(newer_board, tmp_path, damage):
    connect(DictionaryCache(tmp_path))
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    assert connect(DictionaryCache(tmp_path))[1] > 0
    assert file.read_bytes() == newer_board


def test_cache_that_cannot_be_written_only_costs_time(newer_board, tmp_path):
    (tmp_path / "file").write_text("")
    assert connect(DictionaryCache(tmp_path / "file" / "below"))[1] > 0


def test_dictionary_whose_crc_is_wrong_is_reported_and_tried_again_slowly(monkeypatch, newer_board):
    monkeypatch.setattr(commands, "DICT_CRC", 1)
    bench = Rig(Session(owner=1, nonce=1), FakeBoard())
    attempts = []
    for _ in range(250):
        before = bench.session.state
        bench.run(1)
        if before is not State.DICT and bench.session.state is State.DICT:
            attempts.append(bench.now_ms)
    (problem,) = [event for event in bench.events if isinstance(event, ev.Problem)]
    assert problem.trouble is ev.Trouble.DICTIONARY
    assert "CRC" in problem.message
    assert len(attempts) >= 3
    assert all(after - before >= 1000 for before, after in pairwise(attempts))


def test_line_cut_in_the_middle_of_the_dictionary_starts_over(newer_board):
    bench = Rig(Session(owner=1, nonce=1), FakeBoard())
    while bench.session.state is not State.DICT:
        bench.run(1)
    bench.now_ms += 5000
    bench.session.data_to_send()
    bench.run(100)
    assert bench.session.state is State.READY
    assert "COOLANT" in bench.session.dictionary.names()


@pytest.mark.parametrize(("offset", "chunk"), [(1, b"ab"), (0, b""), (0, b"abcd")])
def test_piece_that_was_not_asked_for_is_refused(offset, chunk):
    reader = DictionaryReader(0, 3)
    with pytest.raises(ValueError, match="in answer to 3 at 0"):
        reader.add(offset, chunk)


def test_cache_lies_where_xdg_says(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/x/cache")
    assert cache_directory() == Path("/x/cache/rackedge")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative is to be ignored")
    assert cache_directory() == Path.home() / ".cache" / "rackedge"
