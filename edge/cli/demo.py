# SPDX-License-Identifier: Apache-2.0
"""`rackedge demo`: an emulated rack with the real firmware in it, under three policies."""

import json
import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Redundancy(StrEnum):
    """As `redundancy` in rack.toml's [control]."""

    NONE = "none"
    STRICT = "strict"
    REACTIVE = "reactive"


class Runtime(StrEnum):
    """What runs the firmware."""

    MICROPYTHON = "micropython"
    CPYTHON = "cpython"


def demo(
    trace: Annotated[
        Path | None,
        typer.Option(
            help="Replay recorded power: CSV, header t_s, then one column per load in watts. "
            "A single column is spread over 8 loads, each delayed by 1.7 s more than the last.",
            metavar="CSV",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            min=1, max=86_400, help="How long; default: 60 in real time, else 600 or the trace."
        ),
    ] = None,
    runtime: Annotated[Runtime, typer.Option(help="What runs the firmware.")] = Runtime.MICROPYTHON,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Directory of the HTML report; default rackedge-report, none with --json."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of everything random.")] = 1,
    virtual: Annotated[
        bool, typer.Option("--virtual", help="As fast as it goes, replayable bit for bit.")
    ] = False,
    oversubscription: Annotated[
        float,
        typer.Option(min=0.5, max=3.0, help="Peak total demand ÷ rating of the breakers."),
    ] = 1.5,
    lose: Annotated[
        str | None,
        typer.Option(metavar="FEED@SECONDS", help="Take a feed away, for example A@20."),
    ] = None,
    redundancy: Annotated[
        Redundancy | None,
        typer.Option(
            help="What a dead feed may do to the other; default: none, with --lose reactive."
        ),
    ] = None,
) -> None:
    """Run one workload uncapped, under static caps and under rackedge, side by side."""
    from edge.cli._demo_view import DemoView  # noqa: PLC0415 - rich and hil, only here
    from hil.demo import DemoOptions, FeedLoss, run_demo  # noqa: PLC0415
    from hil.report.demo import write  # noqa: PLC0415
    from hil.report.files import check_directory  # noqa: PLC0415

    options = DemoOptions(
        trace=trace,
        seconds=seconds,
        runtime=runtime.value,
        seed=seed,
        virtual=virtual,
        oversubscription=oversubscription,
        lose=FeedLoss.parse(lose) if lose else None,
        redundancy=(redundancy or (Redundancy.REACTIVE if lose else Redundancy.NONE)).value,
    )
    directory = report or (None if as_json else Path("rackedge-report"))
    if directory:
        check_directory(directory)
    # What the daemon would log is in the run's events; on the terminal it would break the view.
    logging.getLogger("rackedge").addHandler(logging.NullHandler())
    with DemoView(options) as view:
        result = run_demo(options, view.update)
    path = write(result, directory) if directory else None
    if as_json:
        json.dump(result.document(), sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        view.table(result, path)
