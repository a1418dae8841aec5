# SPDX-License-Identifier: Apache-2.0
"""What `rackedge hil list` shows: cases, faults, signals, coverage."""

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli._hil_run import parameters
from edge.errors import ConfigError

if TYPE_CHECKING:
    from hil.scenario.model import Case


def show(
    scenarios: tuple[Path, ...],
    what: str,
    patterns: tuple[str, ...],
    params: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print one of the listings. Raises ConfigError."""
    from hil.session import LIBRARY, SessionOptions, collect  # noqa: PLC0415

    options = SessionOptions(
        scenarios=scenarios or (LIBRARY,), params=parameters(params), only=patterns
    )
    if what == "faults":
        _faults(as_json)
        return
    cases = collect(options)
    _LISTINGS[what](cases, as_json)


def _cases(cases: "Sequence[Case]", as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "case": case.name,
                "title": case.title,
                "source": case.source,
                "duration_s": case.duration_ms / 1000,
                "needs": sorted(case.needs),
                "covers": list(case.covers),
                "faults": [fault.kind for fault in case.faults],
                "skip": case.skip,
            }
            for case in cases
        ]
        _dump(rows)
        return
    for case in cases:
        print(f"{case.name}  ({case.duration_ms / 1000:g} s)\n    {case.title}")
        if case.skip:
            print(f"    skipped: {case.skip}")


def _faults(as_json: bool) -> None:
    from hil.faults import CATALOGUE  # noqa: PLC0415

    if as_json:
        _dump(
            {
                kind: {"doc": row.doc, "needs": sorted(row.needs), **row.model.model_json_schema()}
                for kind, row in sorted(CATALOGUE.items())
            }
        )
        return
    for kind, row in sorted(CATALOGUE.items()):
        names = ", ".join(row.model.model_fields)
        print(f"{kind:24} {row.doc}{f'  ({names})' if names else ''}")


def _signals(cases: "Sequence[Case]", as_json: bool) -> None:
    """Names that expressions of these cases may use: those of their racks."""
    from hil.devices import VirtualSource  # noqa: PLC0415
    from hil.drivers.inprocess import CpythonBoard  # noqa: PLC0415

    names: dict[str, None] = {}
    for case in cases:
        quiet = replace(case, stimulus=())  # its traces may be absent
        with tempfile.TemporaryDirectory() as folder:
            run = VirtualSource(CpythonBoard).make_run(quiet, Path(folder))
            names |= dict.fromkeys((*run.record.names, *run.constants()))
            run.close()
    if as_json:
        _dump(list(names))
    else:
        print("\n".join(names))


def _config(cases: "Sequence[Case]", as_json: bool) -> None:
    """The board's configuration of each case, for `rackedge config push`."""
    del as_json  # it is JSON
    from hil.plant.options import build  # noqa: PLC0415
    from hil.rackfile import board_document  # noqa: PLC0415

    made = [board_document(build(c.rack, c.seed), overrides=c.board.config) for c in cases]
    _dump(made[0] if len(made) == 1 else {c.name: m for c, m in zip(cases, made, strict=True)})


def _coverage(cases: "Sequence[Case]", as_json: bool) -> None:
    from hil.scenario.coverage import coverage, requirements_of  # noqa: PLC0415

    files = dict.fromkeys(_requirements(Path(case.source)) for case in cases)
    requirements = [each for path in files for each in requirements_of(path)]
    table = coverage(requirements, cases)
    if as_json:
        _dump(asdict(table) | {"uncovered": table.uncovered})
    else:
        sys.stdout.write(table.markdown())


def _requirements(source: Path) -> Path:
    """The list that a scenario's `covers` is checked against. Raises ConfigError."""
    from hil.scenario.requirements import MOST_UP, REQUIREMENTS  # noqa: PLC0415

    directory = source.absolute().parent
    for place in [directory, *directory.parents][:MOST_UP]:
        if (place / REQUIREMENTS).is_file():
            return place / REQUIREMENTS
    raise ConfigError(
        f"{source}: no {REQUIREMENTS} beside it or above: write one, a list of "
        "`- {id: ..., title: ..., area: ...}`"
    )


def _dump(document: object) -> None:
    json.dump(document, sys.stdout, indent=1, default=str)
    sys.stdout.write("\n")


_LISTINGS: dict[str, Callable[["Sequence[Case]", bool], None]] = {
    "cases": _cases,
    "signals": _signals,
    "config": _config,
    "coverage": _coverage,
}
