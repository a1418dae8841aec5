# SPDX-License-Identifier: Apache-2.0
"""`rackedge run`: the daemon."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    config: Annotated[Path, typer.Option(help="The rack.toml to run.", show_default=False)],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Decide, but send no cap to any device.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log every cap as well.")
    ] = False,
) -> None:
    """Cap the loads of one rack until told to stop (SIGTERM, Ctrl-C).

    On exit the board goes on by itself and the caps stay in place.
    """
    from edge.config import load_config  # noqa: PLC0415 - pydantic
    from edge.service import serve  # noqa: PLC0415 - the whole daemon

    serve(load_config(config), dry_run=dry_run, verbose=verbose)
