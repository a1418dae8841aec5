# SPDX-License-Identifier: Apache-2.0
"""The newest readings of the board, put together as the decision takes them."""

from collections.abc import Callable

from edge.config import Config
from edge.link import events as ev
from edge.link import fields
from edge.rack_limit import BbuState
from edge.readings import Snapshot


class LatestReadings:
    """Telemetry and load powers as they come; what is not there is marked as invalid."""

    def __init__(self, config: Config, bbu: Callable[[int], BbuState | None]) -> None:
        """`bbu` is asked at each snapshot, with its time, and must not block."""
        self._channels = [load.channel for load in config.loads]
        self._feeds = len(config.feeds)
        self._blank = tuple(fields.INVALID for _ in config.loads)
        self._telemetry: ev.Telemetry | None = None
        self._loads_mw = self._blank
        self._bbu = bbu

    def take_telemetry(self, event: ev.Telemetry) -> None:
        """The board's own state and its feeds."""
        self._telemetry = event

    def take_loads(self, event: ev.Loads) -> bool:
        """Power of each channel; True if there is enough for a decision."""
        power, known = event.power_mw, len(event.power_mw)
        self._loads_mw = tuple(
            power[channel] if channel < known else fields.INVALID for channel in self._channels
        )
        return self._telemetry is not None

    def forget_loads(self) -> None:
        """The board is gone: its loads are not known any more."""
        self._loads_mw = self._blank

    def snapshot(self, now_ms: int) -> Snapshot:
        """What is known at `now_ms`."""
        telemetry = self._telemetry
        if telemetry is None:
            return Snapshot(now_ms, None, (), self._blank, bbu=self._bbu(now_ms))
        values = telemetry.values
        return Snapshot(
            now_ms,
            now_ms - telemetry.received_ms,
            (values.feed_a_mw, values.feed_b_mw)[: self._feeds],
            self._loads_mw,
            off_groups=values.shed,
            source_ms=telemetry.device_ms,
            bbu=self._bbu(now_ms),
        )
