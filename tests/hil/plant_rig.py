# SPDX-License-Identifier: Apache-2.0
"""Racks for the plant's tests: from options, with a demand that is set."""

from array import array

from firmware_py.channels import N_IN
from hil.plant import Rack, io, signals
from hil.plant.demand import SettableDemand
from hil.plant.options import RackOptions, build

QUIET = {"noise": 0.0, "inrush": None}


def rack_of(ratio=0.5, seed=1, fan_permille=1000, theta=None, **given):
    """A rack without noise; `ratio`: its demand."""
    spec = build(RackOptions(**(QUIET | given)), seed)
    rack = Rack(spec, SettableDemand(spec.loads), theta, fan_permille)
    rack.set("demand_ratio", ratio)
    return rack


def run(rack, seconds, dt_ms=100):
    for _ in range(round(seconds * 1000 / dt_ms)):
        rack.step(dt_ms)


def seen(rack):
    """The rack's signals, by name."""
    names = signals.names(rack)
    out = array("d", bytes(8 * len(names)))
    signals.values(rack, out)
    assert len(out) == len(names)
    return dict(zip(names, out, strict=True))


def read(rack):
    """The board's inputs."""
    inputs = array("i", [7] * N_IN)
    io.fill_inputs(rack, inputs)
    return inputs


def balanced(rack):
    """Energy in is energy out and stored, to 1e-6."""
    through_j = rack.feed_j + (rack.bbu.out_j if rack.bbu is not None else 0.0)
    assert abs(rack.unaccounted_j) <= 1e-6 * max(through_j, 1.0)
