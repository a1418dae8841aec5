# SPDX-License-Identifier: Apache-2.0
# What each request does. A handler gets (state, values, tail) and returns the answer's type and
# payload, or raises CommandError.

from struct import pack

from ..compat import const
from ..decide.lease import LEASE_GRANTED, LEASE_RELEASED, TTL_MAX_MS, TTL_MIN_MS
from . import wire as m
from .dictionary import DICT, DICT_CRC

FW = (0, 1, 0)  # firmware version: major, minor, patch
_DATA_MAX = m.PAYLOAD_MAX - 2  # behind DICT_DATA.offset
_AUTH_NEEDED = const(0)  # messages.AUTH_*
_AUTH_NO_KEY = const(1)


class CommandError(Exception):
    def __init__(self, code, detail=0):
        super().__init__(code)
        self.code = code
        self.detail = detail


# Who this board is and how it came up.
class BoardInfo:
    def __init__(self, name, boot_id, boot_count=1, reset_cause=0, nonce=b"", address=0):
        self.name = name  # "board uid", for example "sim 0001"
        self.address = address  # on an RS-485 bus 1..247, else 0
        if address:  # unique on the bus, and another one after each boot
            boot_id = boot_id >> 16 << 16 | (boot_count & 0xFF) << 8 | address
        # 32 random bits per boot; the low half, the session, is 0 in a HELLO only
        self.boot_id = boot_id if boot_id & 0xFFFF else boot_id + 1
        self.nonce = nonce  # 16 random bytes per boot, where there is a key
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
        self.auth = None  # link.auth.Auth where there is a key
        self.authentic = False  # the request that is being executed carried a good MAC
        self.sealed = False  # the lease was granted to an authentic request
        self.maint_ms = -1  # MAINT that nobody has acted on yet: ms, 0 leave, -1 none
        self.reset = -1  # reason of a RESET to carry out once the answer is out, -1 none
        self.store = None  # see link/stored.py
        self.journal = None
        self.transfer = None  # the configuration that is being written

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
    if left_ms and owner != lease.owner and (state.sealed or not state.authentic):
        raise CommandError(m.ERR_BUSY, left_ms)
    if left_ms:
        _need_seal(state)
    claim(state, owner, ttl_ms)
    return ack(m.LEASE, ttl_ms)


# Give the lease to `owner`, who may have it, or end it (ttl_ms 0). Allocates nothing.
def claim(state, owner, ttl_ms):
    lease = state.lease
    was_held = lease.left_ms(state.now_ms) > 0
    changed = not was_held or owner != lease.owner
    if changed or ttl_ms == 0:
        lease.release()  # nothing of the previous owner lives on
        state.sealed = False
    if ttl_ms:
        lease.grant(state.now_ms, owner, ttl_ms)
        state.sealed = state.sealed or state.authentic
        if changed:
            state.events.put(m.EV_LEASE, 0, LEASE_GRANTED, 0)
    elif was_held:
        state.events.put(m.EV_LEASE, 0, LEASE_RELEASED, 0)


def _ping(_state, _values, tail):
    return ack(m.PING, len(tail))


def _shed(state, values, _tail):
    need_lease(state)
    if values[0] >> state.groups:
        raise CommandError(m.ERR_RANGE, 0)
    # A host that asks too much in an emergency gets what is possible, not nothing.
    state.lease.shed_off = values[0] & ~state.never
    return ack(m.SHED, state.lease.shed_off)


def _fan_floor(state, values, _tail):
    need_lease(state)
    if values[0] > 1000:
        raise CommandError(m.ERR_RANGE, 0)
    state.lease.fan_floor_permille = values[0]
    return ack(m.FAN_FLOOR, values[0])


def _clear_safe(state, values, _tail):
    need_auth(state)
    need_lease(state)
    if not state.clearable:
        raise CommandError(m.ERR_STATE, state.state)
    state.lease.clear = True
    return ack(m.CLEAR_SAFE, values[0])


def need_lease(state):
    if state.lease.left_ms(state.now_ms) == 0:
        raise CommandError(m.ERR_NO_LEASE)
    _need_seal(state)


# Who was granted the lease with a MAC uses it with a MAC: nobody else can pass for him.
def _need_seal(state):
    if state.sealed and not state.authentic:
        raise CommandError(m.ERR_AUTH, _AUTH_NEEDED)


def need_auth(state):
    if not state.authentic:
        raise CommandError(m.ERR_AUTH, _AUTH_NO_KEY if state.auth is None else _AUTH_NEEDED)


def ack(kind, detail):
    return m.ACK, pack("<Bi", kind, detail)


REQUESTS = m.REQUESTS
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
