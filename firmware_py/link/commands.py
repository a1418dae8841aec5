# SPDX-License-Identifier: Apache-2.0
# What each request does. A handler gets (state, values, tail) and returns the answer's type and
# payload, or raises CommandError.

from struct import pack

from ..decide.lease import LEASE_GRANTED, LEASE_RELEASED, TTL_MAX_MS, TTL_MIN_MS
from . import wire as m
from .dictionary import DICT, DICT_CRC

FW = (0, 1, 0)  # firmware version: major, minor, patch
_DATA_MAX = m.PAYLOAD_MAX - 2  # behind DICT_DATA.offset


class CommandError(Exception):
    def __init__(self, code, detail=0):
        super().__init__(code)
        self.code = code
        self.detail = detail


# Who this board is and how it came up.
class BoardInfo:
    def __init__(self, name, boot_id, boot_count=1, reset_cause=0):
        self.name = name  # "board uid", for example "sim 0001"
        # 32 random bits per boot; the low half, the session, is 0 in a HELLO only
        self.boot_id = boot_id if boot_id & 0xFFFF else boot_id + 1
        self.boot_count = boot_count
        self.reset_cause = reset_cause


# What the commands read and act on.
class BoardState:
    def __init__(self, info, lease, events, *, config_crc=0, loads=0, groups=0, never=0):
        self.info = info
        self.lease = lease
        self.events = events
        self.config_crc = config_crc
        self.loads = loads
        self.groups = groups
        self.never = never  # bit g: group g is never shed
        self.now_ms = 0  # board time, modulo 2**30
        self.up_ms = 0  # board time that never wraps, at base_ms
        self.base_ms = 0
        self.state = m.STATE_BOOT
        self.clearable = False  # CLEAR_SAFE would have an effect now
        self.rx_max = m.BODY_MAX  # longest body the host takes

    # Board time in us, 64 bit, in steps of 1 ms; TELEMETRY.t_ms is the same clock.
    def clock_us(self):
        return (self.up_ms + ((self.now_ms - self.base_ms) & ((1 << 30) - 1))) * 1000


def _hello(state, values, _tail):
    _owner, nonce, rx_max = values
    state.rx_max = max(64, rx_max)
    info = state.info
    head = pack(
        "<IIHBHIHIBBBBB",
        nonce,
        info.boot_id,
        info.boot_count & 0xFFFF,
        info.reset_cause,
        m.BODY_MAX,
        DICT_CRC,
        len(DICT),
        state.config_crc,
        state.loads,
        state.groups,
        FW[0],
        FW[1],
        FW[2],
    )
    return m.HELLO_R, head + info.name.encode()


def _dict_read(state, values, _tail):
    offset, length = values
    if offset > len(DICT):
        raise CommandError(m.ERR_RANGE, 0)
    length = min(length, _DATA_MAX, state.rx_max - m.HEADER_BYTES - m.CRC_BYTES - 2)
    return m.DICT_DATA, pack("<H", offset) + DICT[offset : offset + length]


def _time(state, values, _tail):
    now_us = state.clock_us()
    return m.TIME_R, pack("<QQQ", values[0], now_us, now_us)


def _lease(state, values, _tail):
    owner, ttl_ms = values
    lease = state.lease
    if ttl_ms and not TTL_MIN_MS <= ttl_ms <= TTL_MAX_MS:
        raise CommandError(m.ERR_RANGE, 1)
    left_ms = lease.left_ms(state.now_ms)
    if left_ms and owner != lease.owner:
        raise CommandError(m.ERR_BUSY, left_ms)
    was_held = left_ms > 0
    if ttl_ms == 0:
        lease.release()
    else:
        if not was_held:
            lease.release()  # nothing of the previous owner lives on
        lease.grant(state.now_ms, owner, ttl_ms)
    if was_held != lease.held:
        state.events.put(m.EV_LEASE, 0, LEASE_GRANTED if lease.held else LEASE_RELEASED, 0)
    return _ack(m.LEASE, ttl_ms)


def _ping(_state, _values, tail):
    return _ack(m.PING, len(tail))


def _shed(state, values, _tail):
    _need_lease(state)
    if values[0] >> state.groups:
        raise CommandError(m.ERR_RANGE, 0)
    # A host that asks too much in an emergency gets what is possible, not nothing.
    state.lease.shed_off = values[0] & ~state.never
    return _ack(m.SHED, state.lease.shed_off)


def _fan_floor(state, values, _tail):
    _need_lease(state)
    if values[0] > 1000:
        raise CommandError(m.ERR_RANGE, 0)
    state.lease.fan_floor_permille = values[0]
    return _ack(m.FAN_FLOOR, values[0])


def _clear_safe(state, values, _tail):
    _need_lease(state)
    if not state.clearable:
        raise CommandError(m.ERR_STATE, state.state)
    state.lease.clear = True
    return _ack(m.CLEAR_SAFE, values[0])


def _need_lease(state):
    if state.lease.left_ms(state.now_ms) == 0:
        raise CommandError(m.ERR_NO_LEASE)


def _ack(kind, detail):
    return m.ACK, pack("<Bi", kind, detail)


COMMANDS = {
    m.HELLO: _hello,
    m.DICT_READ: _dict_read,
    m.TIME: _time,
    m.LEASE: _lease,
    m.PING: _ping,
    m.SHED: _shed,
    m.FAN_FLOOR: _fan_floor,
    m.CLEAR_SAFE: _clear_safe,
}
