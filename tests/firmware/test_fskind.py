# SPDX-License-Identifier: Apache-2.0
import pytest

from firmware_py.store import fskind
from tests.firmware.vm import run_script


def test_the_vm_tells_its_file_systems_apart():
    """By mount(), as of MicroPython 1.25, and by the case of a name, as before it."""
    assert run_script("tests/firmware/vm_fskind.py") == {
        "mount": {"lfs2": "littlefs", "lfs1": "unknown", "fat": "FAT", "root": "host"},
        "case": {"lfs2": "littlefs", "lfs1": "littlefs", "fat": "FAT", "root": "littlefs"},
        "empty": "unknown",
    }


def test_cpython_has_the_files_of_a_computer():
    assert fskind.kind("/") == fskind.HOST


@pytest.mark.parametrize(
    ("kind", "safe"),
    [
        (fskind.LITTLEFS, True),
        (fskind.HOST, True),
        (fskind.FAT, False),
        (fskind.OTHER, False),
    ],
)
def test_only_what_is_proven_may_be_written_unless_told_to(kind, safe):
    assert fskind.may_write(kind) is safe
    assert fskind.may_write(kind, allow_unsafe=True)


def test_a_directory_that_cannot_be_read_is_unknown(monkeypatch):
    def erased(_path):
        raise UnicodeError("names that are no text")

    monkeypatch.setattr(fskind.os, "listdir", erased)
    assert fskind._by_case("/") == fskind.OTHER
