# SPDX-License-Identifier: Apache-2.0
from binascii import crc32

import pytest

from firmware_py.link import messages as m
from firmware_py.store import copies
from firmware_py.store.staged import MOST, ConfigStore
from tests.firmware.power_cut.memory import Files

OLD = b"the configuration in force" * 9
NEW = bytes(range(250)) * 3


def refuse(payload):
    if payload[:3] == b"bad":
        raise ValueError("not a configuration")


def store(**options):
    files = Files()
    copies.save(files, "config", OLD)
    payload, seq, _ = copies.load(files, "config")
    return files, ConfigStore(files, seq, len(payload), crc32(payload), refuse, **options)


def send(kept, payload, crc=None):
    """The first code that is not 0, else 0."""
    found = kept.begin(len(payload))
    for at in range(0, len(payload), 200):
        found = found or kept.write(at, payload[at : at + 200])
    return found or kept.commit(len(payload), crc32(payload) if crc is None else crc)


def in_flash(files):
    return bytes(copies.load(files, "config")[0])


def test_what_was_sent_is_there_at_the_next_boot_and_not_in_force_before():
    files, kept = store()
    assert send(kept, NEW) == 0
    assert in_flash(files) == NEW
    assert kept.read(0, 1000) == OLD
    assert (kept.length, kept.crc) == (len(OLD), crc32(OLD))


def test_the_copy_in_force_is_read_in_parts():
    _, kept = store()
    assert kept.read(5, 10) == OLD[5:15]
    assert kept.read(len(OLD) - 3, 10) == OLD[-3:]
    assert kept.read(len(OLD), 10) == kept.read(9999, 10) == b""


def test_a_copy_that_two_later_ones_have_overwritten_reads_as_nothing():
    _, kept = store()
    assert send(kept, NEW) == send(kept, NEW[1:]) == 0
    assert kept.read(0, 10) == b""


@pytest.mark.parametrize(
    ("payload", "crc", "code"),
    [
        (b"bad one", None, m.CONFIG_INVALID),
        (NEW, 1, m.CONFIG_CRC),
        (bytes(MOST + 1), None, m.CONFIG_LENGTH),
    ],
)
def test_what_is_refused_costs_no_flash(payload, crc, code):
    files, kept = store()
    before = {name: bytes(data) for name, data in files.data.items()}
    assert send(kept, payload, crc) == code
    assert files.data == before
    assert send(kept, NEW) == 0


def test_pieces_out_of_order_or_too_many_or_too_few_are_refused():
    files, kept = store()
    assert kept.write(0, b"x") == m.CONFIG_LENGTH
    assert kept.begin(10) == 0
    assert kept.write(1, b"x") == m.CONFIG_LENGTH
    assert kept.write(0, b"x" * 11) == m.CONFIG_LENGTH
    assert kept.write(0, b"12345") == 0
    assert kept.commit(10, 0) == m.CONFIG_LENGTH
    assert kept.commit(10, 0) == m.CONFIG_LENGTH
    assert in_flash(files) == OLD


def test_a_flash_that_fails_is_told():
    files, kept = store()
    files.full = True
    assert send(kept, NEW) == m.CONFIG_FLASH
    assert in_flash(files) == OLD


def test_on_fat_nothing_is_written_unless_allowed():
    files, kept = store(writable=False)
    assert send(kept, NEW) == m.CONFIG_FLASH
    assert list(files.data) == ["config.0"]
