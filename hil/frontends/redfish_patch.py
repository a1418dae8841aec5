# SPDX-License-Identifier: Apache-2.0
"""PATCH bodies of the three limit shapes, and the errors a Redfish service answers with."""

import json
import math
from typing import NoReturn

from hil.frontends.redfish_limit import Change, Chassis, Document

EXCEPTIONS = ("NoAction", "HardPowerOff", "LogEventOnly", "Oem")
"""Power.PowerLimit.LimitException, DSP0268."""

CORRECTION_MAX_MS = 60_000

REGISTRY = "Base.1.18"


class Refusal(Exception):
    """A request that is answered with an error and its @Message.ExtendedInfo (DSP0266 8.6)."""

    def __init__(
        self,
        status: int,
        message_id: str,
        message: str,
        args: tuple[str, ...] = (),
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message_id = message_id
        self.message = message
        self.message_args = args
        self.headers = headers

    def body(self) -> Document:
        """Return the error document."""
        info = {
            "@odata.type": "#Message.v1_1_2.Message",
            "MessageId": f"{REGISTRY}.{self.message_id}",
            "Message": self.message,
            "MessageArgs": list(self.message_args),
            "MessageSeverity": "Warning",
        }
        return {
            "error": {
                "code": f"{REGISTRY}.{self.message_id}",
                "message": self.message,
                "@Message.ExtendedInfo": [info],
            }
        }


def parse_patch(view: str, body: bytes, chassis: Chassis) -> Change:
    """Check a PATCH body; raises Refusal (400) with the property at fault."""
    document = _object(_load(body), "/")
    if view == "Power":
        return _power(document, chassis)
    if view == "Controls/PowerLimit":
        return _control(document, chassis)
    _only(document, ("PowerLimitWatts",))
    return _control(_object(document.get("PowerLimitWatts"), "PowerLimitWatts"), chassis)


def _power(document: Document, chassis: Chassis) -> Change:
    _only(document, ("PowerControl",))
    controls = document.get("PowerControl")
    if not isinstance(controls, list) or len(controls) != 1:
        _refuse("PropertyValueTypeError", "PowerControl", "must be an array of one object")
    control = _object(controls[0], "PowerControl/0")
    _only(control, ("PowerLimit",))
    limit = _object(control.get("PowerLimit"), "PowerLimit")
    _only(limit, ("LimitInWatts", "LimitException", "CorrectionInMs"))
    watts = _watts(limit.get("LimitInWatts"), "LimitInWatts", chassis)
    exception = limit.get("LimitException")
    if "LimitException" in limit and exception not in EXCEPTIONS:
        _refuse("PropertyValueNotInList", "LimitException", f"must be one of {EXCEPTIONS}")
    correction_ms = limit.get("CorrectionInMs")
    if "CorrectionInMs" in limit:
        correction_ms = int(_number(correction_ms, "CorrectionInMs", 0, CORRECTION_MAX_MS))
    return Change(
        "LimitInWatts" in limit,
        watts,
        exception if isinstance(exception, str) else None,
        correction_ms if isinstance(correction_ms, int) else None,
    )


def _control(document: Document, chassis: Chassis) -> Change:
    _only(document, ("SetPoint", "ControlMode"))
    mode = document.get("ControlMode", "Automatic")
    if mode == "Disabled":
        return Change(sets_watts=True, watts=None)
    if mode != "Automatic":
        _refuse("PropertyValueNotInList", "ControlMode", "must be Automatic or Disabled")
    if "SetPoint" not in document:
        _refuse("PropertyMissing", "SetPoint", "is missing")
    return Change(sets_watts=True, watts=_watts(document["SetPoint"], "SetPoint", chassis))


def _load(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "MalformedJSON", "the body is not JSON") from None


def _object(value: object, name: str) -> Document:
    if not isinstance(value, dict):
        _refuse("PropertyValueTypeError", name, "must be an object")
    return value


def _only(document: Document, known: tuple[str, ...]) -> None:
    if not document:
        _refuse("PropertyMissing", known[0], "is missing")
    for name in document:
        if name not in known:
            _refuse("PropertyUnknown", name, "is unknown or read-only")


def _watts(value: object, name: str, chassis: Chassis) -> float | None:
    if value is None:
        return None
    return _number(value, name, chassis.min_w, chassis.max_w)


def _number(value: object, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        _refuse("PropertyValueTypeError", name, f"is {value!r:.40}, must be a number")
    if not low <= value <= high:
        what = f"is {value!r:.40}, must be within {low:g}..{high:g}"
        _refuse("PropertyValueOutOfRange", name, what)
    return value


def _finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _refuse(message_id: str, name: str, what: str) -> NoReturn:
    raise Refusal(400, message_id, f"{name} {what}", (name,))
