# SPDX-License-Identifier: Apache-2.0
"""Reading a board's dictionary once, and keeping it by its CRC."""

import os
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

from edge.link.messages import OWN, Dictionary
from firmware_py.link.dictionary import DICT_CRC
from firmware_py.link.messages import PAYLOAD_MAX

CHUNK_BYTES = PAYLOAD_MAX - 2
"""Dictionary bytes asked for at once: what fits behind DICT_DATA.offset."""


def cache_directory() -> Path:
    """Where dictionaries are kept between runs (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "rackedge"


class DictionaryCache:
    """Dictionaries by (CRC, length): our own, those of this run, those on disk.

    The disk only saves time: what cannot be read, written or understood there is passed over.
    """

    def __init__(self, directory: Path | None = None) -> None:
        """`directory` None keeps them for this run only; it is made when first needed."""
        self._directory = directory
        self._known: dict[tuple[int, int], Dictionary] = {}

    def get(self, crc: int, length: int) -> Dictionary | None:
        """Dictionary whose compressed bytes have this CRC-32 and length, or None."""
        if crc == DICT_CRC:
            return OWN
        if (crc, length) not in self._known and self._directory is not None:
            with suppress(OSError, ValueError):
                self._keep(crc, self._path(crc, length).read_bytes(), length)
        return self._known.get((crc, length))

    def put(self, crc: int, compressed: bytes) -> Dictionary:
        """Keep a dictionary that was just read. Raises ValueError if it cannot be used."""
        dictionary = self._keep(crc, compressed, len(compressed))
        if self._directory is not None:
            with suppress(OSError):
                _write_atomically(self._path(crc, len(compressed)), compressed)
        return dictionary

    def _keep(self, crc: int, compressed: bytes, length: int) -> Dictionary:
        if len(compressed) != length or zlib.crc32(compressed) != crc:
            raise ValueError("its CRC does not match its bytes")
        dictionary = self._known[crc, length] = Dictionary.from_board(compressed)
        return dictionary

    def _path(self, crc: int, length: int) -> Path:
        return Path(self._directory or "") / f"dictionary-{crc:08x}-{length}.zlib"


def _write_atomically(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


class DictionaryReader:
    """Collects a dictionary piece by piece; each read names its offset, so none is misplaced."""

    def __init__(self, crc: int, length: int) -> None:
        self.crc = crc
        self._length = length
        self._data = bytearray()

    @property
    def missing(self) -> tuple[int, int]:
        """(offset, bytes) to read next; 0 bytes once complete."""
        offset = len(self._data)
        return offset, min(CHUNK_BYTES, self._length - offset)

    def add(self, offset: int, chunk: bytes) -> None:
        """Take one answer. Raises ValueError if it is not what was asked for."""
        expected, length = self.missing
        if offset != expected or not 0 < len(chunk) <= length:
            raise ValueError(
                f"{len(chunk)} bytes at {offset} came in answer to {length} at {expected}"
            )
        self._data += chunk

    @property
    def compressed(self) -> bytes:
        """What has been read so far."""
        return bytes(self._data)
