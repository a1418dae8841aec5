# SPDX-License-Identifier: Apache-2.0
"""The configuration over the link: written in pieces, checked whole; the journal read by seq."""

import struct
from binascii import crc32

import pytest

from firmware_py.link import messages as m
from firmware_py.link.stored import PIECE_MAX, ROW_BYTES
from tests.firmware.rig import OWNER
from tests.firmware.test_auth import Line

NEW = bytes(range(256)) * 2


class Store:
    """A store in RAM that can be told to fail."""

    def __init__(self):
        self.data = b"old one"
        self.staged = None
        self.room = 1000
        self.verdict = 0

    @property
    def length(self):
        return len(self.data)

    @property
    def crc(self):
        return crc32(self.data)

    def begin(self, length):
        self.staged = bytearray()
        return m.CONFIG_LENGTH if length > self.room else 0

    def write(self, offset, piece):
        assert offset == len(self.staged)
        self.staged += piece
        return 0

    def commit(self, length, crc):
        assert (len(self.staged), crc32(self.staged)) == (length, crc)
        if self.verdict == 0:
            self.data = bytes(self.staged)
        return self.verdict

    def read(self, offset, n):
        return self.data[offset : offset + n]


class Journal:
    def __init__(self, oldest=0, end=0):
        self.oldest = oldest
        self.end = end
        self.damaged = set()

    def read_into(self, seq, buf, at):
        struct.pack_into(
            m.JOURNAL_ROW, buf, at, seq, seq * 100, 3, m.EV_SHED, 2, 1, seq & 255, -seq
        )
        return seq not in self.damaged


@pytest.fixture
def line():
    line = Line().leased()
    line.board.state.store = Store()
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
    assert line.board.state.store.data == b"old one"
    assert commit(line, when) == "ok"
    assert line.board.state.store.data == NEW
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


def refused(why):
    return (m.ERR_CONFIG, why)


def test_what_is_not_as_announced_is_refused_and_told(line):
    store = line.board.state.store
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
    assert begin(line, bytes(2000)) == refused(m.CONFIG_LENGTH)
    begin(line)
    write(line)
    store.verdict = m.CONFIG_INVALID
    assert commit(line) == refused(m.CONFIG_INVALID)
    assert store.data == b"old one"
    told = [(reason, arg) for code, reason, arg in line.board.note() if code == m.EV_CONFIG]
    assert told == [
        (2, why)
        for why in (
            m.CONFIG_LENGTH,
            m.CONFIG_CRC,
            m.CONFIG_LENGTH,
            m.CONFIG_LENGTH,
            m.CONFIG_INVALID,
        )
    ]


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


@pytest.mark.parametrize(("oldest", "end"), [(0, 0), (5, 5), (0, 3), (90, 131), (7, 18)])
def test_journal_is_read_from_any_seq_to_its_end(oldest, end):
    line = Line()
    line.board.state.journal = Journal(oldest, end)
    line.plain(m.LEASE, struct.pack("<IH", OWNER, 3000))
    seqs, ask = [], 0
    while ask < end:
        name, _, _, tail = line.plain(m.JOURNAL_READ, struct.pack("<I", ask))
        assert name == "JOURNAL_DATA"
        rows = [
            struct.unpack_from(m.JOURNAL_ROW, tail, at) for at in range(0, len(tail), ROW_BYTES)
        ]
        if not rows:
            break
        seqs += [row[0] for row in rows]
        assert all(row[-1] == -row[0] for row in rows)
        ask = seqs[-1] + 1
    assert seqs == list(range(oldest, end))


def test_damaged_rows_are_left_out():
    line = Line()
    line.board.state.journal = Journal(0, 5)
    line.board.state.journal.damaged = {1, 4}
    tail = line.plain(m.JOURNAL_READ, bytes(4))[3]
    assert [struct.unpack_from("<I", tail, at)[0] for at in range(0, len(tail), 18)] == [0, 2, 3]


def test_row_is_as_declared():
    assert struct.calcsize(m.JOURNAL_ROW) == ROW_BYTES
