# SPDX-License-Identifier: Apache-2.0
"""A small world for scenario files: three faults, four signals."""

from datetime import date
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from hil.options import Options
from hil.scenario.duration import Duration
from hil.scenario.load import load

SCENARIOS = Path(__file__).parent / "scenarios"
TODAY = date(2026, 11, 26)


class Signal(NamedTuple):
    unit: str
    low: float
    high: float


class Noise(Options):
    channel: str
    sigma: Annotated[float, Field(gt=0)]


class Drop(Options):
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    burst: Duration = 0


class Kind(NamedTuple):
    doc: str
    model: type[Options]
    needs: frozenset[str]


SETTABLE = {
    "demand_ratio": Signal("1", 0, 1),
    "demand_w": Signal("W", 0, 1e7),
    "room_c": Signal("degC", -20, 60),
    "feed_a_v": Signal("V", 0, 500),
}
CATALOGUE = {
    "sensor.noise": Kind("noise on a reading", Noise, frozenset({"stimulus"})),
    "link.drop": Kind("frames vanish", Drop, frozenset({"line"})),
    "mcu.reset": Kind("the board is reset", Options, frozenset({"reset"})),
    "host.pause": Kind("the host stands still", Options, frozenset({"host"})),
}

HEAD = """\
schema: 1
name: one
title: One
duration: 1 min
host: {kind: none}
"""
CHECKS = "checks: [{ends: state == LOCAL}]\n"


def cases_of(*paths, **more):
    """Load with the small world."""
    more = {"settable": SETTABLE, "catalogue": CATALOGUE, "today": TODAY, **more}
    return load(paths, **more)


def write(directory, text, name="s.yaml"):
    """A file of this text; its directories are made."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def one_case(directory, text, **more):
    """The only case of a text."""
    (case,) = cases_of(write(directory, text), **more)
    return case
