# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM (test_power_cut.py starts it):
#     vm_power_cut.py lfs2|fat|card AGE...      prints the rows of power_cut.cuts as JSON
#
# The VM's own file systems on a flash in RAM. As on rp2 and esp32, littlefs erases and programs by
# itself, while each sector that FAT writes is erased and programmed: two writes, either of which
# can be the last. `card` is FAT on what replaces sectors of 512 bytes, or tears them.

import json
import sys

import vfs

from firmware_py.store.folder import Folder
from tests.firmware.power_cut import cuts, scenarios

_BYTES = 32 * 4096
_ERASED = b"\xff" * 4096
_EIO = -5


class Cut(BaseException):
    pass


_NOISE = cuts.noise(4096)
_CUT = Cut()  # made here: a file's finaliser may not allocate


# Counts its writes; when power has failed they fail. It can then still be read, without allocating,
# by a file that the collector closes.
class Flash:
    def __init__(self, kind):
        self.block = 512 if kind == "card" else 4096
        self._nor = kind != "card"
        self.data = bytearray(_BYTES)
        self.ops = 0
        self.cut_at = 0
        self.how = "before"
        self.dead = False

    def readblocks(self, block, buf, offset=0):
        at = block * self.block + offset
        if self.dead:
            for i in range(len(buf)):
                buf[i] = self.data[at + i]
            return 0
        buf[:] = memoryview(self.data)[at : at + len(buf)]
        return 0

    def writeblocks(self, block, buf, offset=None):
        if self.dead:
            return _EIO
        if offset is not None:
            return self._write(block * self.block + offset, buf)
        for at in range(0, len(buf), self.block):
            if self._nor:
                self._erase(block * self.block + at)
            self._write(block * self.block + at, memoryview(buf)[at : at + self.block])
        return 0

    def ioctl(self, op, arg):
        if op == 4:
            return _BYTES // self.block
        if op == 5:
            return self.block
        if op != 6:
            return 0
        return _EIO if self.dead else self._erase(arg * self.block)

    def _erase(self, at):
        how = self._how(self.block)
        old = self.data[at : at + self.block]
        self.data[at : at + self.block] = cuts.erased(old, how) if how else _ERASED[: self.block]
        return self._end()

    def _write(self, at, data):
        how = self._how(len(data))
        old = self.data[at : at + len(data)]
        if not self._nor:  # what is replaced counts as erased where it is written
            old = cuts.erased(old, how) if how else _ERASED[: len(data)]
        if how or old != _ERASED[: len(data)]:
            data = cuts.programmed(old, data, how)
        self.data[at : at + len(data)] = data
        return self._end()

    # The bits of a write that still happen; None: all.
    def _how(self, size):
        self.ops += 1
        if self.ops != self.cut_at:
            return None
        self.dead = True
        if self.how == "before":
            return bytes(size)
        return _NOISE[:size] if self.how == "noise" else cuts.half(size)

    def _end(self):
        if self.dead:
            raise _CUT
        return 0


class Rig:
    def __init__(self, kind):
        self._kind = kind
        self._class = vfs.VfsLfs2 if kind == "lfs2" else vfs.VfsFat
        self._options = {"progsize": 256} if kind == "lfs2" else {}
        self._flash = Flash(kind)
        self._mounted = False

    @property
    def ops(self):
        return self._flash.ops

    @property
    def dead(self):
        return self._flash.dead

    def blank(self):
        self._flash.dead = False
        self._flash.cut_at = 0
        self._class.mkfs(self._flash, **self._options)

    def image(self):
        return bytes(self._flash.data)

    # On a new device: what lives of the old file system, a file to be closed, keeps its dead one.
    def restore(self, image):
        ops = self._flash.ops
        self._flash.dead = True
        self._flash = Flash(self._kind)
        self._flash.data[:] = image
        self._flash.ops = ops

    def cut(self, n, how):
        self._flash.cut_at = self._flash.ops + n
        self._flash.how = how

    def mount(self):
        if self._mounted:
            vfs.umount("/flash")
            self._mounted = False
        vfs.mount(self._class(self._flash, **self._options), "/flash")
        self._mounted = True
        return Folder("/flash")


def _rows(kind, ages):
    rig = Rig(kind)
    chosen = scenarios.ALL + (scenarios.NAIVE,)  # noqa: RUF005 - no *a in a tuple on the VM
    return [cuts.survey_ages(rig, scenario, how, ages) for scenario in chosen for how in cuts.HOW]


if __name__ == "__main__":
    print(json.dumps(_rows(sys.argv[1], [int(age) for age in sys.argv[2:]])))
