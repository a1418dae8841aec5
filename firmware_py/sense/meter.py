# SPDX-License-Identifier: Apache-2.0
# A feed's energy meter on Modbus RTU: which registers, meter_maps; what they say, meter_values; the
# bus, modbus_master. A reading is believed while its block is fresh, in range, in the right word
# order and not frozen. poll() allocates nothing.

from array import array

from ..compat import const, ticks_diff
from ..link.wire import INVALID
from .meter_values import Values
from .modbus_master import DONE, FAILED

# of meter_maps
_BLOCKS_AT = const(2)
_BLOCK = const(5)  # bytes per block
_MV1 = const(0)
_MA1 = const(3)
_MW = const(6)
_MHZ = const(7)

_IDLE_MW = const(2_000)  # a feed below it may show the same for ever


class Meter:
    # unit: 1..247; table: of meter_maps; nominal_mv: line to neutral; most_w: what the feed can
    # carry; stale_ms: without an answer; frozen_ms: without one changed bit under load, 0 off.
    def __init__(
        self, master, unit, table, nominal_mv, most_w=100_000, stale_ms=3000, frozen_ms=30_000
    ):
        self._master = master
        self._me = master.join()
        self._unit = unit
        self._table = table
        self._stale_ms = stale_ms
        self._frozen_ms = frozen_ms
        self._values = Values(table, nominal_mv, most_w)
        self._fitted = self._values.fitted()
        self.value = self._values.value  # per quantity of meter_maps, not yet judged as a whole
        self.energy = self._values.energy
        self._block = table[1] - 1  # asked for
        self._cycle = -1
        self._asked = False
        self._seen_ms = array("i", [0] * table[1])  # last answer of each block
        self._mark = array("i", [-1] * table[1])  # its CRC: another one is another content
        self._fresh = 0  # bit b: block b is not stale
        self._begun = False
        self._last_ms = 0
        self._moved_ms = 0
        self.frozen = False
        self.errors = 0  # blocks that were not answered
        self.mv = INVALID  # highest phase: a feed is dead when all are
        self.ma = INVALID  # highest phase
        self.mw = INVALID
        self.mhz = INVALID

    # What the last voltage of L1 says about the map: meter_values.PROBE_*.
    def probe(self):
        return self._values.probe

    def poll(self, now_ms):
        self._clock(now_ms)
        master = self._master
        master.poll(now_ms)
        if master.turn == self._me and self._asked and master.state >= DONE:
            self._asked = False
            if master.state == FAILED:
                self.errors += 1
            else:
                self._read(now_ms)
            master.pass_on()
        if master.turn == self._me and not self._asked:
            self._ask()
        self._age(now_ms)
        self._sum_up()

    def _clock(self, now_ms):
        if self._begun:
            self.energy.wait(min(max(ticks_diff(now_ms, self._last_ms), 0), 1_000_000))
        else:
            self._moved_ms = now_ms
        self._begun = True
        self._last_ms = now_ms

    # The next block that is due in this cycle, or the first of the next one.
    def _ask(self):
        table = self._table
        at = 0
        while at == 0 or self._cycle % table[at + 4]:
            self._block += 1
            if self._block == table[1]:
                self._block = 0
                self._cycle = (self._cycle + 1) % 100
            at = _BLOCKS_AT + _BLOCK * self._block
        address = table[at + 1] << 8 | table[at + 2]
        self._master.start(self._unit, table[at], address, table[at + 3])
        self._asked = True

    def _read(self, now_ms):
        block = self._block
        rx = self._master.rx
        at = _BLOCKS_AT + _BLOCK * block
        self._fresh |= 1 << block
        self._seen_ms[block] = now_ms
        crc = 3 + 2 * self._table[at + 3]
        mark = rx[crc] | rx[crc + 1] << 8
        if self._table[at + 4] == 1 and mark != self._mark[block]:
            self._mark[block] = mark
            self._moved_ms = now_ms
            self.frozen = False
        self._values.read(block, rx)

    def _age(self, now_ms):
        table = self._table
        for block in range(table[1]):
            every = table[_BLOCKS_AT + _BLOCK * block + 4]
            age_ms = ticks_diff(now_ms, self._seen_ms[block])
            if self._fresh >> block & 1 and age_ms > self._stale_ms * every:
                self._fresh &= ~(1 << block)
                self._values.forget(block)
        if self._fresh == 0 or -_IDLE_MW < self.value[_MW] < _IDLE_MW:
            self._moved_ms = now_ms
        elif self._frozen_ms and ticks_diff(now_ms, self._moved_ms) > self._frozen_ms:
            self.frozen = True

    def _sum_up(self):
        value = self.value
        if self.frozen or not self._values.trusted():
            self.mv = self.ma = self.mw = self.mhz = INVALID
            return
        mv = ma = INVALID
        lost = False
        for phase in range(3):
            mv = max(mv, value[_MV1 + phase])
            ma = max(ma, value[_MA1 + phase])
            if self._fitted >> _MA1 + phase & 1 and value[_MA1 + phase] == INVALID:
                lost = True  # it might be the highest one
        self.mv = mv
        self.ma = INVALID if lost else ma
        self.mw = value[_MW]
        self.mhz = value[_MHZ]
