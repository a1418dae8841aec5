# SPDX-License-Identifier: Apache-2.0
# What a meter's registers say: fields of a map (meter_maps) to milli-integers, each in its range,
# and whether the voltages make sense in this word order. No time, no bus, no allocation.

from array import array

from ..compat import const
from ..link.wire import INVALID
from .energy import Energy
from .words import float_kwh, float_rest_mwh, float_scaled, int_scaled, long_kwh, long_rest_wh

PROBE_NONE = const(0)  # no voltage read yet
PROBE_OK = const(1)
PROBE_NO_VOLTAGE = const(2)  # not plausible either way: a dead feed, or not this meter
PROBE_WORD_ORDER = const(3)  # plausible only with the words of a value exchanged: wrong map

# of meter_maps
_BLOCKS_AT = const(2)
_BLOCK = const(5)  # bytes per block
_FIELD = const(5)  # bytes per field; range() allocates unless its step is a constant
_F32 = const(0)
_U16 = const(2)
_KWH_F32 = const(3)
_KWH_I32 = const(4)
_MV1 = const(0)
_MA1 = const(3)
_MW = const(6)
_COUNTER = const(8)
_QUANTITIES = const(9)

_MHZ_LEAST = const(40_000)
_MHZ_MOST = const(70_000)
_MA_MOST = const(1_000_000)
_W_MOST = const(666_000)  # half as much again in mW is still a small int


class Values:
    def __init__(self, table, nominal_mv, most_w):
        self._table = table
        self._fields_at = _BLOCKS_AT + _BLOCK * table[1]
        self._nominal_mv = nominal_mv
        self._most_mw = min(most_w, _W_MOST) * 1500
        self.value = array("i", [INVALID] * _QUANTITIES)
        self.probe = PROBE_NONE
        self.energy = Energy(most_w)

    # The voltages fit the map, or there are none.
    def trusted(self):
        return PROBE_OK <= self.probe <= PROBE_NO_VOLTAGE

    # Bit q: the map has quantity q.
    def fitted(self):
        mask = 0
        for at in range(self._fields_at, len(self._table), _FIELD):
            mask |= 1 << self._table[at + 4]
        return mask

    # The fields of a block whose registers begin at rx[3].
    def read(self, block, rx):
        table = self._table
        for at in range(self._fields_at, len(table), _FIELD):
            if table[at] == block:
                self._field(at, rx, 3 + 2 * table[at + 1])

    def forget(self, block):
        table = self._table
        for at in range(self._fields_at, len(table), _FIELD):
            if table[at] == block:
                self.value[table[at + 4]] = INVALID

    # The field at table[at] from its registers at rx[i].
    def _field(self, at, rx, i):
        table = self._table
        kind = table[at + 2]
        scale = table[at + 3]
        quantity = table[at + 4]
        hi = rx[i] << 8 | rx[i + 1]
        lo = rx[i + 2] << 8 | rx[i + 3]  # behind a U16 there is at least the CRC
        if kind == _U16:
            value = hi * scale
        else:
            if table[0]:
                swap = hi
                hi = lo
                lo = swap
            if quantity == _COUNTER:
                self._count(kind, scale, hi, lo, rx, i)
                return
            value = _number(kind, scale, hi, lo)
            if quantity == _MV1:
                self._judge(value, _number(kind, scale, lo, hi))
        self.value[quantity] = self._believed(quantity, value)

    def _judge(self, mv, exchanged_mv):
        if self._plausible(mv):
            self.probe = PROBE_OK
        elif self._plausible(exchanged_mv):
            self.probe = PROBE_WORD_ORDER
        elif self.probe != PROBE_WORD_ORDER:
            self.probe = PROBE_NO_VOLTAGE

    def _plausible(self, mv):
        return self._nominal_mv >> 1 <= mv <= self._nominal_mv + (self._nominal_mv >> 1)

    def _believed(self, quantity, value):
        if value == INVALID:
            return INVALID
        if quantity < _MA1:
            return value if 0 <= value <= 2 * self._nominal_mv else INVALID
        if quantity < _MW:
            value = abs(value)  # a clamp the wrong way round
            return value if value <= _MA_MOST else INVALID
        if quantity == _MW:
            return value if -self._most_mw <= value <= self._most_mw else INVALID
        return value if _MHZ_LEAST <= value <= _MHZ_MOST else INVALID

    def _count(self, kind, scale, hi, lo, rx, i):
        if kind == _KWH_F32:
            kwh = float_kwh(hi, lo)
            mwh = float_rest_mwh(hi, lo)
        elif kind == _KWH_I32:
            steps = int_scaled(hi, lo, 1)
            kwh = steps // scale if steps >= 0 else INVALID
            mwh = steps % scale * (1_000_000 // scale)
        else:
            kwh = long_kwh(rx, i)
            mwh = long_rest_wh(rx, i) * 1000
        if kwh != INVALID and self.probe != PROBE_WORD_ORDER:
            self.energy.count(kwh, mwh)


def _number(kind, scale, hi, lo):
    if kind == _F32:
        return float_scaled(hi, lo, 15_625 if scale == 6 else 125, scale)
    return int_scaled(hi, lo, scale)
