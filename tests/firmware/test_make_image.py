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
from hil.drivers.boardfile import write_binary
from tests.firmware.features import FEATURES
from tests.firmware.vm import bytecode, live_heap, live_heap_in_place

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


def test_with_romfs_the_slots_stay_free_and_the_firmware_runs_in_place(tmp_path: Path) -> None:
    rom, folder = tmp_path / "image.romfs", tmp_path / "image"
    make_image.image(folder, BINARY, KEY, rom)
    assert sorted(path.name for path in folder.iterdir()) == ["cfg", "main.py"]
    config, options = FEATURES["all of these"]
    path = tmp_path / "board.json"
    path.write_text(json.dumps(config))
    path = write_binary(path)
    loaded = live_heap(path, *options, tmp_path / "store", firmware=bytecode())
    assert live_heap_in_place(path, *options, tmp_path / "rom", rom=rom) < 0.75 * loaded


def test_an_image_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    rom = tmp_path / "image.romfs"
    rom.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        make_image.image(tmp_path / "image", BINARY, KEY, rom)
    assert rom.read_bytes() == b"mine"
    assert not (tmp_path / "image").exists()


def test_what_fails_leaves_no_half_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_image.make_mpy, "build", lambda _folder: 1 // 0)
    for rom in (None, tmp_path / "image.romfs"):
        with pytest.raises(ZeroDivisionError):
            make_image.image(tmp_path / "image", BINARY, KEY, rom)
        assert list(tmp_path.iterdir()) == []


def test_the_command_line_says_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("board.bin").write_bytes(BINARY)
    make_image.main(["image", "board.bin", "--romfs"])
    assert capsys.readouterr().out.splitlines() == [
        "image.romfs: mpremote romfs deploy image.romfs",
        "image: copy it with mpremote cp -r image/. : + reset",
    ]
    with pytest.raises(SystemExit, match=r"image\.romfs: is there already: give a new folder"):
        make_image.main(["image", "board.bin", "--romfs"])
    with pytest.raises(SystemExit, match="other: "):
        make_image.main(["new", "other"])


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
