# SPDX-License-Identifier: Apache-2.0
# Dew point of the air from its temperature and humidity, in integers that fit 30 bits.
#
# Magnus formula over water, coefficients of Sonntag 1990 as in WMO No. 8 (-45..60 degC):
#   g = ln(RH) + 17.62 T / (243.12 + T),  dew point = 243.12 g / (17.62 - g)
# g is counted in 1/204800: hundredths of the coefficient, 11 bits further. ln_q12 rounds toward
# a more humid air, so dry errors do not add up: within 0.03 K of the formula.

from ..compat import const
from .breaker import ln_q12

_A_HUNDREDTHS = const(1762)
_B_MC = const(243_120)
_A = const(1762 << 11)  # 17.62 in 1/204800
_LN = const(50)  # 204800 / 4096


# m degC; air_mc and rh_permille are clamped to -40..125 degC and 1..1000.
def dew_point_mc(air_mc, rh_permille):
    air_mc = min(max(air_mc, -40_000), 125_000)
    over = _B_MC + air_mc
    num = air_mc * _A_HUNDREDTHS
    # num * 2**11 / over: one long division in two digits
    g = (num // over << 11) + (num % over << 11) // over
    g -= _LN * ln_q12(1000, min(max(rh_permille, 1), 1000))
    rest = _A - g
    num = g << 8
    ratio_q15 = (num // rest << 7) + (num % rest << 7) // rest
    return (_B_MC // 10 * ratio_q15 >> 12) * 10 >> 3
