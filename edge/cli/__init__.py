# SPDX-License-Identifier: Apache-2.0
"""The `rackedge` command: data on stdout, everything else on stderr, documented exit codes.

A command is a function in `edge/cli/NAME.py` named NAME; COMMANDS lists them. Heavy libraries
are imported inside the functions, so that `rackedge --help` stays quick.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from edge.errors import EdgeError

COMMANDS = ("demo", "run", "check", "config", "board", "hil")
"""Modules of this package, in the order of --help. Each has a function or a Typer of its name."""

EXIT_CODES = (
    "Exit codes: 0 done · 1 error · 2 configuration or usage · 3 port · 4 link or board · "
    "5 BMC or driver · 6 trace · 7 missing program or library · 130 interrupted"
)

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT."""

app = typer.Typer(
    help="Keeps a rack inside breaker, cooling limit and bill.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _name in COMMANDS:
    _command = getattr(import_module(f"edge.cli.{_name}"), _name)
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name, epilog=EXIT_CODES)
    else:
        app.command(_name, epilog=EXIT_CODES)(_command)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # noqa: PLC0415 - slow, and rarely asked

        try:
            print(f"rackedge {metadata.version('rackedge')}")
        except metadata.PackageNotFoundError:
            print("rackedge, not installed: run from its sources")
        raise typer.Exit


@app.callback()
def _root(
    _version_wanted: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the console script; never shows a traceback for the user's mistakes."""
    if sys.stdout is None:  # closed by the caller: what a command says has nowhere to go
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - to the end
    try:
        try:
            app(prog_name="rackedge")
        finally:
            sys.stdout.flush()  # here, where a full disk can still be told
    except EdgeError as error:
        print("\n".join(f"rackedge: {line}" for line in str(error).splitlines()), file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except OSError as error:
        # The rest of the output would fail again in the interpreter's last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # a reader that stops reading is no error
            print(f"rackedge: {error}: free space or choose another output", file=sys.stderr)
        sys.exit(1)
