# SPDX-License-Identifier: Apache-2.0
# Which file system the board's files are on. Two copies and a ring of segments are proven against
# power cuts on littlefs 2 only (tests/firmware/power_cut). FAT on raw flash rewrites whole sectors:
# a cut while that of the directory is erased takes every file, the application too. There the board
# does not write unless it was told to.

import os
import sys

LITTLEFS = 0
FAT = 1
HOST = 2  # the files of a computer: the simulator's
OTHER = 3

NAMES = ("littlefs", "FAT", "host", "unknown")
_CLASSES = {"VfsLfs2": LITTLEFS, "VfsFat": FAT, "VfsPosix": HOST}


# Kind of the file system that holds `path`, an absolute path.
def kind(path="/"):
    if sys.implementation.name != "micropython":
        return HOST
    try:
        mounted = _mounted(path)
    except (ImportError, TypeError):  # before 1.25 mount() does not list
        return _by_case(path)
    return _CLASSES.get(mounted, OTHER)


# Saves and journal are safe there, or allowed all the same.
def may_write(found, allow_unsafe=False):
    return found in (LITTLEFS, HOST) or allow_unsafe


# Class name of the mount with the longest prefix of `path`.
def _mounted(path):
    from vfs import mount  # noqa: PLC0415 - not before 1.22, not on CPython

    best = name = ""
    for device, at in mount():
        inside = path == at or path.startswith(at if at.endswith("/") else at + "/")
        if inside and len(at) >= len(best):
            best = at
            name = type(device).__name__
    return name


# FAT finds a file by its name in the other case, littlefs does not. OTHER if no name can show it.
def _by_case(path):
    try:
        names = os.listdir(path)
    except (OSError, ValueError):  # a directory that a cut has erased: names that are no text
        return OTHER
    for name in names:
        swapped = name.upper() if name != name.upper() else name.lower()
        if swapped != name and swapped not in names:
            try:
                os.stat(path.rstrip("/") + "/" + swapped)
            except OSError:
                return LITTLEFS
            return FAT
    return OTHER
