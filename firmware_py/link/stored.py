# SPDX-License-Identifier: Apache-2.0
# Requests for what a board keeps in flash: its configuration and its journal. Imported only
# where there is one of the two: endpoint.served.append(stored).
#
# state.store, all lengths in bytes:
#     begin(length)           forget what was staged and make room; 0, or one of CONFIG_*
#     write(offset, piece)    stage the next piece; 0, or one of CONFIG_*
#     commit(length, crc)     check and save what is staged for the next boot; 0, or CONFIG_*
#     length, crc             of the copy in force
#     read(offset, n)         bytes of the copy in force
# state.journal:
#     oldest, end             seq of the first row kept, and the one behind the last
#     read_into(seq, buf, at) one row as JOURNAL_ROW; False if it is not kept or damaged
# They are store.staged.ConfigStore and store.journal_scan.Rows.

from binascii import crc32
from struct import pack, pack_into

from ..compat import const
from . import wire as m
from . import wire_privileged as w
from .commands import CommandError, ack, need_auth, need_lease

PIECE_MAX = m.PAYLOAD_MAX - 2  # behind CONFIG_DATA.offset
_READ_MAX = m.PAYLOAD_MAX - 8  # behind CONFIG_R's fields
ROW_BYTES = 18  # of JOURNAL_ROW
_JOURNAL_HEAD = const(12)
_LOOKS = const(16)  # rows looked at for one answer: each is read from flash
_SAVED = 1  # BOARD_EVENT.reason for EV_CONFIG
_REFUSED = 2


# What is being written: bytes announced and come, crc announced and so far. One board, one.
class _Transfer:
    def __init__(self, length, crc):
        self.length = length
        self.crc = crc
        self.come = 0
        self.crc_come = 0


def _privileged_store(state):
    need_auth(state)
    need_lease(state)
    if state.store is None:
        raise CommandError(m.ERR_CONFIG, w.CONFIG_ABSENT)
    return state.store


def _check(state, code):
    if code:
        state.transfer = None
        state.events.put(m.EV_CONFIG, 0, _REFUSED, code)
        raise CommandError(m.ERR_CONFIG, code)


def _transfer(state):
    if state.transfer is None:
        raise CommandError(m.ERR_CONFIG, w.CONFIG_LENGTH)
    return state.transfer


def _begin(state, values, _tail):
    store = _privileged_store(state)
    length, crc = values
    if length == 0:
        raise CommandError(m.ERR_RANGE, 0)
    state.transfer = None
    _check(state, store.begin(length))
    state.transfer = _Transfer(length, crc)
    return ack(w.CONFIG_BEGIN, PIECE_MAX)


# Pieces come in order; the answer says where the next one begins.
def _data(state, values, tail):
    store = _privileged_store(state)
    transfer = _transfer(state)
    if values[0] != transfer.come:
        raise CommandError(m.ERR_RANGE, 0)
    if len(tail) == 0 or transfer.come + len(tail) > transfer.length:
        _check(state, w.CONFIG_LENGTH)
    _check(state, store.write(transfer.come, tail))
    transfer.crc_come = crc32(tail, transfer.crc_come)
    transfer.come += len(tail)
    return ack(w.CONFIG_DATA, transfer.come)


def _commit(state, values, _tail):
    store = _privileged_store(state)
    transfer = _transfer(state)
    if values[0] > w.NOW:
        raise CommandError(m.ERR_RANGE, 0)
    if transfer.come != transfer.length:
        _check(state, w.CONFIG_LENGTH)
    if transfer.crc_come != transfer.crc:
        _check(state, w.CONFIG_CRC)
    _check(state, store.commit(transfer.length, transfer.crc))
    state.transfer = None
    state.events.put(m.EV_CONFIG, 0, _SAVED, 0)
    if values[0] == w.NOW:
        state.reset = 0
    return ack(w.CONFIG_COMMIT, values[0])


def _read(state, values, _tail):
    store = _privileged_store(state)
    offset, length = values
    if offset > store.length:
        raise CommandError(m.ERR_RANGE, 0)
    length = min(length, _READ_MAX, state.rx_max - m.HEADER_BYTES - m.CRC_BYTES - 8)
    head = pack("<HHI", offset, store.length, store.crc)
    return w.CONFIG_R, head + store.read(offset, length)


# Reading the journal needs no key: it says no more than telemetry does.
def _journal(state, values, _tail):
    journal = state.journal
    if journal is None:
        raise CommandError(m.ERR_CONFIG, w.CONFIG_ABSENT)
    oldest, end = journal.oldest, journal.end
    data = bytearray(min(m.PAYLOAD_MAX, state.rx_max - m.HEADER_BYTES - m.CRC_BYTES))
    seq = max(values[0], oldest)
    last = min(end, seq + _LOOKS)
    at = _JOURNAL_HEAD
    while seq < last and at + ROW_BYTES <= len(data):
        if journal.read_into(seq, data, at):
            at += ROW_BYTES
        seq += 1
    pack_into("<III", data, 0, oldest, end, min(seq, end))
    return w.JOURNAL_DATA, data[:at]


REQUESTS = w.REQUESTS
COMMANDS = {
    w.CONFIG_BEGIN: _begin,
    w.CONFIG_DATA: _data,
    w.CONFIG_COMMIT: _commit,
    w.CONFIG_READ: _read,
    w.JOURNAL_READ: _journal,
}
