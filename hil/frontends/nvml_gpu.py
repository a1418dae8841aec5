# SPDX-License-Identifier: Apache-2.0
"""How the draw and the cap of a server divide into its host and its GPUs."""

from typing import NamedTuple

from hil.plant.server import LoadSpec

GPUS = 8
"""Of an HGX-style server."""

MIN_OVER_DEFAULT = 200 / 700
"""Lowest over default power limit of an SXM5 module: 200 W of 700 W."""

IDLE_RATIO = 0.12
"""A GPU that draws less than this part of its default limit counts as idle."""

THROTTLE_RATIO = 0.97
"""From this part of its limit on, the limit is what holds a GPU back."""

CLOCK_MHZ, MEMORY_MHZ = 1980, 2619
"""Highest SM clock, and the memory clock, of that module."""
CLOCK_MIN_MHZ = 345

RISE_K = 40.0
"""GPU over inlet air at its default limit."""
HOT_C = 85
"""Slowdown temperature."""

IDLE, SW_POWER_CAP, SW_THERMAL = 0x1, 0x4, 0x20
"""nvmlClocksEventReasons."""


class Split(NamedTuple):
    """The parts of one server: the host's W, which no limit reaches, and the limits of one GPU."""

    host_w: float
    gpu_min_mw: int
    gpu_max_mw: int
    """Also the default."""


class GpuState(NamedTuple):
    """What a GPU shows."""

    power_mw: int
    temperature_c: int
    percent: int
    graphics_mhz: int
    reasons: int


def split(load: LoadSpec) -> Split:
    """Divide a server so that all GPU limits at their highest, and at their lowest, are its own.

    max_w = host + 8 gpu_max and cap_floor_w = host + 8 gpu_min, with gpu_min = 2/7 gpu_max; if
    that leaves the host less than nothing, it has nothing and the floor alone sets gpu_min.
    """
    gpu_max_w = (load.max_w - load.cap_floor_w) / (1 - MIN_OVER_DEFAULT) / GPUS
    gpu_max_w = min(gpu_max_w, load.max_w / GPUS)
    host_w = load.max_w - gpu_max_w * GPUS
    gpu_max_mw = max(int(gpu_max_w * 1000), 1)
    gpu_min_mw = int(max(load.cap_floor_w - host_w, 0.0) / GPUS * 1000)
    return Split(host_w, min(gpu_min_mw, gpu_max_mw), gpu_max_mw)


def cap_w(parts: Split, limits_mw: list[int]) -> float | None:
    """The server's cap that its GPUs' limits amount to; None if all stand at their highest."""
    if all(limit_mw >= parts.gpu_max_mw for limit_mw in limits_mw):
        return None
    return parts.host_w + sum(limits_mw) / 1000


def gpu_states(parts: Split, watts: float, limits_mw: list[int], inlet_c: float) -> list[GpuState]:
    """What the GPUs show while the server draws `watts`: each its limit's share of their part."""
    gpus_mw = max(watts - parts.host_w, 0.0) * 1000
    total_mw = max(sum(limits_mw), 1)
    return [_state(parts, gpus_mw * mw / total_mw, mw, inlet_c) for mw in limits_mw]


def _state(parts: Split, power_mw: float, limit_mw: int, inlet_c: float) -> GpuState:
    load = power_mw / parts.gpu_max_mw
    temperature_c = max(round(inlet_c + RISE_K * load), 0)
    reasons = SW_THERMAL if temperature_c >= HOT_C else 0
    clock_mhz = CLOCK_MHZ
    if load < IDLE_RATIO:
        reasons |= IDLE
        clock_mhz = CLOCK_MIN_MHZ
    elif limit_mw < parts.gpu_max_mw and power_mw >= THROTTLE_RATIO * limit_mw:
        reasons |= SW_POWER_CAP
        # Dynamic power goes with f V^2, and V with f.
        clock_mhz = max(round(CLOCK_MHZ * (limit_mw / parts.gpu_max_mw) ** (1 / 3)), CLOCK_MIN_MHZ)
    return GpuState(round(power_mw), temperature_c, min(round(100 * load), 100), clock_mhz, reasons)
