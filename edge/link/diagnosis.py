# SPDX-License-Identifier: Apache-2.0
"""Why nobody answers HELLO: what the bytes on the line look like, in words."""

from edge.link.events import Problem, Trouble

SAMPLE_BYTES = 256
"""Bytes without one valid frame that make a foreign device; also how many are looked at."""

REPL_MARKS = (b">>> ", b"MicroPython", b"Traceback (most recent call last)")
"""What a board prints when Python runs but our firmware does not."""

LISTEN_MS = 2000
"""Time that fewer foreign bytes than SAMPLE_BYTES are listened to."""

TEXTS = {
    Trouble.SILENT: (
        "no answer from the board: check that it has power, that this is its port, that the baud "
        "rate matches and that no other program holds the port"
    ),
    Trouble.FOREIGN: (
        "something else is on this port: {count} bytes and no valid frame, beginning {sample!r}; "
        "check the port and the baud rate"
    ),
    Trouble.REPL: (
        "a MicroPython prompt is on this port, the rackedge firmware is not running; put it on the "
        "board (firmware_py/README.md), or use the board's link port instead of its console"
    ),
    Trouble.ECHO: (
        "our own bytes come back: the port echoes or RX and TX are joined; check the wiring, and "
        "that no terminal or shell is on this port"
    ),
    Trouble.VERSION: (
        "the board speaks another version of the link protocol than this host; update host or "
        "firmware so that both are from the same major version"
    ),
}
"""Message by trouble; REFUSED and DICTIONARY bring their own."""

DEAF = (
    "the board is heard but does not answer: the line from host to board is broken or another host "
    "talks to it; check the TX wire and that no other program uses the board"
)
"""Message of Trouble.SILENT where valid frames come in."""


class Diagnosis:
    """Watches what comes in until the board has answered; reports each trouble once."""

    def __init__(self, now_ms: int) -> None:
        self._start_ms = now_ms
        self._sample = b""
        self._count = 0
        self._frames = 0
        self._echoes = 0
        self._versions = 0
        self._told: set[Trouble] = set()

    def bytes_came(self, data: bytes, frames: int, versions: int) -> None:
        """Book raw bytes, with the valid frames and the frames of other versions among them."""
        self._count += len(data)
        self._frames += frames
        self._versions += versions
        if len(self._sample) < SAMPLE_BYTES:
            self._sample += data[: SAMPLE_BYTES - len(self._sample)]

    def echo_came(self) -> None:
        """Book a request frame: only hosts send those."""
        self._echoes += 1

    def finding(self, now_ms: int) -> Problem | None:
        """What the bytes say before all tries have failed, if they say anything yet."""
        if self._versions:
            return self.report(Trouble.VERSION)
        if self._echoes:
            return self.report(Trouble.ECHO)
        if self._frames or not self._count:
            return None
        if any(mark in self._sample for mark in REPL_MARKS):
            return self.report(Trouble.REPL)
        if self._count >= SAMPLE_BYTES or now_ms - self._start_ms >= LISTEN_MS:
            return self.report(Trouble.FOREIGN)
        return None

    def unanswered(self) -> Problem | None:
        """All tries have failed: silent, unless `finding` has judged, or will, what came."""
        if self._frames and not self._echoes:
            return self.report(Trouble.SILENT, DEAF)
        return None if self._count else self.report(Trouble.SILENT)

    def report(self, trouble: Trouble, message: str | None = None) -> Problem | None:
        """The problem as an event, the first time; then None."""
        if trouble in self._told:
            return None
        self._told.add(trouble)
        text = message or TEXTS[trouble].format(count=self._count, sample=self._sample[:24])
        return Problem(trouble, text)
