# SPDX-License-Identifier: Apache-2.0
"""What all commands that speak to one board have in common: its address, its key, a client."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge.board_client import BoardClient

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="Serial port of the board (/dev/serial/by-id/...), or a URL of pyserial "
        "(socket://HOST:PORT, rfc2217://HOST:PORT).",
        show_default=False,
    ),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="Key of this board, as `board key new` writes it."),
]
Baud = Annotated[int, typer.Option(min=1200, max=12_000_000, help="Speed of a serial line.")]
Owner = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=0xFFFF_FFFF,
        help="Lease as this owner id, which then counts as the same host; default: as a new one.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
DEFAULT_BAUD = 115_200


def client(
    target: str,
    *,
    key: Path | None = None,
    baud: int = DEFAULT_BAUD,
    owner: int | None = None,
    want_lease: bool = False,
) -> "BoardClient":
    """A client to use in a `with` block. Raises ConfigError for a key that cannot be used."""
    from edge.board_client import BoardClient  # noqa: PLC0415 - pyserial
    from edge.link.auth import read_key  # noqa: PLC0415
    from edge.link.serial import open_transport  # noqa: PLC0415

    secret = None if key is None else read_key(key)
    opened = partial(open_transport, target, baud)
    return BoardClient(opened, key=secret, owner=owner, want_lease=want_lease)


def tell(text: str) -> None:
    """One line for people, on stderr."""
    print(f"rackedge: {text}", file=sys.stderr, flush=True)


def show(document: object) -> None:
    """One JSON document on stdout."""
    import json  # noqa: PLC0415

    print(json.dumps(document, indent=2))


class _Line:
    """A line that is written over and over, on a terminal only."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._open = False

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stderr.write(f"\rrackedge: {text}")
            sys.stderr.flush()
            self._open = True

    def close(self) -> None:
        """The next line begins at its start."""
        if self._open:
            sys.stderr.write("\n")
            self._open = False


class Progress(_Line):
    """A line that counts."""

    def __init__(self, what: str, total: int) -> None:
        super().__init__()
        self._what = what
        self._total = total

    def at(self, done: int) -> None:
        """So much is done."""
        self._write(f"{self._what} {done} of {self._total} bytes")


class Countdown(_Line):
    """A line with the time that is left; what begins is told in any case."""

    def __init__(self, head: str, what: str) -> None:
        super().__init__()
        self._head = head
        self._what = what
        self.began = False

    def at(self, left_ms: int) -> None:
        """So much is left."""
        if not self.began:
            self.began = True
            tell(self._head)
        minutes, seconds = divmod(-(-left_ms // 1000), 60)
        self._write(f"{self._what}: {minutes}:{seconds:02} left ")
