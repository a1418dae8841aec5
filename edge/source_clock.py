# SPDX-License-Identifier: Apache-2.0
"""Whether telemetry that arrives is also new: the time its board gives it must go on."""

WRAP_MS = 1 << 30
"""The board counts milliseconds in a small int; longer counts agree with it modulo this."""
STILL_SNAPSHOTS = 3
"""The same board time in so many arrivals after the first: the board repeats itself."""
JUMP_MS = 60_000
"""A board clock that gains more than this on ours was set anew; both drift by seconds a day."""


class SourceClock:
    """Judges the board time of each arrival; after a jump, the next is judged from there."""

    def __init__(self) -> None:
        self._source_ms: int | None = None
        self._arrived_ms = 0
        self._checked_ms: int | None = None
        self._still = 0
        self._good = True

    def goes_on(self, source_ms: int, arrived_ms: int) -> bool:
        """False if the clock went back (a wrap does not), jumped ahead, or stands still."""
        if arrived_ms == self._checked_ms:
            return self._good  # no new arrival, no new verdict
        self._checked_ms = arrived_ms
        last_ms = self._source_ms
        step_ms = WRAP_MS if last_ms is None else (source_ms - last_ms) % WRAP_MS
        if step_ms == 0:
            self._still += 1
            self._good = self._still < STILL_SNAPSHOTS
            return self._good
        self._still = 0
        passed_ms = arrived_ms - self._arrived_ms
        self._source_ms, self._arrived_ms = source_ms, arrived_ms
        self._good = last_ms is None or step_ms < passed_ms + JUMP_MS
        return self._good
