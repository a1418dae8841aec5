# SPDX-License-Identifier: Apache-2.0
"""Peaks of the recent past: what a load wants although it dips just now.

Training steps dip for 0.3 to 2 s at every exchange of gradients; a cap that followed the dip
would be in the way when the load comes back.
"""


class PeakHold:
    """Maximum of each of `n` series over a sliding window, in buckets of a tenth of it.

    `held` is the answer, one per series; a peak is forgotten after `window_ms` to 1.1 of it.
    """

    BUCKETS = 10

    def __init__(self, n: int, window_ms: int) -> None:
        self.held = [0] * n
        self._current = [0] * n
        self._past = [[0] * n for _ in range(self.BUCKETS)]
        self._bucket_ms = max(1, window_ms // self.BUCKETS)
        self._next_ms: int | None = None

    def update(self, values: list[int], now_ms: int) -> None:
        """Take one value per series, all >= 0."""
        if self._next_ms is None:
            self._next_ms = now_ms + self._bucket_ms
        while now_ms >= self._next_ms:
            self._rotate(now_ms)
        current, held = self._current, self.held
        for i, value in enumerate(values):
            if value > current[i]:
                current[i] = value
                held[i] = max(held[i], value)

    def _rotate(self, now_ms: int) -> None:
        assert self._next_ms is not None  # noqa: S101 - set by update
        oldest = self._past.pop(0)
        self._past.append(self._current)
        self._current = oldest
        self._current[:] = [0] * len(oldest)
        self.held[:] = map(max, *self._past)
        # After a long silence the skipped buckets are all empty: one turn of the ring is enough.
        late = now_ms - self._next_ms - self._bucket_ms * self.BUCKETS
        self._next_ms += self._bucket_ms * (1 + max(0, late // self._bucket_ms))
