# SPDX-License-Identifier: Apache-2.0
"""Tripping bands of breaker families, and of custom ones from points of a datasheet."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

_PPM = 1_000_000
_DAY_MS = 86_400_000


class TripPoint(NamedTuple):
    """From cold, at a multiple of the rating: trips after fastest_s .. slowest_s.

    None where the datasheet or standard sets no such bound.
    """

    multiple: float
    fastest_s: float | None
    slowest_s: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """Tripping band of a breaker family; `native/include/edge_breaker.h` has the model."""

    mnt_ppm: int
    """Conventional non-tripping current ÷ rating, ppm."""
    tau_fast_ms: int
    tau_slow_ms: int
    magnetic_low_ppm: int
    """Lowest current ÷ rating that may trip at once, ppm."""
    magnetic_high_ppm: int
    """Lowest current ÷ rating that must trip at once, ppm."""

    @classmethod
    def from_points(
        cls, points: Iterable[TripPoint], mnt: float, magnetic_low: float, magnetic_high: float
    ) -> "Curve":
        """The narrowest band that holds every point; ratios are plain multiples of the rating.

        The fast edge trips no later than any `fastest_s`, the slow edge no earlier than any
        `slowest_s`. A bound beyond its magnetic gate says nothing about heat and is left out.
        ValueError says which value is wrong.
        """
        if not (1 <= mnt <= 2 and mnt < magnetic_low <= magnetic_high <= 100):
            raise ValueError(
                f"mnt {mnt}, magnetic gates {magnetic_low} .. {magnetic_high}: give multiples of "
                "the rating, mnt from 1 to 2 < lower gate <= upper gate <= 100"
            )
        ratios = (mnt, magnetic_low, magnetic_high)
        mnt_ppm, low_ppm, high_ppm = (round(ratio * _PPM) for ratio in ratios)
        mnt = mnt_ppm / _PPM
        points = [TripPoint(*point) for point in points]
        for point in points:
            _check(point, mnt)
        fast_ms = [
            _tau_ms(p.multiple, p.fastest_s, mnt)
            for p in points
            if p.fastest_s is not None and p.multiple <= magnetic_low
        ]
        slow_ms = [
            _tau_ms(p.multiple, p.slowest_s, mnt)
            for p in points
            if p.slowest_s is not None and p.multiple < magnetic_high
        ]
        if not fast_ms or not slow_ms:
            raise ValueError(
                "too few points: give at least one fastest_s up to the lower magnetic gate "
                f"({magnetic_low} In) and one slowest_s below the upper one ({magnetic_high} In)"
            )
        tau_fast_ms, tau_slow_ms = math.floor(min(fast_ms)), math.ceil(max(slow_ms))
        if not 1 <= tau_fast_ms <= tau_slow_ms <= _DAY_MS:
            raise ValueError(
                f"the points give a band of {tau_fast_ms} .. {tau_slow_ms} ms time constant, "
                f"outside 1 .. {_DAY_MS} or crossed: check that they are in seconds, and that "
                "no fastest_s is above a slowest_s"
            )
        return cls(mnt_ppm, tau_fast_ms, tau_slow_ms, low_ppm, high_ppm)


def _check(point: TripPoint, mnt: float) -> None:
    if not mnt < point.multiple < math.inf:
        raise ValueError(f"{point}: multiple must be above mnt ({mnt}), which is carried for ever")
    for name, time_s in (("fastest_s", point.fastest_s), ("slowest_s", point.slowest_s)):
        if time_s is not None and not 0 < time_s < math.inf:
            raise ValueError(f"{point}: {name} must be above 0 s; None if there is no such bound")
    if point.fastest_s and point.slowest_s and point.fastest_s > point.slowest_s:
        raise ValueError(f"{point}: fastest_s is above slowest_s: swap them")


def _tau_ms(multiple: float, time_s: float, mnt: float) -> float:
    # t = tau ln(m^2 / (m^2 - 1)), IEC 60255-149 from cold
    squared = (multiple / mnt) ** 2
    return -1000 * time_s / math.log1p(-1 / squared)


def _iec60898(magnetic_low: int, magnetic_high: int) -> Curve:
    # IEC 60898-1 table 7, up to 125 A: carries 1.13 In; trips at 1.45 In within 1 h (63 A and
    # below) or 2 h; at 2.55 In after 1 s at the earliest.
    return Curve(1_130_000, 4_570, 7_702_414, magnetic_low * _PPM, magnetic_high * _PPM)


def _ul489(magnetic_low: int, magnetic_high: int) -> Curve:
    # UL 489: carries 1.00 In; trips at 1.35 In within 1 h (50 A and below) or 2 h. It sets no
    # earliest time: the fast edge is that of IEC 60898-1, 1 s at 2.55 In.
    return Curve(1_000_000, 5_988, 9_049_592, magnetic_low * _PPM, magnetic_high * _PPM)


CURVES: dict[str, Curve] = {
    "iec60898_b": _iec60898(3, 5),
    "iec60898_c": _iec60898(5, 10),
    "iec60898_d": _iec60898(10, 20),
    # Gates of UL 489 DIN-rail series: C 5 .. 10 In (ABB SU200M, NOARK B1, Altech UL); D from
    # 7 (NOARK) over 10 .. 16 (Altech) up to 20 In.
    "ul489_c": _ul489(5, 10),
    "ul489_d": _ul489(7, 20),
    # IEC 60947-2: carries 1.05 In; trips at 1.30 In within 1 h (63 A and below) or 2 h. It sets
    # no earliest time: 1 s at 2.55 In, as IEC 60898-1 (series sold to both have one release).
    # Gate: set anywhere in 5 .. 10 In (Schneider NSX TM-D), +-20 % (8.3.3.1.2).
    "iec60947_mccb": Curve(1_050_000, 5_382, 6_814_262, 4_000_000, 12_000_000),
    # IEC 60269-1 gG, 16 .. 160 A: carries 1.25 In, melts at 1.6 In within 1 h (63 A and below)
    # or 2 h; gates of table 3, of which 0.1 s at 85 A of the 16 A link is the fastest. Above
    # that a link melts by I^2 t, faster than this model: the fast edge counts it as at once.
    # A fuse has no gate that must trip: the slow one is the highest there is.
    "iec60269_gg": Curve(1_250_000, 1_755, 7_639_174, 5_312_500, 100_000_000),
}
"""Families by the name used in configuration files; sources beside each.

The fast edge trips no later, the slow edge no earlier, than any device of the standard. Where a
datasheet gives a narrower band, `Curve.from_points` is worth its while.
"""
