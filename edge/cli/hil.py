# SPDX-License-Identifier: Apache-2.0
"""`rackedge hil`: scenarios on emulated or real boards."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

hil = typer.Typer(help="Run scenarios on emulated or real boards.", no_args_is_help=True)

Scenarios = Annotated[
    list[Path] | None,
    typer.Argument(help="Scenario files or directories; default: those that come with rackedge."),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="micropython (default), cpython or cortex-m3 (in QEMU) in virtual time, pty (the VM "
        "as if it were a board, real time), or a device of the bench file."
    ),
]
Bench = Annotated[Path | None, typer.Option(help="Bench file: what is plugged in where.")]
Params = Annotated[
    list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter's value.")
]
Cases = Annotated[
    list[str] | None,
    typer.Option("--case", metavar="PATTERN", help="Only cases of this name; * and ? may stand."),
]


class Listing(StrEnum):
    """What `list` shows."""

    CASES = "cases"
    FAULTS = "faults"
    COVERAGE = "coverage"
    SIGNALS = "signals"
    CONFIG = "config"


@hil.command()
def run(
    scenarios: Scenarios = None,
    device: Device = None,
    bench: Bench = None,
    case: Cases = None,
    param: Params = None,
    seed: Annotated[int | None, typer.Option(min=0, help="In place of each file's seed.")] = None,
    count: Annotated[
        int, typer.Option(min=1, max=1000, help="Each case so often: is it the same each time?")
    ] = 1,
    combine: Annotated[
        int,
        typer.Option(
            min=0, max=10_000, help="Also N random combinations of faults; failing ones are shrunk."
        ),
    ] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Directory for report.html, junit.xml and the records.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option(help="Run on this device too and compare signal by signal.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="run.json of an earlier run: again, and is it the same?")
    ] = None,
    firmware: Annotated[
        Path | None, typer.Option(help="A folder with another firmware_py/, for the VM.")
    ] = None,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Real time, for your own tools: Redfish, IPMI, NVML and RAPL front-ends are open. "
            "Ctrl-C ends it with exit code 0.",
        ),
    ] = False,
    directory: Annotated[
        Path, typer.Option(help="With --serve: for rack.toml, the port and the front-ends' files.")
    ] = Path("rackedge-rack"),
    allow_destructive: Annotated[
        bool, typer.Option("--allow-destructive", help="Also what the bench file must permit.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Run scenarios; exit code 1 if one fails or says nothing, 130 if it was interrupted."""
    from edge.cli._hil_run import RunCommand  # noqa: PLC0415 - the bench, only here

    command = RunCommand(
        scenarios=tuple(scenarios or ()),
        device=device,
        bench=bench,
        cases=tuple(case or ()),
        params=tuple(param or ()),
        seed=seed,
        count=count,
        combine=combine,
        report=report,
        compare=compare,
        replay=replay,
        firmware=firmware,
        allow_destructive=allow_destructive,
        as_json=as_json,
    )
    sys.exit(command.serve(directory) if serve else command.run())


@hil.command()
def discover(
    port: Annotated[
        list[str] | None, typer.Argument(help="Ports or URLs; default: all serial ports.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Find boards and print stanzas for a bench file. Sends nothing but HELLO."""
    from dataclasses import asdict  # noqa: PLC0415

    from hil.bench.discover import discover as look  # noqa: PLC0415
    from hil.bench.discover import report  # noqa: PLC0415

    found = look(port or ())
    if as_json:
        json.dump([asdict(each) for each in found], sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(report(found))


@hil.command(name="list")
def list_(
    scenarios: Scenarios = None,
    what: Annotated[Listing, typer.Option(help="What to list.")] = Listing.CASES,
    case: Cases = None,
    param: Params = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Cases, faults, signals, or which requirement is covered by what."""
    from edge.cli._hil_list import show  # noqa: PLC0415

    show(tuple(scenarios or ()), what.value, tuple(case or ()), tuple(param or ()), as_json)
