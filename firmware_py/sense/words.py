# SPDX-License-Identifier: Apache-2.0
# Registers of meters to integers of 30 bits, without floats (32 bits on boards, 64 elsewhere) and
# without allocation. hi, lo: the two words of a value, 0..65535, in the order of significance.
# What does not fit, NaN and infinity are INVALID.

from ..compat import const
from ..link.wire import INVALID

_MOST = const((1 << 30) - 1)


# IEEE 754 binary32 times 10**k, rounded to nearest, half away from zero; five = 5**k, k = 3 or 6.
# 10**k = 5**k * 2**k, so the mantissa is multiplied by five only, as two halves of 12 bits.
def float_scaled(hi, lo, five, k):
    exponent = hi >> 7 & 0xFF
    if exponent == 0:
        return 0  # below 2**-126
    shift = 150 - exponent - k
    if shift < 0:
        return INVALID  # beyond 2**24 * 125, NaN and infinity among them
    mantissa = 0x800000 | (hi & 0x7F) << 16 | lo
    low = (mantissa & 0xFFF) * five
    high = (mantissa >> 12) * five + (low >> 12)  # below 2**27
    low &= 0xFFF
    if shift > 12:
        value = (high >> min(shift - 13, 29)) + 1 >> 1
    elif high >> shift + 18:
        return INVALID
    else:
        value = (high << 12 - shift) + ((low << 1 >> shift) + 1 >> 1)
    return -value if hi & 0x8000 else value


# int32 times scale (1..1000). 7FFFFFFF and 80000000, which meters send for an overflow, are out
# of range for any scale.
def int_scaled(hi, lo, scale):
    if hi & 0x8000:
        hi -= 0x10000
    if not -0x4000 < hi < 0x4000:
        return INVALID
    value = (hi << 16) + lo
    most = _MOST // scale
    if not -most <= value <= most:
        return INVALID
    return value * scale


# Whole kWh of a binary32 in kWh; INVALID for a negative, an absurd one and NaN.
def float_kwh(hi, lo):
    exponent = hi >> 7 & 0xFF
    if hi & 0x8000 or exponent > 156:  # 2**30
        return INVALID if exponent else 0
    mantissa = 0x800000 | (hi & 0x7F) << 16 | lo
    if exponent >= 150:
        return mantissa << exponent - 150  # 2**30 - 64 at most
    return mantissa >> min(150 - exponent, 29)


# The rest below one kWh of the same number, mWh, rounded down.
def float_rest_mwh(hi, lo):
    bits = 150 - (hi >> 7 & 0xFF)  # of fraction
    if bits <= 0 or bits == 150:
        return 0
    mantissa = 0x800000 | (hi & 0x7F) << 16 | lo
    fraction = mantissa & (1 << min(bits, 24)) - 1
    if bits > 20:
        fraction >>= min(bits - 20, 29)
        bits = 20
    wh = fraction * 1000
    return (wh >> bits) * 1000 + ((wh & (1 << bits) - 1) * 1000 >> bits)


# Whole kWh of an unsigned integer of four words in Wh, the highest at buf[at]: one word at a time,
# as in a division on paper. 8000..., which meters send for "no value", is out of range.
def long_kwh(buf, at):
    kwh = rest = 0
    for i in range(at, at + 8, 2):
        if kwh >= 0x4000:
            return INVALID
        rest = (rest << 16) + (buf[i] << 8 | buf[i + 1])
        kwh = (kwh << 16) + rest // 1000
        rest %= 1000
    return kwh


# The rest below one kWh of the same number, Wh.
def long_rest_wh(buf, at):
    rest = 0
    for i in range(at, at + 8, 2):
        rest = ((rest << 16) + (buf[i] << 8 | buf[i + 1])) % 1000
    return rest
