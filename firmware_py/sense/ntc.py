# SPDX-License-Identifier: Apache-2.0
# NTC in a divider to m degC, by a table that the host has computed (make_ntc.py).
#
# Wiring: supply - series resistor - ADC pin - NTC - ground. Open reads as colder, short as hotter
# than the table goes: both are INVALID. Errors of the table: below 0.05 K against the curve
# from -20 to 110 degC (tests); NTC and resistor tolerance and self-heating come on top. A corroded
# joint (series resistance) reads too cold by a few K and cannot be told from the air: sense/ and
# the zone's other sensors must. Spikes: the line's median takes a single conversion, trust.py a
# single tick.

from ..compat import const
from ..link.wire import INVALID

FIRST_MC = const(-40_000)
STEP_MC = const(2_500)


class Ntc:
    # line: AdcLine; table: of ntc_tables.py.
    def __init__(self, line, table):
        self._line = line
        self._table = table
        self.errors = 0
        self.mc = INVALID

    def poll(self, _now_ms):
        u16 = self._line.sample()
        self.mc = INVALID if u16 == INVALID else convert(self._table, u16)
        if self.mc == INVALID:
            self.errors += 1


# table: uint16 little-endian, the share of the supply (65535 is all) at FIRST_MC and every STEP_MC
# from there, falling.
def convert(table, u16):
    cold = 0
    hot = len(table) // 2 - 1
    if u16 > _at(table, cold) or u16 < _at(table, hot):
        return INVALID
    while hot - cold > 1:
        middle = (cold + hot) >> 1
        if u16 > _at(table, middle):
            hot = middle
        else:
            cold = middle
    above = _at(table, cold)
    return FIRST_MC + STEP_MC * cold + STEP_MC * (above - u16) // (above - _at(table, hot))


def _at(table, i):
    return table[2 * i] | table[2 * i + 1] << 8
