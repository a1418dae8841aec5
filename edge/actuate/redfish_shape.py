# SPDX-License-Identifier: Apache-2.0
"""The three places where a Redfish service keeps the power limit of a chassis.

environment  EnvironmentMetrics.PowerLimitWatts (schema 2021.2)
control      Controls/PowerLimit, a Control resource
power        Power.PowerControl[0].PowerLimit (DSP0268 Power v1)

The order is the order of detection: newest schema first.
"""

from collections.abc import Callable
from typing import NamedTuple

from edge.actuate.base import Reading

Json = dict[str, object]

SAFE_EXCEPTION = "LogEventOnly"
"""The only LimitException we ever set: others may power the server off when it exceeds."""


class Shape(NamedTuple):
    """Where the limit is, how to write it, and how to read it (None: not this shape)."""

    name: str
    path: str
    body: Callable[[int], Json]
    read: Callable[[Json], Reading | None]


def number(value: object) -> float | None:
    """A JSON number as float; None for anything else, also for true and false."""
    return float(value) if isinstance(value, (int, float)) and value is not True else None


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _controlled(control: Json, power_w: float | None) -> Reading:
    set_point = number(control.get("SetPoint"))
    on = control.get("ControlMode", "Automatic") != "Disabled"
    return Reading(power_w, set_point if on else None, None)


def _read_environment(document: Json) -> Reading | None:
    if not isinstance(document.get("PowerLimitWatts"), dict):
        return None
    power_w = number(_object(document.get("PowerWatts")).get("Reading"))
    return _controlled(_object(document["PowerLimitWatts"]), power_w)


def _read_control(document: Json) -> Reading | None:
    if "SetPoint" not in document:
        return None
    return _controlled(document, number(_object(document.get("Sensor")).get("Reading")))


def power_control(document: Json) -> Json:
    """First member of PowerControl; empty if there is none."""
    members = document.get("PowerControl")
    return _object(members[0]) if isinstance(members, list) and members else {}


def _read_power(document: Json) -> Reading | None:
    control = power_control(document)
    if not isinstance(control.get("PowerLimit"), dict):
        return None
    limit_w = number(_object(control["PowerLimit"]).get("LimitInWatts"))
    return Reading(number(control.get("PowerConsumedWatts")), limit_w, None)


def exception_body() -> Json:
    """PATCH that makes exceeding the limit harmless."""
    return {"PowerControl": [{"PowerLimit": {"LimitException": SAFE_EXCEPTION}}]}


def _power_body(watts: int) -> Json:
    limit = {"LimitInWatts": watts, "LimitException": SAFE_EXCEPTION}
    return {"PowerControl": [{"PowerLimit": limit}]}


SHAPES: dict[str, Shape] = {
    "environment": Shape(
        "environment",
        "EnvironmentMetrics",
        lambda watts: {"PowerLimitWatts": {"SetPoint": watts}},
        _read_environment,
    ),
    "control": Shape(
        "control",
        "Controls/PowerLimit",
        lambda watts: {"SetPoint": watts, "ControlMode": "Automatic"},
        _read_control,
    ),
    "power": Shape("power", "Power", _power_body, _read_power),
}
