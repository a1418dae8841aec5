# SPDX-License-Identifier: Apache-2.0
# Requests for what a board keeps in flash: its configuration and its journal. Imported only
# where there is one of the two: endpoint.served.append(stored).
#
# state.store, all lengths in bytes:
#     begin(length)           forget what was staged and make room; 0, or one of CONFIG_*
#     write(offset, piece)    stage the next piece; 0, or one of CONFIG_*
#     commit(length, crc)     check and save what is staged for the next boot; 0, or CONFIG_*
#     newest()                bytes of the newest copy, which the next boot takes
# state.journal: store.journal.Journal.

from binascii import crc32
from struct import pack, unpack_from

from . import wire as m
from . import wire_privileged as w
from .commands import CommandError, ack, need_auth, need_lease

PIECE_MAX = m.PAYLOAD_MAX - 2  # behind CONFIG_DATA.offset
_READ_MAX = m.PAYLOAD_MAX - 8  # behind CONFIG_R's fields
ROW_BYTES = 20  # of JOURNAL_ROW: a record of the journal without its crc
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
    data = store.newest()
    if offset > len(data):
        raise CommandError(m.ERR_RANGE, 0)
    length = min(length, _READ_MAX, state.rx_max - m.HEADER_BYTES - m.CRC_BYTES - 8)
    head = pack("<HHI", offset, len(data), crc32(data))
    return w.CONFIG_R, head + data[offset : offset + length]


# Reading the journal needs no key: it says no more than telemetry does.
def _journal(state, values, _tail):
    journal = state.journal
    if journal is None:
        raise CommandError(m.ERR_CONFIG, w.CONFIG_ABSENT)
    from ..store.journal_scan import read  # noqa: PLC0415

    room = min(m.PAYLOAD_MAX, state.rx_max - m.HEADER_BYTES - m.CRC_BYTES) - 8
    rows = read(journal, values[0], room // ROW_BYTES)
    end = journal.next_seq
    data = pack("<II", unpack_from("<I", rows[0])[0] if rows else end, end)
    for row in rows:
        data += row[:ROW_BYTES]
    return w.JOURNAL_DATA, data


REQUESTS = w.REQUESTS
COMMANDS = {
    w.CONFIG_BEGIN: _begin,
    w.CONFIG_DATA: _data,
    w.CONFIG_COMMIT: _commit,
    w.CONFIG_READ: _read,
    w.JOURNAL_READ: _journal,
}
