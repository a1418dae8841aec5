# SPDX-License-Identifier: Apache-2.0
"""Files in RAM that lose power between any two bytes: worse than any file system may be."""

import errno


class Cut(BaseException):
    """Power has failed."""


class Files:
    """The `files` that the store takes; `data` outlives a cut. `budget`: bytes until the cut."""

    def __init__(self):
        self.data = {}
        self.budget = None
        self.full = False
        self.opened = []

    def open(self, name, mode):
        self.opened.append((name, mode))
        if mode == "rb" and name not in self.data:
            raise OSError(errno.ENOENT, name)
        if mode == "wb":
            self.spend(1)
            self.data[name] = bytearray()
        return _File(self, self.data.setdefault(name, bytearray()), mode)

    def spend(self, n):
        """Bytes of n that still get written; the rest of them is the cut's."""
        if self.budget is None:
            return n
        if self.budget < n:
            n, self.budget = self.budget, 0
            if n == 0:
                raise Cut
            return n
        self.budget -= n
        return n


class _File:
    def __init__(self, files, data, mode):
        self._files = files
        self._data = data
        self._at = len(data) if mode == "ab" else 0
        self.closed = False

    def read(self, size=-1):
        end = len(self._data) if size < 0 else self._at + size
        part = bytes(self._data[self._at : end])
        self._at += len(part)
        return part

    def seek(self, offset, whence=0):
        self._at = offset + (len(self._data) if whence == 2 else 0)
        return self._at

    def write(self, data):
        if self._files.full:
            raise OSError(errno.ENOSPC, "full")
        n = self._files.spend(len(data))
        self._data[self._at : self._at + n] = data[:n]
        self._at += n
        if n < len(data):
            raise Cut
        return n

    def close(self):
        self.closed = True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
