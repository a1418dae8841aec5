# SPDX-License-Identifier: Apache-2.0
"""`rackedge config` as scripts and people meet it."""

import json
from pathlib import Path

import pytest

from firmware_py.store.config import parse
from tests.edge.test_cli import rackedge

GOOD = {"version": 2, "loads": [0], "groups": [{}], "feeds": [{"rating_ma": 16_000}]}


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.json"
    path.write_text(json.dumps(GOOD))
    return path


def test_compile_writes_what_a_board_reads_and_show_gives_it_back(board: Path) -> None:
    binary = board.with_suffix(".bin")
    code, out, err = rackedge("config", "compile", str(board))
    assert (code, err) == (0, "")
    crc = parse(binary.read_bytes()).crc
    assert out == f"{binary}: {binary.stat().st_size} bytes, crc {crc:08x}\n"
    code, out, err = rackedge("config", "show", str(binary))
    assert (code, err) == (0, "")
    assert json.loads(out)["feeds"][0]["rating_ma"] == 16_000
    again = board.with_name("again.json")
    again.write_text(out)
    assert rackedge("config", "compile", str(again))[0] == 0
    assert again.with_suffix(".bin").read_bytes() == binary.read_bytes()


def test_json_is_on_stdout_and_notes_are_in_it_and_on_stderr(board: Path, tmp_path: Path) -> None:
    board.write_text(json.dumps(GOOD | {"version": 1}))
    target = tmp_path / "other.bin"
    code, out, err = rackedge("config", "compile", str(board), "-o", str(target), "--json")
    assert code == 0
    done = json.loads(out)
    assert done["output"] == str(target)
    assert done["bytes"] == target.stat().st_size
    assert done["crc"] == parse(target.read_bytes()).crc
    assert done["notes"] == ["version 1 was read as version 2"]
    assert err == f"rackedge: {board}: note: version 1 was read as version 2\n"


def test_every_mistake_is_a_line_with_file_and_key_and_nothing_is_written(board: Path) -> None:
    binary = board.with_suffix(".bin")
    binary.write_bytes(b"the older one")
    board.write_text(json.dumps(GOOD | {"shed": {"ttt_ms": 1, "ttt": 2}}))
    code, out, err = rackedge("config", "compile", str(board))
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"rackedge: {board}: shed.ttt: unknown key; did you mean ttt_ms?",
        f"rackedge: {board}: shed.ttt_ms: must be an integer from 200 to 60000, not 1",
    ]
    assert binary.read_bytes() == b"the older one"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("compile", "absent.json"), "absent.json: No such file"),
        (("show", "absent.bin"), "absent.bin: No such file"),
        (("show", "BOARD"), "board.json: is not a compiled configuration"),
        (("compile", "BOARD", "-o", "BOARD"), "board.json: would be overwritten"),
        (("compile", "BOARD", "-o", "/no/such/place"), "/no/such/place: No such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(board: Path, args: tuple[str, ...], says: str) -> None:
    code, out, err = rackedge("config", *(str(board) if a == "BOARD" else a for a in args))
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert json.loads(board.read_text()) == GOOD
