# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM (test_fskind.py starts it). Prints one JSON object.

import json

import vfs

from firmware_py.store import fskind


class Ram:
    def __init__(self):
        self.data = bytearray(64 * 512)

    def readblocks(self, block, buf, offset=0):
        at = block * 512 + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * 512 + offset
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, _arg):
        return {4: 64, 5: 512}.get(op, 0)


def _mount(kind, path):
    flash = Ram()
    kind.mkfs(flash)
    vfs.mount(kind(flash), path)


def _look():
    places = {"lfs2": "/lfs2", "lfs1": "/lfs1", "fat": "/fat", "root": "/"}
    _mount(vfs.VfsLfs2, "/lfs2")
    _mount(vfs.VfsLfs1, "/lfs1")
    _mount(vfs.VfsFat, "/fat")
    empty = fskind.NAMES[fskind._by_case("/fat")]
    for path in ("/lfs2", "/lfs1", "/fat"):
        with open(path + "/main.py", "w") as file:  # noqa: PTH123
            file.write("")
    return {
        "mount": {name: fskind.NAMES[fskind.kind(path)] for name, path in places.items()},
        "case": {name: fskind.NAMES[fskind._by_case(path)] for name, path in places.items()},
        "empty": empty,
    }


print(json.dumps(_look()))
