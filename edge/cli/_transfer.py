# SPDX-License-Identifier: Apache-2.0
"""What `rackedge config push` and `pull` do once their options are read."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edge.cli._target import Progress, show, tell
from edge.errors import ConfigError, EdgeError, LinkError

if TYPE_CHECKING:
    from edge.board_client import BoardClient
    from edge.board_config import Change, ConfigFile, Push

Connect = Callable[[], "BoardClient"]
"""Each gives a client with the lease, to use in a `with` block."""


def push(target: str, file: Path, connect: Connect, *, now: bool, yes: bool, as_json: bool) -> None:
    """Compile, compare, ask, write, verify; whatever goes wrong, say what the board holds then."""
    from edge.board_config import Push, read_file  # noqa: PLC0415

    new = read_file(file)
    for note in new.notes:
        tell(f"{file}: note: {note}")
    transfer = Push()
    try:
        done, boot_id = _compare(target, file, new, connect, to_stderr=as_json)
        if not (yes or _agreed(now)):
            tell(transfer.phase.value)
            raise typer.Exit(1)
        with connect() as board:
            if board.board.boot_id != boot_id:
                raise LinkError("the board has started again meanwhile: look, and push again")
            _write(board, new, transfer, now=now)
            if now:
                _restarted(board, new, transfer, boot_id)
    except KeyboardInterrupt:
        tell(f"interrupted: {transfer.phase.value}")
        raise
    except EdgeError as error:
        raise type(error)(f"{error}; {transfer.phase.value}") from error
    if as_json:
        show(done | {"in_force": now})
    elif now:
        print(f"saved, and in force: the board runs on crc {new.crc:08x}")
    else:
        print(f"saved; in force from the next start on (`rackedge board reset {target}`)")


def _compare(
    target: str, file: Path, new: "ConfigFile", connect: Connect, *, to_stderr: bool
) -> tuple[dict[str, Any], int]:
    """Show the board and what would change; (the same for scripts, boot id of the board)."""
    with connect() as client:
        board = client.board
        kind = board.tail.split(" ")[0]
        if new.board != kind:
            raise ConfigError(f"{file}: is for board {new.board}, and {target} is {board.tail}")
        old = _in_force(client)
    differs = _differs(old, new.binary)
    out = sys.stderr if to_stderr else sys.stdout
    print(f"board {board.tail}, boot {board.boot_count}", file=out)
    print(f"  in force  crc {board.config_crc:08x}", file=out)
    print(f"  new       crc {new.crc:08x}, {len(new.binary)} bytes from {file}", file=out)
    if differs is None and new.crc == board.config_crc:
        differs = []
    print("\n".join(_change_lines(differs)), file=out, flush=True)
    document = {
        "board": board.tail,
        "old_crc": board.config_crc,
        "new_crc": new.crc,
        "bytes": len(new.binary),
        "changes": differs if differs is None else [change._asdict() for change in differs],
        "notes": new.notes,
    }
    return document, board.boot_id


def save_pulled(data: bytes, output: Path | None, *, as_json: bool) -> None:
    """To a file or to stdout. Raises ConfigError."""
    import json  # noqa: PLC0415

    from firmware_py.store.config import ConfigError as Mistakes  # noqa: PLC0415
    from firmware_py.store.show import document  # noqa: PLC0415

    if as_json:
        try:
            data = (json.dumps(document(data), indent=2) + "\n").encode()
        except Mistakes as error:
            raise ConfigError(f"on the board: {error}; pull it without --json") from error
    if output is None:
        sys.stdout.buffer.write(data)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"{output}: {error.strerror}: choose another file with -o") from error
    tell(f"{output}: {len(data)} bytes")


def _in_force(client: "BoardClient") -> bytes:
    """b"" where the board cannot tell: that is no reason not to write a new one."""
    from edge.board_config import StoreError, pull  # noqa: PLC0415

    try:
        return pull(client)
    except StoreError as error:
        tell(str(error))
        return b""


def _differs(old: bytes, new: bytes) -> "list[Change] | None":
    """None where the old one cannot be read."""
    from edge.board_config import changes  # noqa: PLC0415

    if not old:
        return None
    try:
        return changes(old, new)
    except ConfigError as error:
        tell(str(error))
        return None


def _change_lines(differs: "list[Change] | None") -> list[str]:
    if differs is None:
        return ["  what changes is not known: the board does not hold the one it runs on"]
    if not differs:
        return ["  no key changes (a push that waits for the next start is replaced)"]
    width = max(len(change.key) for change in differs)
    return [f"  {c.key:{width}}  {_text(c.old)} -> {_text(c.new)}" for c in differs]


def _text(value: object) -> str:
    return "-" if value is None else str(value)


def _agreed(now: bool) -> bool:
    """Asked on a terminal only; a script that calls this has decided."""
    if not sys.stdin.isatty():
        return True
    question = "Write it and restart the board?" if now else "Write it for the next start?"
    return typer.confirm(question, err=True)


def _write(board: "BoardClient", new: "ConfigFile", transfer: "Push", *, now: bool) -> None:
    progress = Progress("writing", len(new.binary))
    try:
        transfer.run(board, new.binary, now=now, told=progress.at)
    finally:
        progress.close()


def _restarted(board: "BoardClient", new: "ConfigFile", transfer: "Push", before: int) -> None:
    """See that the board has come up with what was written, byte by byte."""
    from edge.board_config import Phase, pull  # noqa: PLC0415

    tell("saved; waiting for the board to start again")
    runs_on = board.reboot(before).config_crc
    transfer.phase = Phase.STARTED
    if runs_on != new.crc:
        raise LinkError(
            f"the board runs on crc {runs_on:08x}, not on {new.crc:08x}: its journal says why "
            "(`rackedge board journal`)"
        )
    try:
        board.take_lease()
    except LinkError as error:  # who led the rack before may be quicker: that is as it should be
        tell(f"it runs on what was written, by its crc; not read back, as {error}")
        return
    if pull(board) != new.binary:
        raise LinkError("the board reads another configuration back than was written; push again")
