# SPDX-License-Identifier: Apache-2.0
"""How long to wait for an answer: RFC 6298 with bounds for a short line."""

RTO_MIN_MS = 50
"""Shortest wait, ms: above one garbage collection and one long frame at 115200 baud (21 ms)."""

RTO_MAX_MS = 1000
"""Longest wait, ms: the silence after which a link counts as lost."""

RTO_START_MS = 250
"""Wait before the first sample, ms: a board may be writing telemetry and collecting garbage."""


class RoundTrip:
    """Smoothed round-trip time and the retransmission timeout that follows from it."""

    def __init__(self) -> None:
        self.srtt_ms: float | None = None
        self.rttvar_ms = 0.0
        self._backoff = 1

    @property
    def rto_ms(self) -> int:
        """Wait before the next retransmission, ms."""
        if self.srtt_ms is None:
            base: float = RTO_START_MS
        else:
            base = max(RTO_MIN_MS, self.srtt_ms + 4 * self.rttvar_ms)  # RFC 6298, 2.3
        return min(RTO_MAX_MS, round(base * self._backoff))

    def sample(self, rtt_ms: float) -> None:
        """Take one measured round trip (RFC 6298, 2.2 and 2.3).

        Never of a request that was sent twice: its answer may belong to either copy (Karn).
        """
        if self.srtt_ms is None:
            self.srtt_ms, self.rttvar_ms = rtt_ms, rtt_ms / 2
        else:
            self.rttvar_ms += (abs(self.srtt_ms - rtt_ms) - self.rttvar_ms) / 4
            self.srtt_ms += (rtt_ms - self.srtt_ms) / 8
        self._backoff = 1

    def back_off(self) -> None:
        """Double the wait after a timeout (RFC 6298, 5.5).

        It stays doubled until a request is answered at its first try: otherwise a line that has
        become slower would be retried, and so never measured, for ever.
        """
        self._backoff = min(self._backoff * 2, RTO_MAX_MS // RTO_MIN_MS)
