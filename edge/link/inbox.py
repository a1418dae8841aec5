# SPDX-License-Identifier: Apache-2.0
"""From event frames to events: what the board says unasked."""

from edge.core import Frame
from edge.link import events as ev
from edge.link import fields
from edge.link.clock import DeviceClock
from edge.link.gaps import Arrival, EventCounter
from edge.link.messages import OWN, Dictionary, Message, ShortPayloadError, UnknownMessageError
from edge.link.stats import Totals


class Inbox:
    """Decodes by the dictionary in force; counts gaps; never lets stale values overwrite newer."""

    def __init__(self, totals: Totals) -> None:
        self.dictionary: Dictionary = OWN
        self.clock = DeviceClock()
        self.counter = EventCounter()
        self.telemetry_ms: int | None = None
        """Host time at which the newest TELEMETRY came."""
        self._totals = totals

    def restart(self) -> None:
        """Another boot: its event counter and its clock begin anew."""
        self.counter.restart()
        self.clock = DeviceClock()

    def unpack(self, frame: Frame) -> Message | None:
        """Decode a payload; None, counted, if it cannot be."""
        try:
            return self.dictionary.unpack(frame.type, frame.payload)
        except UnknownMessageError:
            self._totals.unknown_messages += 1
        except ShortPayloadError:
            self._totals.short_payloads += 1
        return None

    def take(self, frame: Frame, now_ms: int) -> ev.Event | None:
        """Event of one event frame of the current session, if it says anything new."""
        arrival = self.counter.note(frame.seq)
        if arrival is Arrival.DUPLICATE:
            return None
        message = self.unpack(frame)
        return message and self._event(message, now_ms, stale=arrival is Arrival.LATE)

    def _event(self, message: Message, now_ms: int, *, stale: bool) -> ev.Event | None:
        name, values = message
        if name == "TELEMETRY":
            return None if stale else self._telemetry(now_ms, values)
        if name == "LOADS":
            return None if stale else ev.Loads(now_ms, values.tail)
        if name == "COOLING":
            return None if stale else ev.Cooling(now_ms, values)
        if name == "BOARD_EVENT":
            return ev.BoardEvent(now_ms, self.clock.extend(values.t_ms), values)
        if name == "LOG":
            return ev.Log(now_ms, values.level, values.tail)
        return ev.Unlisted(now_ms, name, values) if isinstance(values, dict) else None

    def _telemetry(self, now_ms: int, values: fields.Telemetry) -> ev.Event:
        self.telemetry_ms = now_ms
        self._totals.telemetry += 1
        return ev.Telemetry(now_ms, self.clock.extend(values.t_ms), values)
