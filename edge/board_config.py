# SPDX-License-Identifier: Apache-2.0
"""A board's configuration over the link: read what is in force, write what shall be next."""

from binascii import crc32
from collections.abc import Callable
from enum import Enum, unique
from pathlib import Path
from typing import NamedTuple

from edge.board_client import BoardClient, BoardRefusal
from edge.errors import ConfigError, LinkError
from edge.link import fields
from firmware_py.link import messages as m
from firmware_py.store import config as store
from firmware_py.store.compile import compile_json
from firmware_py.store.show import document

READ_BYTES = 255
"""Most that CONFIG_READ can ask for; the board sends what fits a frame."""
PIECE_BYTES = m.PAYLOAD_MAX - 2
"""Bytes behind CONFIG_DATA.offset."""


class StoreError(LinkError):
    """The board does not hold, or does not hold any more, what it runs on."""


class ConfigFile(NamedTuple):
    """A configuration that a board can read."""

    binary: bytes
    board: str
    """What kind of board it is for."""
    crc: int
    """As HELLO_R.config_crc and `rackedge config compile` have it."""
    notes: list[str]
    """What the compiler remarked."""


class Change(NamedTuple):
    """One key; None on the side that does not have it."""

    key: str
    old: object
    new: object


@unique
class Phase(Enum):
    """How far a transfer has come: what the board holds if it ends here."""

    KEPT = "nothing was changed: the board keeps the configuration it had"
    UNSURE = (
        "the board was asked to save and has not confirmed it: it holds the old one or the new one "
        "whole; push again to be sure"
    )
    SAVED = "the new configuration is saved, for the next start of the board"
    STARTED = "the board has started again"


def read_file(file: Path) -> ConfigFile:
    """A compiled file as it is, anything else compiled as JSON.

    Raises ConfigError with every mistake, each with the file's name.
    """
    try:
        data = file.read_bytes()
        notes: list[str] = []
        if not data.startswith(store.MAGIC):
            data, notes = compile_json(data)
        parsed = store.parse(data)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}: give the path of a file") from error
    except store.ConfigError as error:
        lines = str(error).splitlines()
        raise ConfigError("\n".join(f"{file}: {line}" for line in lines)) from error
    return ConfigFile(data, parsed.board, parsed.crc, notes)


def pull(board: BoardClient) -> bytes:
    """The configuration in force; b"" if it did not come out of the board's store.

    Raises StoreError if the board does not hold it any more, LinkError as it refuses.
    """
    data = b""
    while True:
        part: fields.ConfigR = board.stored("CONFIG_READ", offset=len(data), length=READ_BYTES)
        data += part.tail
        if len(data) >= part.total:
            break
        if not part.tail:
            raise StoreError(
                "the board no longer holds the configuration it runs on: others were pushed since "
                "it started; reset it and pull again"
            )
    if part.total and crc32(data) != part.crc:
        raise StoreError("the bytes that came are not those in the board's store; pull again")
    return data


class Push:
    """One transfer; `phase` says at any time what the board holds if it ends there."""

    def __init__(self) -> None:
        self.phase = Phase.KEPT

    def run(
        self, board: BoardClient, binary: bytes, *, now: bool, told: Callable[[int], None]
    ) -> None:
        """Write `binary` for the next boot, or for one at once. `told` gets the bytes written.

        The board checks CRC and meaning, and reads its flash back, before it confirms. Raises
        LinkError or PortError.
        """
        begun = board.stored("CONFIG_BEGIN", length=len(binary), crc=crc32(binary))
        size = min(begun.detail, PIECE_BYTES)
        at = 0
        while at < len(binary):
            piece = binary[at : at + size]
            at = board.command("CONFIG_DATA", offset=at, tail=piece).detail
            told(at)
        self.phase = Phase.UNSURE
        try:
            board.command("CONFIG_COMMIT", when=m.NOW if now else m.AT_NEXT_BOOT)
        except BoardRefusal:
            self.phase = Phase.KEPT
            raise
        self.phase = Phase.SAVED


def changes(old: bytes, new: bytes) -> list[Change]:
    """Keys that differ, in the order of the file. Raises ConfigError if `old` is not readable."""
    try:
        before, after = _flat(document(old)), _flat(document(new))
    except store.ConfigError as error:
        raise ConfigError(f"the configuration on the board: {error}") from error
    return [
        Change(key, before.get(key), after.get(key))
        for key in (before | after)
        if before.get(key) != after.get(key)
    ]


def _flat(value: object, key: str = "") -> dict[str, object]:
    """`feeds[0].rating_ma` and the like → value."""
    if isinstance(value, dict) and value:
        items = [(f"{key}.{name}".lstrip("."), item) for name, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = [(f"{key}[{i}]", item) for i, item in enumerate(value)]
    else:
        return {key: value}
    return {at: leaf for name, item in items for at, leaf in _flat(item, name).items()}
