# SPDX-License-Identifier: Apache-2.0
# The folder that files lie in: all that the store wants of a file system.


class Folder:
    def __init__(self, path):
        self._path = path

    def open(self, name, mode):
        return open(self._path + "/" + name, mode)
