# SPDX-License-Identifier: Apache-2.0
"""The host's side of the lease: when to ask, and until when it surely holds."""

RETRY_MS = 1000
"""Longest wait before asking again while the lease is refused."""


class Lease:
    """Times of one lease. The board times it from receipt, so counting from sending is safe."""

    def __init__(self, ttl_ms: int, *, want: bool) -> None:
        """Raises ValueError for a TTL that no board grants."""
        if not 500 <= ttl_ms <= 30000:
            raise ValueError(f"lease of {ttl_ms} ms: a board grants 500..30000 ms")
        self.ttl_ms = ttl_ms
        self.want = want
        self._until_ms: int | None = None
        self._due_ms: int | None = None  # None: at once
        self._refused = False

    @property
    def held(self) -> bool:
        """True from the grant until it is known, or must be assumed, to have ended."""
        return self._until_ms is not None

    def left_ms(self, now_ms: int) -> int:
        """Time the lease surely still runs, ms; 0 if it is not held."""
        return 0 if self._until_ms is None else max(0, self._until_ms - now_ms)

    def due(self, now_ms: int) -> bool:
        """True when it should be asked for, first or again."""
        return self.want and (self._due_ms is None or now_ms >= self._due_ms)

    def deadline_ms(self, now_ms: int, *, asking: bool) -> int | None:
        """When `due` or `expired` turns true, ms; None if never. `asking`: a request is queued."""
        due_ms = now_ms if self._due_ms is None else self._due_ms
        if asking or not self.want:
            return self._until_ms
        return due_ms if self._until_ms is None else min(due_ms, self._until_ms)

    def granted(self, sent_ms: int) -> bool:
        """The request that was first sent at `sent_ms` was granted; True if this is news."""
        news = not self.held
        self._until_ms = sent_ms + self.ttl_ms
        self._due_ms = sent_ms + self.ttl_ms // 3
        self._refused = False
        return news

    def refused(self, now_ms: int, wait_ms: int = RETRY_MS) -> bool:
        """Not granted; True if this is news. Asks again after `wait_ms`, 1 s at most."""
        news = not self._refused
        self._refused = True
        self._due_ms = now_ms + max(100, min(wait_ms, RETRY_MS))
        return news

    def lost(self) -> bool:
        """It does not hold any more and is due at once; True if it was held."""
        held = self.held
        self._until_ms = self._due_ms = None
        return held

    def expired(self, now_ms: int) -> bool:
        """True once, when it ran out without a renewal."""
        return self.held and self.left_ms(now_ms) == 0 and self.lost()
