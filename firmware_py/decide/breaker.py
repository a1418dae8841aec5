# SPDX-License-Identifier: Apache-2.0
# Thermal-magnetic breaker on the fast edge of its band, in integers that fit 30 bits.
#
# theta' = (m^2 - theta) / tau, m = I / (Mnt * In); it trips at theta = 1 or at once at the
# magnetic gate (first-order image of IEC 60255-149; constants from IEC 60898-1). All rounding is
# toward an earlier trip. m is in permille, so m*m and theta are ppm.

from ..compat import const
from ..link.wire import NEVER_MS

TICK_MS = 100
_TRIP_PPM = const(1_000_000)

# ln(1 + i/16) * 4096, rounded down; ln is concave, so a chord lies below it.
# fmt: off
_LN = (
    0, 248, 482, 703, 913, 1113, 1304, 1486, 1660,
    1827, 1988, 2143, 2292, 2435, 2574, 2709, 2839,
)
# fmt: on
_LN_2 = const(2839)  # ln(2) * 4096


class Breaker:
    # rating_ma In; mnt_ppm conventional non-tripping current over In; tau_ms; magnetic_ppm gate
    # over In.
    def __init__(self, rating_ma, mnt_ppm, tau_ms, magnetic_ppm):
        self.trip_ma = rating_ma * mnt_ppm // _TRIP_PPM  # carries this for ever, not more
        self.gate_ma = rating_ma * magnetic_ppm // _TRIP_PPM  # trips at once
        self.tau_ms = tau_ms
        self.theta_ppm = 0
        self._k_heat, self._k_cool = _gains(tau_ms)

    # m^2 of a current, ppm, rounded up; m stays below 15, so m^2 below 2**28.
    def heating_ppm(self, current_ma):
        current_ma = min(current_ma, self.gate_ma)
        m = (current_ma * 1000 + self.trip_ma - 1) // self.trip_ma
        return m * m

    # After a reset the thermal memory is unknown: as hot as a breaker that has not tripped may be
    # once its load was taken off in time. It fades within three time constants.
    def assume_hot(self):
        self.theta_ppm = 900_000

    # A rack that is switched on for the first time: the steady state of what it draws, up to hot.
    def assume_settled(self, current_ma):
        self.theta_ppm = min(self.heating_ppm(current_ma), 900_000)

    # One tick at a constant current.
    def step(self, current_ma):
        gap = self.heating_ppm(current_ma) - self.theta_ppm
        gain = self._k_heat if gap > 0 else self._k_cool
        # gap * gain / 2**20, split so that neither product leaves 30 bits
        change = ((gap >> 14) * gain >> 6) + ((gap & 0x3FFF) * gain >> 20)
        # each shift lost less than 1; heating ends at heat, cooling never heats
        self.theta_ppm += min(change + 2, max(gap, 0))

    # ms until a constant current trips it: 0 now, NEVER_MS never; never later than the truth.
    def ttt_ms(self, current_ma):
        theta = self.theta_ppm
        if theta >= _TRIP_PPM or current_ma >= self.gate_ma:
            return 0
        heat = self.heating_ppm(current_ma)
        if heat <= _TRIP_PPM:
            return NEVER_MS
        return self.tau_ms * ln_q12(heat - theta, heat - _TRIP_PPM) >> 12


# ln(num / den) * 4096 for num >= den > 0, never above the truth.
def ln_q12(num, den):
    octaves = 0
    while num >= den << 1:
        den <<= 1
        octaves += 1
    while num > 0xFFFF:
        num >>= 1
        den = (den + 1) >> 1
    part = (max(num - den, 0) << 14) // den
    i = part >> 10
    chord = _LN[i] + ((_LN[i + 1] - _LN[i]) * (part & 0x3FF) >> 10)
    return octaves * _LN_2 + chord


# 1 - e^(-tick/tau) in 2**-20, rounded up and down, by its series; once, at boot.
def _gains(tau_ms):
    x = (TICK_MS << 40) // tau_ms
    total = 0
    term = x
    n = 1
    while term:
        total += term if n & 1 else -term
        n += 1
        term = (term * x >> 40) // n
    return (total >> 20) + 1, (total - 64) >> 20
