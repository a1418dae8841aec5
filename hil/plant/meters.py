# SPDX-License-Identifier: Apache-2.0
"""Meters between the rack and its board: class error drawn from the seed, then quantisation.

A meter of class c reads within c % from a tenth of its basic current up, and within 1.5 c % at a
twentieth (IEC 62053-21 table 4, classes 0.5, 1 and 2). Here: reading = truth x (1 + g) + o with
g within 0.75 c % and o within 0.025 c % of full scale, which keeps both.
"""

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from firmware_py import channels as ch

GAIN_PART = 0.75
OFFSET_PART = 0.025


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """What stands between truth and reading; the default is exact."""

    class_percent: float = 0.0
    """Of power and current: 0 (exact), 0.5, 1, 2."""
    quantum_mw: int = 1
    """Step of power readings."""
    quantum_ma: int = 1
    """Step of current readings."""
    temperature_k: float = 0.0
    """Error of each temperature sensor, half-width; NTC 1 % at 25 degC: 0.25 K and more."""
    noise: float = 0.0
    """Half-width of the uniform relative noise of each power and current reading."""

    @property
    def exact(self) -> bool:
        """It changes nothing."""
        return self == MeterSpec()


POWERS = (ch.IN_FEED_A_MW, ch.IN_FEED_B_MW)
CURRENTS = (ch.IN_FEED_A_MA, ch.IN_FEED_B_MA)
TEMPERATURES = (
    *(ch.IN_INLET_MC, ch.IN_OUTLET_MC, ch.IN_ZONE1_MC, ch.IN_ZONE2_MC, ch.IN_ZONE3_MC),
    *(ch.IN_SUPPLY_MC, ch.IN_RETURN_MC, ch.IN_DEW_AIR_MC),
)


class Meters:
    """Reads int32[N_IN] of truth in place."""

    __slots__ = ("_energy", "_noise", "_random", "_temperatures")

    def __init__(
        self, spec: MeterSpec, full_mw: Sequence[float], full_ma: Sequence[float], seed: int
    ) -> None:
        """full_mw: full scale of feeds A, B and each load; full_ma: of feeds A and B."""
        draw = random.Random(f"meters {seed}")  # noqa: S311 - reproducible, not a secret
        channels = (*POWERS, *range(ch.IN_LOAD0_MW, ch.IN_LOAD0_MW + len(full_mw) - 2), *CURRENTS)
        quanta = [spec.quantum_mw] * len(full_mw) + [spec.quantum_ma] * len(full_ma)
        error = spec.class_percent / 100
        self._energy = [
            (
                channel,
                1.0 + GAIN_PART * error * draw.uniform(-1, 1),
                OFFSET_PART * error * draw.uniform(-1, 1) * full,
                quantum,
            )
            for channel, full, quantum in zip(channels, (*full_mw, *full_ma), quanta, strict=True)
        ]
        self._temperatures = [
            (channel, round(1000 * spec.temperature_k * draw.uniform(-1, 1)))
            for channel in TEMPERATURES
        ]
        self._noise = spec.noise
        self._random = draw

    def read(self, inputs: "array[int]", invalid: int) -> None:
        """Truth to readings; `invalid` stays. Power and current never read below zero."""
        noise, uniform = self._noise, self._random.uniform
        for channel, gain, offset, quantum in self._energy:
            truth = inputs[channel]
            if truth == invalid:
                continue
            value = truth * gain + (offset if truth else 0.0)
            if noise:
                value *= 1.0 + uniform(-noise, noise)
            inputs[channel] = max(int(value / quantum + 0.5) * quantum, 0)
        for channel, error_mc in self._temperatures:
            if inputs[channel] != invalid:
                inputs[channel] += error_mc
