# SPDX-License-Identifier: Apache-2.0
"""What a load wants, from what it drew: dips do not count, rare spikes do not reserve.

Training steps dip for 0.3 to 2 s at every exchange of gradients; a cap that followed the dip
would be in the way when the load comes back. Inference spikes for tenths of a second; watts
kept for its highest spike are watts that nobody else can use.
"""

import math


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


class Demand:
    """Mean plus `sigmas` standard deviations of the recent past, never above its peak.

    For a load that is on its plateau for more than two thirds of the time this is the plateau
    whatever the dips are; for noise it is the value that is seldom exceeded. The recent past
    weighs with a time constant of a third of `hold_ms`; the peak is that of `hold_ms`.
    """

    def __init__(self, n: int, hold_ms: int, sigmas: float) -> None:
        self.request_mw = [0] * n
        """The estimate, one per load."""
        self._peak = PeakHold(n, hold_ms)
        self._tau_ms = hold_ms / 3
        self._sigmas = sigmas
        self._mean = [0.0] * n
        self._variance = [0.0] * n
        self._updated_ms: int | None = None

    def update(self, samples: list[int], now_ms: int) -> None:
        """Take one sample per load, mW."""
        self._peak.update(samples, now_ms)
        if self._updated_ms is None:
            gain = 1.0
        else:
            gain = 1 - math.exp((self._updated_ms - now_ms) / self._tau_ms)
        self._updated_ms = now_ms
        mean, variance, peak = self._mean, self._variance, self._peak.held
        keep, sigmas, sqrt = 1 - gain, self._sigmas, math.sqrt
        for i, sample in enumerate(samples):
            step = gain * (sample - mean[i])
            level = mean[i] = mean[i] + step
            spread = variance[i] = keep * (variance[i] + step * (sample - level + step))
            self.request_mw[i] = min(peak[i], int(level + sigmas * sqrt(spread)))
