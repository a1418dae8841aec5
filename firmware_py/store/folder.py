# SPDX-License-Identifier: Apache-2.0
# The folder that files lie in: all that the store wants of a file system. And the order of the
# sequence numbers in them.


class Folder:
    def __init__(self, path):
        self._path = path

    def open(self, name, mode):
        return open(self._path + "/" + name, mode)


# Sequence a comes after b, on the circle of 32 bits.
def after(a, b):
    return 0 < ((a - b) & 0xFFFFFFFF) < 0x80000000
