# SPDX-License-Identifier: Apache-2.0
"""The configuration over the link: written in pieces, checked whole; the journal read by seq."""

import errno
import json
import struct
from binascii import crc32

import pytest

from firmware_py.board.example import document
from firmware_py.link import messages as m
from firmware_py.link.stored import PIECE_MAX, ROW_BYTES
from firmware_py.store import copies
from firmware_py.store.compile import compile_json
from firmware_py.store.config import parse
from firmware_py.store.folder import Folder
from firmware_py.store.journal import Journal
from firmware_py.store.journal_scan import Rows
from firmware_py.store.staged import NAME, ConfigStore
from tests.firmware.rig import RACK, bodies, frame, unpack
from tests.firmware.test_auth import Line

OLD, *_ = compile_json(json.dumps(RACK).encode())
NEW, *_ = compile_json(json.dumps(RACK | {"loads": [0, 1, 2, 3] * 8}).encode())

OTHER_BOARD, *_ = compile_json(json.dumps(document("rp2")).encode())


class Files(Folder):
    """A folder whose writes can be told to fail."""

    full = False

    def open(self, name, mode):
        if self.full and "w" in mode:
            raise OSError(errno.ENOSPC, "no space")
        return super().open(name, mode)


def for_sim(payload):
    if parse(payload).board != "sim":
        raise ValueError("for another board")


@pytest.fixture
def files(tmp_path):
    files = Files(str(tmp_path))
    copies.save(files, NAME, OLD)
    return files


@pytest.fixture
def line(files):
    line = Line().leased()
    payload, seq, _ = copies.load(files, NAME)
    store = ConfigStore(files, seq, len(payload), crc32(payload), for_sim)
    line.board.state.store = store
    line.board.files = files
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


def test_the_configuration_in_force_can_be_read(line):
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
    assert data == OLD


def newest(line):
    return bytes(copies.load(line.board.files, NAME)[0])


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
    journal = Journal(Folder(str(tmp_path)), 3, segments=4, segment_bytes=480)
    for i in range(150):  # the ring of 80 went round
        journal.put(m.EV_SHED, i % 16, 1, -i)
        assert journal.flush(i * 1_000_000) == 1
    return Rows(journal)


def rows_of(journal):
    """All rows, asked for from seq 0 on without a key, and how many answers that took."""
    line = Line()
    line.board.state.journal = journal
    rows, ask, answers = [], 0, 0
    while True:
        line.board.seq += 1
        asked = struct.pack("<I", ask)
        request = frame(m.JOURNAL_READ, line.board.seq, asked, line.board.session)
        (body,) = bodies(line.board.hear(request))
        name, values, tail = unpack(body)
        assert name == "JOURNAL_DATA"
        rows += struct.iter_unpack(m.JOURNAL_ROW, tail)
        answers += 1
        ask = values["next"]
        if ask == values["end"]:
            return rows, answers


def test_journal_is_read_without_a_key_from_any_seq_to_its_end(journal):
    rows, answers = rows_of(journal)
    seqs = [row[0] for row in rows]
    assert seqs == list(range(seqs[0], 151))
    assert len(seqs) >= 60
    assert answers == -(-len(seqs) // 11)
    for seq, _t, boot, code, group, reason, count, arg in rows:
        assert (arg, boot, code, group) == (1 - seq, 3, m.EV_SHED, (seq - 1) % 16)
        assert (reason, count) == (1, 1)


class Damaged:
    """A journal of which only every hundredth row can be read; counts the tries."""

    oldest, end = 5, 1000
    tries = 0

    def read_into(self, seq, buf, at):
        self.tries += 1
        struct.pack_into(m.JOURNAL_ROW, buf, at, seq, 0, 0, 0, 0, 0, 0, 0)
        return seq % 100 == 0


def test_unreadable_rows_are_left_out_and_never_hold_the_board_for_long():
    journal = Damaged()
    rows, answers = rows_of(journal)
    assert [row[0] for row in rows] == list(range(100, 1000, 100))
    assert journal.tries <= 16 * answers


@pytest.mark.parametrize("seq", [0, 7, 2**32 - 1])
def test_an_empty_journal_ends_where_it_begins(seq):
    journal = Damaged()
    journal.oldest = journal.end = 7
    line = Line()
    line.board.state.journal = journal
    assert line.plain(m.JOURNAL_READ, struct.pack("<I", seq))[0] == "JOURNAL_DATA"
    assert rows_of(journal)[0] == []


def test_row_is_as_declared():
    assert struct.calcsize(m.JOURNAL_ROW) == ROW_BYTES
