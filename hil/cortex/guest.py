# SPDX-License-Identifier: Apache-2.0
# Runs on the emulated machine: machine.py sends it over the raw REPL, after a line that gives
#     ROM, FLASH, INBOUND, OUTBOUND   (address, bytes) in the memory that both sides see
#     FILES                           name -> the same, of what lies in /given
# The firmware lies in ROM as a ROMFS image and runs from there, as it does from a board's flash.

import gc
import io
import sys

import machine
import uctypes
import vfs


def piece(at):
    return uctypes.bytearray_at(at[0], at[1])


# Swallows all: /given/null.
class Null(io.IOBase):
    def write(self, data):
        return len(data)


# What the host gives, to read.
class Given:
    def mount(self, readonly, mkfs):
        pass

    def open(self, path, _mode):
        name = path.rsplit("/", 1)[-1]
        if name == "null":
            return Null()
        if name not in FILES:
            raise OSError(2)
        return io.BytesIO(piece(FILES[name]))


# Memory as a flash: erased before it is written, which LittleFS does.
class Blocks:
    SIZE = 4096

    def __init__(self, at):
        self._memory = piece(at)

    def readblocks(self, n, data, offset=0):
        start = n * self.SIZE + offset
        data[:] = memoryview(self._memory)[start : start + len(data)]

    def writeblocks(self, n, data, offset=0):
        start = n * self.SIZE + offset
        self._memory[start : start + len(data)] = data

    def ioctl(self, what, n):
        if what == 4:
            return len(self._memory) // self.SIZE
        if what == 5:
            return self.SIZE
        if what == 6:
            start = n * self.SIZE
            self._memory[start : start + self.SIZE] = b"\xff" * self.SIZE
        return 0


# This port has none. A board in virtual time never looks at it; who measures does: the counter has
# 25 MHz, so where QEMU counts instructions at 1 ns each it counts every 40th.
class Time:
    LOAD = 0x40002000  # timer 1 of the CMSDK dual timer: load, value, control

    @staticmethod
    def ticks_us():
        return (0xFFFFFFFF - machine.mem32[Time.LOAD + 4]) // 25

    @staticmethod
    def ticks_ms():
        return Time.ticks_us() // 1000


machine.mem32[Time.LOAD] = 0xFFFFFFFF
machine.mem32[Time.LOAD + 8] = 0xC2  # on, wraps at its load, 32 bits


# The records of firmware_py/board/sim.py lie in memory; one byte on the UART says that one is new.
class Bell:
    def __init__(self):
        self._byte = bytearray(1)
        self._in = piece(INBOUND)
        self._out = piece(OUTBOUND)

    def read(self, words):
        sys.stdin.buffer.readinto(self._byte)
        if self._byte != b"r":
            return 0
        uctypes.bytearray_at(uctypes.addressof(words), len(self._in))[:] = self._in
        return len(self._in)

    def write(self, words):
        self._out[:] = uctypes.bytearray_at(uctypes.addressof(words), len(self._out))
        sys.stdout.buffer.write(b"r")


def mount_flash():
    blocks = Blocks(FLASH)
    try:
        disk = vfs.VfsLfs2(blocks)
    except OSError:
        vfs.VfsLfs2.mkfs(blocks)
        disk = vfs.VfsLfs2(blocks)
    vfs.mount(disk, "/flash")


# What the firmware refuses goes out without a traceback, as firmware_py.main.run has it.
def run(argv):
    from firmware_py.main import board

    bell = Bell()
    try:
        made = board(argv)
    except (ValueError, OSError) as error:
        print("firmware: %s: %s" % (argv[0], error))
        return
    made.run(bell.read, bell.write)


vfs.mount(vfs.VfsRom(piece(ROM)), "/rom")
vfs.mount(Given(), "/given")
sys.modules["time"] = Time  # a class: from an instance nothing can be imported
sys.path[:] = ["/rom"]
gc.collect()
