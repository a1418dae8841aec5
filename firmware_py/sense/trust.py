# SPDX-License-Identifier: Apache-2.0
# Which readings are believed: range, jumps that no sensor makes, loss, and values that are frozen
# while the power moves. A reading that is bad for less than LOST_TICKS keeps its last good value;
# after that it is INVALID and its own floor acts. Nothing here allocates in a tick.
#
# What cannot be seen here is said in README.md: slow drift of a lone sensor, an inlet or humidity
# sensor that is frozen (a room may really be that constant).

from array import array

from .. import channels as ch
from ..compat import const
from ..link.wire import EV_SENSOR, INVALID

LOST_TICKS = 3
STUCK_TICKS = 600  # 60 s without a change of 1 m degC while the power changed by a fifth
STUCK_AMPS_TICKS = 50  # a current follows at once

_N = ch.IN_LOAD0_MW  # the loads have their own check
_MAX_MW = const(1_000_000_000)  # of a feed
_T = const(-40_000)  # sensors of air and coolant
_T_MOST = const(125_000)
# fmt: off
_LEAST = array("i", (
    0, 0, 0, 0, 0, 0, _T, _T, 0, 0, _T, _T, _T, _T, _T, 0, 0, 0, _T, 0, 40_000, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,
))
_MOST = array("i", (
    _MAX_MW, _MAX_MW, 1_000_000, 1_000_000, 600_000, 600_000, _T_MOST, _T_MOST, 20_000, 1,
    _T_MOST, _T_MOST, _T_MOST, _T_MOST, _T_MOST, 2_000_000, 1_000_000, 1_000, _T_MOST, 1_000,
    70_000, 1_000, 0xFFFF,
    60_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000,
))
# The most that a sensor moves in 100 ms: a probe in air or coolant follows with seconds; RoCoF of
# a grid stays within 2 Hz/s (ENTSO-E), a generator's within 10.
_JUMP = array("i", (
    0, 0, 0, 0, 0, 0, 5_000, 5_000, 0, 0, 5_000, 5_000, 5_000, 5_000, 5_000, 0, 0, 200, 5_000, 0,
    2_000, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,
))
# fmt: on
# channels that move with the power
_FOLLOW = bytes(
    (
        ch.IN_FEED_A_MA,
        ch.IN_FEED_B_MA,
        ch.IN_OUTLET_MC,
        ch.IN_ZONE1_MC,
        ch.IN_ZONE2_MC,
        ch.IN_ZONE3_MC,
        ch.IN_RETURN_MC,
    )
)


class Trust:
    # raw: int32[N_IN], written by the board between ticks.
    def __init__(self, config, events, raw):
        self._raw = raw
        self._events = events
        self.value = array("i", [INVALID] * _N)
        self.value[ch.IN_LEAK] = 0
        self.bad_ticks = bytearray(_N)
        self.lost = bytearray(_N)  # 1: bad for LOST_TICKS
        self.fitted = fitted(config)
        self._still = array("i", [0] * len(_FOLLOW))  # ticks
        self._was = array("i", [INVALID] * len(_FOLLOW))
        self._was_w = array("i", [0] * len(_FOLLOW))

    # One tick.
    def step(self):
        for i in range(_N):
            self._check(i)

    # No reading to go by, or one that is frozen.
    def gone(self, i):
        if self.lost[i]:
            return True
        for k in range(len(_FOLLOW)):
            if _FOLLOW[k] == i:
                return self._still[k] >= _limit(k)
        return False

    # Some value is frozen.
    def frozen(self):
        for k in range(len(_FOLLOW)):
            if self._still[k] >= _limit(k):
                return True
        return False

    def _check(self, i):
        raw = self._raw[i]
        good = _LEAST[i] <= raw <= _MOST[i]
        bad_ticks = self.bad_ticks[i]
        if good and (bad_ticks or not self._jumps(i, raw)):
            self.value[i] = raw
            self.bad_ticks[i] = 0
            if self.lost[i]:
                self.lost[i] = 0
                self._events.put(EV_SENSOR, i, 0, 0)
        elif bad_ticks < LOST_TICKS:
            self.bad_ticks[i] = bad_ticks + 1
            if bad_ticks + 1 == LOST_TICKS:
                self.value[i] = INVALID
                if self.fitted[i]:  # what this rack does not need is gone without a word
                    self.lost[i] = 1
                    self._events.put(EV_SENSOR, i, 1, 0)

    # One sample far from the last is held back; the next one counts.
    def _jumps(self, i, raw):
        most = _JUMP[i]
        return most and self.value[i] != INVALID and abs(raw - self.value[i]) > most

    # Look for values that stay while total_w has moved by a fifth.
    def follow(self, total_w):
        for k in range(len(_FOLLOW)):
            i = _FOLLOW[k]
            value = self.value[i]
            if value != self._was[k] or not self.fitted[i]:
                if self._still[k] >= _limit(k):
                    self._events.put(EV_SENSOR, i, 0, 0)
                self._was[k] = value
                self._was_w[k] = total_w
                self._still[k] = 0
            elif value > 0 and abs(total_w - self._was_w[k]) * 5 > self._was_w[k]:
                if self._still[k] < _limit(k):
                    self._still[k] += 1
                    if self._still[k] == _limit(k):
                        self._events.put(EV_SENSOR, i, 1, 0)


def _limit(k):
    return STUCK_AMPS_TICKS if k < 2 else STUCK_TICKS


# Which channels this rack has, as flags.
def fitted(config):
    have = bytearray(_N)
    for i in range(ch.IN_LEAK + 1):
        have[i] = 1
    have[ch.IN_PUMP_RPM] = 0
    if len(config.feeds) < 2:  # feed B's channels are the odd ones
        have[ch.IN_FEED_B_MW] = have[ch.IN_FEED_B_MA] = have[ch.IN_FEED_B_MV] = 0
    for zone in range(1, len(config.zones)):
        have[ch.IN_ZONE1_MC + zone - 1] = 1
    for fan in range(len(config.fans)):
        have[ch.IN_FAN0_RPM + fan] = 1
    shed = config.shed
    have[ch.IN_RELAYS] = shed.feedback
    have[ch.IN_FREQ_MHZ] = shed.underfrequency_mhz > 0
    have[ch.IN_BBU_PERMILLE] = shed.bbu_shed_permille > 0
    if config.liquid:
        for i in (ch.IN_SUPPLY_MC, ch.IN_RETURN_MC, ch.IN_RH_PERMILLE, ch.IN_DEW_AIR_MC):
            have[i] = 1
        have[ch.IN_DP_PA if config.liquid.pump_on else ch.IN_FLOW_MLM] = 1
        have[ch.IN_RESERVOIR_PERMILLE] = config.liquid.reservoir_empty_permille > 0
        have[ch.IN_PUMP_RPM] = config.liquid.pump_rpm_full > 0
    for wire in config.wiring:
        if wire[0] < _N:
            have[wire[0]] = 1
    return have
