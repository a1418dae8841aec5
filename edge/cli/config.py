# SPDX-License-Identifier: Apache-2.0
"""`rackedge config`: a board's configuration, from JSON to what the board reads, there and back."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from edge.cli._target import DEFAULT_BAUD, Baud, Json, Key, Owner, Target, client
from edge.errors import ConfigError, LinkError

T = TypeVar("T")

config = typer.Typer(
    help="Compile, show, push and pull board configurations.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@config.command("compile")
def compile_(
    file: Annotated[Path, typer.Argument(help="The board.json to compile.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The compiled file.", show_default="FILE.bin"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check a board.json and write what a board reads, or print every mistake in it."""
    from firmware_py.store.compile import compile_json  # noqa: PLC0415 - json, difflib

    target = file.with_suffix(".bin") if output is None else output
    if target == file:
        raise ConfigError(f"{file}: would be overwritten: give another file with -o")
    binary, notes = _use(file, compile_json)
    for note in notes:
        print(f"rackedge: {file}: note: {note}", file=sys.stderr)
    _write(target, binary)
    crc = int.from_bytes(binary[8:12], "little")
    if as_json:
        import json  # noqa: PLC0415

        done = {"output": str(target), "bytes": len(binary), "crc": crc, "notes": notes}
        print(json.dumps(done, indent=2))
    else:
        print(f"{target}: {len(binary)} bytes, crc {crc:08x}")


@config.command()
def show(
    file: Annotated[Path, typer.Argument(help="A compiled configuration.", show_default=False)],
) -> None:
    """Print the JSON of a compiled configuration, with every key; it compiles to the same bytes."""
    import json  # noqa: PLC0415

    from firmware_py.store.show import document  # noqa: PLC0415

    print(json.dumps(_use(file, document), indent=2))


@config.command()
def push(
    target: Target,
    file: Annotated[
        Path,
        typer.Argument(help="A board.json, or what `config compile` made.", show_default=False),
    ],
    key: Key = None,
    baud: Baud = DEFAULT_BAUD,
    owner: Owner = None,
    now: Annotated[
        bool, typer.Option("--now", help="Restart the board, so that it is in force at once.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a configuration changes on a board, ask, and write it for the board's next start.

    If anything fails before the end, the board keeps the configuration it had.
    """
    from edge.cli._transfer import push as transfer  # noqa: PLC0415

    connect = partial(client, target, key=key, baud=baud, owner=owner, want_lease=True)
    transfer(target, file, connect, now=now, yes=yes, as_json=as_json)


@config.command()
def pull(
    target: Target,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Where to write it.", show_default="stdout"),
    ] = None,
    key: Key = None,
    baud: Baud = DEFAULT_BAUD,
    owner: Owner = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON with every key; it compiles to the same.")
    ] = False,
) -> None:
    """Read the configuration that a board runs on, compiled as it is, or as JSON."""
    from edge.board_config import pull as read  # noqa: PLC0415
    from edge.cli._transfer import save_pulled  # noqa: PLC0415

    if output is None and not as_json and sys.stdout.isatty():
        raise ConfigError("a compiled configuration is not for a terminal: give -o FILE or --json")
    with client(target, key=key, baud=baud, owner=owner, want_lease=True) as board:
        data = read(board)
        crc = board.board.config_crc
    if not data:
        raise LinkError(
            f"the board runs on a configuration (crc {crc:08x}) that was never pushed to it: there "
            "is nothing to pull; push one first"
        )
    save_pulled(data, output, as_json=as_json)


def _use(file: Path, function: Callable[[bytes], T]) -> T:
    """`function` of the file's bytes; its mistakes with the file's name."""
    from firmware_py.store.config import ConfigError as Mistakes  # noqa: PLC0415

    try:
        return function(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}: give the path of a file") from error
    except Mistakes as error:
        lines = str(error).splitlines()
        raise ConfigError("\n".join(f"{file}: {line}" for line in lines)) from error


def _write(target: Path, binary: bytes) -> None:
    try:
        target.write_bytes(binary)
    except OSError as error:
        raise ConfigError(f"{target}: {error.strerror}: choose another file with -o") from error
