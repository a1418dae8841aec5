# SPDX-License-Identifier: Apache-2.0
"""`rackedge board`: look at one board, read its journal, and what a technician does to it."""

from pathlib import Path
from typing import Annotated

import typer

from edge.cli._target import DEFAULT_BAUD, Baud, Json, Key, Owner, Target, client, show, tell

board = typer.Typer(
    help="Look at a board, read its journal, clear, maintain and restart it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
key = typer.Typer(help="Keys of boards.", no_args_is_help=True, rich_markup_mode=None)
board.add_typer(key, name="key")


@board.command()
def status(target: Target, baud: Baud = DEFAULT_BAUD, as_json: Json = False) -> None:
    """One look at a board; changes nothing and needs no key."""
    from edge.board_status import document, lines, look  # noqa: PLC0415 - the link

    with client(target, baud=baud) as one:
        seen = look(one)
    if as_json:
        show(document(seen))
        return
    for what, how in lines(seen):
        print(f"{what:10}  {how}")


@board.command()
def journal(
    target: Target,
    baud: Baud = DEFAULT_BAUD,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document; with --follow one a line.")
    ] = False,
) -> None:
    """What a board remembers, the oldest first; needs no key.

    Events of the boot that still runs have the time of day, older ones the time since their boot.
    """
    from edge.cli._journal import print_journal  # noqa: PLC0415

    with client(target, baud=baud) as one:
        print_journal(one, follow=follow, as_json=as_json)


@board.command()
def clear(
    target: Target,
    key: Key = None,
    baud: Baud = DEFAULT_BAUD,
    owner: Owner = None,
    as_json: Json = False,
) -> None:
    """Let a board leave SAFE once the cause is gone, and lift lock-outs of groups."""
    from edge.board_duties import clear as run  # noqa: PLC0415

    with client(target, key=key, baud=baud, owner=owner, want_lease=True) as one:
        result = run(one)
    if as_json:
        show(result.document())
    else:
        print(result.text())


@board.command()
def maint(
    target: Target,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, max=1440, help="How long, at most a day.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End it now.")] = False,
    key: Key = None,
    baud: Baud = DEFAULT_BAUD,
    owner: Owner = None,
) -> None:
    """Keep a board in maintenance, fans full, for some minutes or until Ctrl-C.

    It ends with this command, also if it is killed or the cable is pulled: the board goes on by
    itself within 3 s. To end it from elsewhere, give both commands the same --owner.
    """
    from edge.board_duties import end_maintenance, maintain  # noqa: PLC0415
    from edge.cli._target import Countdown  # noqa: PLC0415
    from edge.errors import ConfigError, EdgeError  # noqa: PLC0415

    if end is (minutes is not None):
        raise ConfigError("give either --minutes N or --end")
    with client(target, key=key, baud=baud, owner=owner, want_lease=True) as one:
        if minutes is None:
            ended = end_maintenance(one)
            print("maintenance is over" if ended else "the board was not in maintenance")
            return
        head = f"{one.board.tail} is in maintenance, fans full; Ctrl-C ends it"
        countdown = Countdown(head, "maintenance")
        try:
            whole = maintain(one, round(minutes * 60_000), countdown.at)
        except KeyboardInterrupt:
            countdown.close()
            tell("interrupted: maintenance is over")
            raise
        except EdgeError as error:
            after = "; maintenance ends by itself within 3 s" if countdown.began else ""
            raise type(error)(f"{error}{after}") from error
        finally:
            countdown.close()
        print("maintenance is over" if whole else "maintenance was ended from elsewhere")


@board.command()
def reset(
    target: Target,
    key: Key = None,
    baud: Baud = DEFAULT_BAUD,
    owner: Owner = None,
    as_json: Json = False,
) -> None:
    """Restart a board and wait until it is back."""
    from edge.board_duties import restart  # noqa: PLC0415
    from edge.board_status import board_document  # noqa: PLC0415

    with client(target, key=key, baud=baud, owner=owner, want_lease=True) as one:
        back = restart(one)
    shown = board_document(back)
    if as_json:
        show(shown)
    else:
        crc = f"config {back.config_crc:08x}"
        print(f"{back.tail} is back: boot {back.boot_count}, started {shown['boot']}, {crc}")


@key.command()
def new(
    file: Annotated[Path, typer.Argument(help="The key file to make.", show_default=False)],
) -> None:
    """Make a key for one board: 64 hexadecimal digits that only you can read.

    Write it to the board when it is flashed, and name it in rack.toml: [board] key_file.
    """
    from edge.board_key import new_key  # noqa: PLC0415

    new_key(file)
    tell(f"{file}: a new key; each board needs one of its own")
