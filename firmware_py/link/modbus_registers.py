# SPDX-License-Identifier: Apache-2.0
# What the registers of the Modbus slave hold (MODBUS.md), read out of the frames that are filled
# each tick. Reading allocates nothing.
#
# A writer holds the board's one lease as owner MODBUS_OWNER, for hold_ms from each write on: a
# master that dies, or falls silent, falls back as any host does. Without authentication: nothing
# that is privileged can be done here.

from array import array
from struct import pack_into

from ..compat import const
from ..decide.lease import TTL_MAX_MS, TTL_MIN_MS
from . import modbus_map
from . import wire as m
from .commands import FW, claim

MAGIC = 0x524B  # "RK"
MAP_VERSION = 1
IDENTITY_AT = 0
LOADS_AT = 300
WRITABLE_AT = 400
WRITABLE = 3  # shed, fan floor, hold
MODBUS_OWNER = 0x4D42

_IDENTITY = b"\0\2\4\6\x0a\x08\x0c\x0e\x10"  # as modbus_map.TELEMETRY: config_crc high word first
_HOLD_MS = const(5000)  # until a master writes its own


class Registers:
    # state: BoardState; main, loads: bodies of the frames TELEMETRY and LOADS; cooling: of
    # COOLING, or None.
    def __init__(self, state, main, loads, cooling=None):
        self.state = state
        self.values = array("i", [0, 0, _HOLD_MS])  # what a master has written
        self._main = main
        self._loads = loads
        self._n_loads = (len(loads) - m.HEADER_BYTES - m.CRC_BYTES) // 2
        self._cooling = cooling
        self._identity = bytearray(m.HEADER_BYTES + 18)
        pack_into(
            "<HHHHIHHH",
            self._identity,
            m.HEADER_BYTES,
            MAGIC,
            MAP_VERSION,
            FW[0] << 8 | FW[1],
            FW[2],
            state.config_crc,
            state.loads,
            state.groups,
            state.info.boot_count & 0xFFFF,
        )

    # Value of a register, 0..65535; -1: there is none.
    def get(self, at):
        if at >= WRITABLE_AT:
            return self._written(at - WRITABLE_AT)
        if at >= LOADS_AT:
            at -= LOADS_AT
            return _u16(self._loads, 2 * (at ^ 1)) if at < self._n_loads else -1
        if at >= modbus_map.COOLING_AT:
            return _of(self._cooling, modbus_map.COOLING, at - modbus_map.COOLING_AT)
        if at >= modbus_map.TELEMETRY_AT:
            return _of(self._main, modbus_map.TELEMETRY, at - modbus_map.TELEMETRY_AT)
        return _of(self._identity, _IDENTITY, at)

    # What is in force of what a master has written; 0 once its hold is over.
    def _written(self, i):
        if i >= WRITABLE:
            return -1
        lease = self.state.lease
        if i == 2:
            return self.values[2]
        if lease.left_ms(self.state.now_ms) == 0 or lease.owner != MODBUS_OWNER:
            return 0
        return lease.fan_floor_permille if i else lease.shed_off

    # Whether writable register i takes this value.
    def allowed(self, i, value):
        if i == 0:
            return value >> self.state.groups == 0
        if i == 1:
            return value <= 1000
        return value == 0 or TTL_MIN_MS <= value <= TTL_MAX_MS

    # Renew the lease for the hold, and put in force the words in buf[at:]. False: another owner
    # has it.
    def put(self, first, count, buf, at):
        state = self.state
        lease = state.lease
        if lease.left_ms(state.now_ms) and lease.owner != MODBUS_OWNER:
            return False
        values = self.values
        for i in range(count):
            values[first + i] = buf[at + 2 * i] << 8 | buf[at + 2 * i + 1]
        hold_ms = values[2]
        state.authentic = False
        claim(state, MODBUS_OWNER, hold_ms)
        if hold_ms == 0:
            values[2] = _HOLD_MS  # given back; the next write begins anew
        for i in range(first, first + count):
            if hold_ms and i == 0:
                lease.shed_off = values[0] & ~state.never
            elif hold_ms and i == 1:
                lease.fan_floor_permille = values[1]
        return True


# Two payload bytes of a frame's body, low one first.
def _u16(body, at):
    at += m.HEADER_BYTES
    return body[at] | body[at + 1] << 8


# Register i of a message, -1 if the board does not have it.
def _of(body, table, i):
    if body is None or i >= len(table):
        return -1
    entry = table[i]
    if entry >= 128:
        return body[m.HEADER_BYTES + entry - 128]
    return _u16(body, entry)
