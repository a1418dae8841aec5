# SPDX-License-Identifier: Apache-2.0
"""What is copied to a new board starts there."""

import json
from pathlib import Path

import pytest

from firmware_py import loader, make_image
from firmware_py.board.example import document
from firmware_py.store import config
from firmware_py.store.compile import compile_json
from firmware_py.store.copies import load
from firmware_py.store.folder import Folder

BINARY, *_ = compile_json(json.dumps(document("rp2")).encode())
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board") / "image"
    make_image.image(folder, BINARY, KEY)
    return folder


def test_the_loader_finds_slot_a_whole(root: Path) -> None:
    assert (root / "main.py").read_bytes() == Path(loader.__file__).read_bytes()
    assert (root / "a/firmware_py/run.mpy").stat().st_size > 100
    assert loader.whole(str(root / "a"))
    (root / "a/firmware_py/app.mpy").write_bytes(b"M\x06torn")
    assert not loader.whole(str(root / "a"))


def test_the_configuration_is_there_as_the_board_keeps_it(root: Path) -> None:
    payload, seq, fell_back = load(Folder(str(root / "cfg")), make_image.CONFIG)
    assert (bytes(payload), seq, fell_back) == (BINARY, 1, False)
    assert config.parse(payload).board == "rp2"
    assert (root / "cfg/key").read_bytes() == KEY


@pytest.mark.parametrize(("binary", "key"), [(b"{}", b""), (BINARY, b"short")])
def test_nothing_is_written_for_what_no_board_could_use(
    tmp_path: Path, binary: bytes, key: bytes
) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - two kinds, both with a sentence
        make_image.image(tmp_path / "image", binary, key)
    assert not (tmp_path / "image").exists()
