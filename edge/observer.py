# SPDX-License-Identifier: Apache-2.0
"""What others may watch of the daemon: metrics, the bench, a monitor."""

from dataclasses import dataclass

from edge.executor import CapResult
from edge.link.events import Event
from edge.link.stats import LinkStats
from edge.reason import Decision


class DaemonObserver:
    """Override what you need; called in the daemon's thread, must not block."""

    def on_decision(self, decision: Decision) -> None:
        """A decision was made, before its caps are sent."""

    def on_cap_result(self, result: CapResult) -> None:
        """A cap write ended, well or not."""

    def on_link_event(self, event: Event, now_ms: int) -> None:
        """The session reported something: telemetry, board events, loss, reboot."""


@dataclass(frozen=True, slots=True)
class DaemonStats:
    """Counters since the start."""

    decisions: int
    caps_written: int
    """Cap writes that devices acknowledged."""
    cap_failures: int
    decide_mean_us: float
    decide_max_us: float
    readings_refused: int
    reopened: int
    """Times the port was lost and came back."""
    link: LinkStats
