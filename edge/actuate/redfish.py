# SPDX-License-Identifier: Apache-2.0
"""Caps a server through its BMC's Redfish service.

Read-back: a reply of 200 carries the limit, which is returned as enforced. A reply of 204 is an
acknowledgement; the first such write after start or failure is read back by GET, later ones
return `enforced_w=None`. Nobody relies on them: the daemon compares each load's metered draw
with its cap (edge.caps), which also catches a BMC that lies. `verify` reads back at any time.

Before the first write LimitException is made harmless: BMCs come with HardPowerOff, and a
limit set through another shape would then power the server off.
"""

import math

from edge.actuate.base import Applied, Reading
from edge.actuate.redfish_http import Answer, connect
from edge.actuate.redfish_shape import SAFE_EXCEPTION, SHAPES, Shape, exception_body, power_control
from edge.config_device import RedfishActuator as RedfishConfig
from edge.errors import ActuatorError

STALE_ETAG = (412, 428)
"""Precondition failed or required: the resource changed, read its ETag again."""


class RedfishActuator:
    """One chassis. For one thread; all calls raise ActuatorError."""

    def __init__(self, name: str, config: RedfishConfig, where: str | None = None) -> None:
        """`where` it stands in rack.toml; None: it is a load's.

        Raises ConfigError if the password's environment variable is not set.
        """
        self._name = name
        self._base = f"/redfish/v1/Chassis/{config.chassis}/"
        self._candidates = (
            tuple(SHAPES.values()) if config.shape == "auto" else (SHAPES[config.shape],)
        )
        self._http = connect(config, where or f"loads ({name}).actuator")
        self._shape: Shape | None = None
        self._path = ""
        self._etag: str | None = None
        self._proven = False

    def apply(self, watts: float) -> Applied:
        """Set the cap, in whole W rounded down: that is what all BMCs take."""
        limit_w = math.floor(watts)
        try:
            return self._apply(limit_w)
        except ActuatorError:
            self._shape, self._proven = None, False  # may be another BMC when it is back
            raise

    def read(self) -> Reading:
        """Power and limit as the BMC reports them."""
        shape = self._detected()
        return self._get(shape)

    def verify(self, watts: float) -> Applied:
        """See Actuator."""
        limit_w = math.floor(watts)
        reading = self.read()
        if reading.requested_w is None or abs(reading.requested_w - limit_w) > 1:
            raise ActuatorError(
                f"{self._name}: the BMC holds {reading.requested_w} W instead of {limit_w} W; "
                "look for another controller that sets limits"
            )
        return Applied(limit_w, reading.requested_w)

    def close(self) -> None:
        """See Actuator."""
        self._http.close()

    def _apply(self, limit_w: int) -> Applied:
        shape = self._detected()
        body = shape.body(limit_w)
        answer = self._http.patch(self._path, body, self._etag)
        if answer.status in STALE_ETAG:
            self._get(shape)
            answer = self._http.patch(self._path, body, self._etag)
        self._check("PATCH", self._path, answer)
        self._etag = answer.etag
        reading = shape.read(answer.document)
        if reading is not None and reading.requested_w is not None:
            self._proven = True
            return Applied(limit_w, reading.requested_w)
        if self._proven:
            return Applied(limit_w, None)
        applied = self.verify(limit_w)
        self._proven = True
        return applied

    def _get(self, shape: Shape) -> Reading:
        answer = self._http.get(self._path)
        self._check("GET", self._path, answer)
        self._etag = answer.etag
        reading = shape.read(answer.document)
        if reading is None:
            raise ActuatorError(f"{self._name}: no power limit at {self._path}; set another shape")
        return reading

    def _detected(self) -> Shape:
        if self._shape is None:
            self._disarm()
            self._shape = self._detect()
            self._path = self._base + self._shape.path
        return self._shape

    def _detect(self) -> Shape:
        for shape in self._candidates:
            path = self._base + shape.path
            answer = self._http.get(path)
            if answer.status not in (404, 405):
                self._check("GET", path, answer)
                if shape.read(answer.document) is not None:
                    self._etag = answer.etag
                    return shape
        tried = ", ".join(shape.path for shape in self._candidates)
        raise ActuatorError(
            f"{self._name}: no power limit below {self._base} (tried {tried}); "
            "check chassis, or update the BMC's firmware"
        )

    def _disarm(self) -> None:
        """Make sure that exceeding the limit is logged and nothing else."""
        path = self._base + SHAPES["power"].path
        answer = self._http.get(path)
        limit = power_control(answer.document).get("PowerLimit")
        exception = limit.get("LimitException") if isinstance(limit, dict) else None
        if answer.status >= 400 or exception in (None, "NoAction", SAFE_EXCEPTION):
            return
        answer = self._http.patch(path, exception_body(), answer.etag)
        if answer.status >= 400:
            error = self._http.refuse("PATCH", path, answer)
            raise ActuatorError(
                f"{error}: its LimitException is {exception}, which may cut the server's power; "
                f"set it to {SAFE_EXCEPTION} by hand"
            )

    def _check(self, method: str, path: str, answer: Answer) -> None:
        if answer.status >= 300:
            raise self._http.refuse(method, path, answer)
