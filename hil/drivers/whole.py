# SPDX-License-Identifier: Apache-2.0
"""Frames to a reader that may be slow: whole ones fall out, none is torn.

So does a board that is not read (firmware_py/link/outbox.py); a pty would cut at any byte.
"""

from hil.drivers.pty import write_some

DELIMITER = b"\0"
TORN_MAX_BYTES = 512
"""Twice any frame: what is longer is none, and its rest falls out."""


class WholeFrames:
    """What goes out one way of a line."""

    def __init__(self) -> None:
        self.lost_bytes = 0
        self._rest = b""  # of a frame whose beginning is out
        self._inside = False  # the last byte that went out was of a frame
        self._losing = False  # the frame that comes has lost its beginning

    def write(self, fd: int, data: bytes) -> bytes:
        """Write what fits; returns what went out."""
        data = self._rest + self._after_loss(data)
        sent = write_some(fd, data) if data else 0
        out, left = data[:sent], data[sent:]
        if out:
            self._inside = not out.endswith(DELIMITER)
        self._keep(left)
        return out

    def reset(self) -> None:
        """Another reader, who has seen nothing yet."""
        self._rest, self._inside, self._losing = b"", False, False

    def _after_loss(self, data: bytes) -> bytes:
        if not self._losing:
            return data
        lost, end, data = data.partition(DELIMITER)
        self.lost_bytes += len(lost) + len(end)
        self._losing = not end
        return data

    def _keep(self, left: bytes) -> None:
        """The rest of the frame that has begun to go out; all else is lost."""
        rest, end, lost = left.partition(DELIMITER)
        self._rest = rest + end if self._inside and len(rest) <= TORN_MAX_BYTES else b""
        if self._rest and not end:
            return
        lost = left[len(self._rest) :]
        self.lost_bytes += len(lost)
        self._losing = self._losing or (bool(lost) and not lost.endswith(DELIMITER))
