# SPDX-License-Identifier: Apache-2.0
"""The configuration over the link: written in pieces, checked whole; the journal read by seq."""

import errno
import json
import struct
from binascii import crc32

import pytest

from firmware_py.link import messages as m
from firmware_py.link.config_store import NAME, ConfigStore
from firmware_py.link.stored import PIECE_MAX, ROW_BYTES
from firmware_py.store import copies
from firmware_py.store.compile import compile_json
from firmware_py.store.journal import Journal
from tests.firmware.rig import RACK
from tests.firmware.test_auth import Line

OLD, *_ = compile_json(json.dumps(RACK).encode())
NEW, *_ = compile_json(json.dumps(RACK | {"loads": [0, 1, 2, 3] * 8}).encode())

OTHER_BOARD, *_ = compile_json(json.dumps(RACK | {"board": "rp2"}).encode())


class Files(copies.Folder):
    """A folder whose writes can be told to fail."""

    full = False

    def open(self, name, mode):
        if self.full and "w" in mode:
            raise OSError(errno.ENOSPC, "no space")
        return super().open(name, mode)


@pytest.fixture
def files(tmp_path):
    files = Files(str(tmp_path))
    copies.save(files, NAME, OLD)
    return files


@pytest.fixture
def line(files):
    line = Line().leased()
    line.board.state.store = ConfigStore(files, "sim")
    line.board.note()
    return line


def code(answer):
    name, error, detail, _ = answer
    return (error, detail) if name == "ERR" else "ok"


def begin(line, data=NEW, crc=None):
    crc = crc32(data) if crc is None else crc
    return code(line.sealed(m.CONFIG_BEGIN, struct.pack("<HI", len(data), crc)))


def piece(line, offset, data):
    return code(line.sealed(m.CONFIG_DATA, struct.pack("<H", offset) + data))


def write(line, data=NEW):
    for at in range(0, len(data), PIECE_MAX):
        assert piece(line, at, data[at : at + PIECE_MAX]) == "ok"


def commit(line, when=m.AT_NEXT_BOOT):
    return code(line.sealed(m.CONFIG_COMMIT, bytes([when])))


@pytest.mark.parametrize("when", [m.AT_NEXT_BOOT, m.NOW])
def test_configuration_is_saved_whole_and_in_force_only_after_a_boot(line, when):
    assert begin(line) == "ok"
    write(line)
    assert newest(line) == OLD
    assert commit(line, when) == "ok"
    assert newest(line) == NEW
    assert line.board.state.reset == (0 if when == m.NOW else -1)
    assert line.board.note() == [(m.EV_CONFIG, 1, 0)]


def test_configuration_can_be_read_back(line):
    begin(line)
    write(line)
    commit(line)
    data = b""
    while True:
        name, _, _, tail = line.sealed(m.CONFIG_READ, struct.pack("<HB", len(data), 255))
        assert name == "CONFIG_R"
        if not tail:
            break
        data += tail
    assert data == NEW


def newest(line):
    return line.board.state.store.newest()


def refused(why):
    return (m.ERR_CONFIG, why)


def test_what_is_not_as_announced_is_refused_and_told(line):
    assert commit(line) == refused(m.CONFIG_LENGTH)  # nothing was begun
    assert piece(line, 0, b"x") == refused(m.CONFIG_LENGTH)
    begin(line)
    piece(line, 0, NEW[:100])
    assert piece(line, 50, b"x") == (m.ERR_RANGE, 0)  # not where the last one ended
    assert commit(line) == refused(m.CONFIG_LENGTH)
    begin(line, crc=1)
    write(line)
    assert commit(line) == refused(m.CONFIG_CRC)
    begin(line, b"ab")
    assert piece(line, 0, b"abc") == refused(m.CONFIG_LENGTH)
    assert begin(line, bytes(20_000)) == refused(m.CONFIG_LENGTH)
    told = [(reason, arg) for code, reason, arg in line.board.note() if code == m.EV_CONFIG]
    lengths, crcs = (2, m.CONFIG_LENGTH), (2, m.CONFIG_CRC)
    assert told == [lengths, crcs, lengths, lengths]
    assert newest(line) == OLD


@pytest.mark.parametrize("data", [b"no configuration", NEW[:-1], NEW[:-1] + b"\xff", OTHER_BOARD])
def test_what_a_boot_would_not_take_is_refused(line, data):
    begin(line, data)
    write(line, data)
    assert commit(line) == refused(m.CONFIG_INVALID)
    assert newest(line) == OLD


def test_full_flash_is_told_and_the_old_copy_stays(line, files):
    begin(line)
    write(line)
    files.full = True
    assert commit(line) == refused(m.CONFIG_FLASH)
    assert newest(line) == OLD


def test_refused_transfer_must_begin_anew(line):
    begin(line, crc=1)
    write(line)
    commit(line)
    assert commit(line) == refused(m.CONFIG_LENGTH)
    begin(line)
    write(line)
    assert commit(line) == "ok"


def test_board_without_a_store_says_so():
    line = Line().leased()
    assert begin(line) == refused(m.CONFIG_ABSENT)
    assert code(line.plain(m.JOURNAL_READ, bytes(4))) == refused(m.CONFIG_ABSENT)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(copies.Folder(str(tmp_path)), 3, segments=4, segment_bytes=480)
    for i in range(150):  # the ring of 80 went round
        journal.put(m.EV_SHED, i % 16, 1, -i)
        assert journal.flush(i * 1_000_000) == 1
    return journal


def test_journal_is_read_without_a_key_from_any_seq_to_its_end(journal):
    line = Line()
    line.board.state.journal = journal
    rows, ask = [], 0
    while True:
        name, _, _, tail = line.plain(m.JOURNAL_READ, struct.pack("<I", ask))
        assert name == "JOURNAL_DATA"
        found = list(struct.iter_unpack(m.JOURNAL_ROW, tail))
        if not found:
            break
        rows += found
        ask = rows[-1][0] + 1
    seqs = [row[0] for row in rows]
    assert seqs == list(range(seqs[0], 151))
    assert len(seqs) >= 60
    for seq, _t, arg, boot, code, group, reason, count in rows:
        assert (arg, boot, code, group) == (1 - seq, 3, m.EV_SHED, (seq - 1) % 16)
        assert (reason, count) == (1, 1)


def test_row_is_as_declared():
    assert struct.calcsize(m.JOURNAL_ROW) == ROW_BYTES
