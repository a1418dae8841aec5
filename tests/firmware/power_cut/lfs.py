# SPDX-License-Identifier: Apache-2.0
"""littlefs on a NOR flash in RAM whose power can fail: the rig of cuts.py on CPython."""

import errno

from littlefs import LittleFS, UserContext, lfs
from littlefs.errors import LittleFSError

from tests.firmware.power_cut.cuts import erased, half, noise, programmed

BLOCK = 4096
PROGRAM = 256
"""As the rp2 port mounts it: VfsLfs2(flash, progsize=256)."""
_EIO = -5
_NOISE = noise(BLOCK)


class Cut(BaseException):
    """Power has failed."""


class Flash(UserContext):
    """Counts erases and programs. Power fails at write `cut_at`; then nothing works."""

    def __init__(self, blocks):
        super().__init__(blocks * BLOCK)
        self.blocks = blocks
        self.erases = [0] * blocks
        self.ops = 0
        self.cut_at = 0
        self.how = "before"
        self.dead = False

    def read(self, cfg, block, off, size):
        if self.dead:
            return bytearray(size)
        return super().read(cfg, block, off, size)

    def prog(self, _cfg, block, off, data):
        return self._write(block * BLOCK + off, bytes(data), None)

    def erase(self, _cfg, block):
        self.erases[block] += not self.dead
        return self._write(block * BLOCK, None, b"\xff" * BLOCK)

    def _write(self, at, data, erase):
        """Program `data` or erase. The binding swallows exceptions: files raise Cut instead."""
        if self.dead:
            return _EIO
        self.ops += 1
        size = len(data or erase)
        how = None
        if self.ops == self.cut_at:
            self.dead = True
            if self.how == "before":
                return _EIO
            how = _NOISE[:size] if self.how == "noise" else half(size)
        old = self.buffer[at : at + size]
        made = erased(old, how or erase) if data is None else programmed(old, data, how)
        self.buffer[at : at + size] = made
        return _EIO if self.dead else 0


class File:
    """A file of Files; without the binding's finaliser, which would close it after a cut."""

    def __init__(self, flash, fs, name, mode):
        self._flash = flash
        self._fs = fs
        self._handle = self._do(lfs.file_open, name, mode)

    def _do(self, function, *args):
        try:
            done = function(self._fs, *args)
        except LittleFSError as error:
            if self._flash.dead:
                raise Cut from None
            raise OSError(-error.code, str(error)) from None
        if self._flash.dead:
            raise Cut
        return done

    def read(self, size=-1):
        size = self._do(lfs.file_size, self._handle) if size < 0 else size
        return self._do(lfs.file_read, self._handle, size)

    def write(self, data):
        return self._do(lfs.file_write, self._handle, bytes(data))

    def seek(self, offset, whence=0):
        return self._do(lfs.file_seek, self._handle, offset, whence)

    def close(self):
        self._do(lfs.file_close, self._handle)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not Cut:
            self.close()


class Files:
    """The `files` that the store takes."""

    def __init__(self, flash, fs):
        self._flash = flash
        self._fs = fs

    def open(self, name, mode):
        return File(self._flash, self._fs, name, mode)


class Rig:
    """A littlefs with the settings of MicroPython's VfsLfs2."""

    def __init__(self, blocks=32):
        self.flash = Flash(blocks)
        self._made = None

    @property
    def ops(self):
        return self.flash.ops

    @property
    def dead(self):
        return self.flash.dead

    def blank(self):
        self.restore(b"\xff" * len(self.flash.buffer))
        self._make().format()

    def _make(self):
        return LittleFS(
            self.flash,
            mount=False,
            block_size=BLOCK,
            block_count=self.flash.blocks,
            read_size=32,
            prog_size=PROGRAM,
            cache_size=4 * PROGRAM,
            lookahead_size=32,
            block_cycles=100,
        )

    def image(self):
        return bytes(self.flash.buffer)

    def restore(self, image):
        self.flash.buffer[:] = image
        self.flash.dead = False
        self.flash.cut_at = 0

    def cut(self, n, how):
        self.flash.cut_at = self.flash.ops + n
        self.flash.how = how

    def mount(self):
        made = self._make()
        try:
            made.mount()
        except LittleFSError as error:
            raise OSError(errno.EIO, str(error)) from None
        self._made = made  # the files need it
        return Files(self.flash, made.fs)
