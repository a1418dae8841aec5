# SPDX-License-Identifier: Apache-2.0
"""Items of `stimulus:` and `commands:`."""

import csv
from pathlib import Path
from typing import Any

from firmware_py.link.messages import MESSAGES
from hil.scenario.context import Context
from hil.scenario.document import (
    STIMULUS_KINDS,
    CommandItem,
    Csv,
    StimulusItem,
    exactly_one,
)
from hil.scenario.model import Command, Stimulus
from hil.scenario.problem import near, shown
from hil.scenario.source import Node

OWN_DEMAND = "demand_w_"
"""Prefix of the demand of one load; which loads there are is known with the rack."""
DATA = "data:"
"""Prefix of files in the data directory."""
REQUESTS = {
    row[1]: tuple(field[0] for field in row[4])
    for row in MESSAGES
    if row[2] == "h" and row[5] == ""
}
"""What the bench can send by name and number: message to its fields."""


def stimulus(item: StimulusItem, node: Node, context: Context) -> Stimulus | None:
    """One signal over time; None after telling what is wrong."""
    entry = context.world.settable.get(item.signal)
    if entry is None and not item.signal.startswith(OWN_DEMAND):
        names = [*context.world.settable, OWN_DEMAND + "NAME"]
        what = f"nothing to set named {shown(item.signal)}; {near(item.signal, names)}"
        context.tell(node, what, "signal")
    kind = exactly_one(item, STIMULUS_KINDS)
    if item.csv is not None:
        values = _csv(item.csv, node, context)
        return None if values is None else Stimulus(item.signal, kind, values, node.where)
    values, limited = _shape(item, node, context)
    for key, value in limited.items():
        if entry is not None and not entry.low <= value <= entry.high:
            what = f"{value:g} is out of range; write {entry.low:g} to {entry.high:g}"
            unit = "" if entry.unit == "1" else f" {entry.unit}"
            context.tell(node, what + unit, kind, key)
    return Stimulus(item.signal, kind, values, node.where)


def _shape(
    item: StimulusItem, node: Node, context: Context
) -> tuple[dict[str, Any], dict[str, float]]:
    """Values of the stimulus; and, by key, those that have the signal's limits."""
    if item.step is not None:
        context.moment(item.step.at, node, "step", "at")
        return {"to": item.step.to, "at_ms": item.step.at}, {"to": item.step.to}
    if item.ramp is not None:
        ramp = item.ramp
        context.moment(ramp.at, node, "ramp", "at")
        values = {"start": ramp.start, "to": ramp.to, "at_ms": ramp.at, "for_ms": ramp.duration}
        return values, {"from": ramp.start, "to": ramp.to}
    if item.sine is not None:
        sine = item.sine
        context.moment(sine.at, node, "sine", "at")
        values = {"mean": sine.mean, "amplitude": sine.amplitude, "at_ms": sine.at}
        peaks = {"mean": sine.mean - sine.amplitude, "amplitude": sine.mean + sine.amplitude}
        return {**values, "period_ms": sine.period, "phase": sine.phase}, peaks
    return {"to": item.hold}, {"hold": item.hold or 0.0}


def _csv(item: Csv, node: Node, context: Context) -> dict[str, Any] | None:
    """An absent file of the data directory skips the case; any other must be there."""
    path = Path(node.where.file).parent / item.file
    if item.file.startswith(DATA):
        name, directory = item.file.removeprefix(DATA), context.world.data_dir
        path = (directory or Path()) / name
        if directory is None or not path.is_file():
            there = "" if directory is None else f" in {directory}"
            context.skip = f"recorded trace {name} is absent{there}: set RACKEDGE_DATA"
            return _csv_values(name, item)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            columns = [name.strip() for name in next(csv.reader(file), [])]
    except (OSError, ValueError, csv.Error):
        what = f"no trace {path}; write a path beside this file, or data:PATH"
        context.tell(node, what, "csv", "file")
        return None
    if item.column not in columns[1:]:
        what = f"no column {shown(item.column)} in {path}; {near(item.column, columns[1:])}"
        context.tell(node, what, "csv", "column")
        return None
    return _csv_values(str(path.absolute()), item)


def _csv_values(file: str, item: Csv) -> dict[str, Any]:
    return {"file": file, "column": item.column, "scale": item.scale, "start_ms": item.start}


def command(item: CommandItem, node: Node, context: Context) -> Command | None:
    """One request to the board; None after telling what is wrong."""
    context.moment(item.at, node, "at")
    fields = REQUESTS.get(item.message)
    if fields is None:
        what = f"no request {shown(item.message)}; {near(item.message, REQUESTS)}"
        context.tell(node, what, "message")
        return None
    for name, value in item.values.items():
        if name not in fields:
            context.tell(node, f"unknown field; {near(name, fields)}", "values", name)
        elif isinstance(value, bool) or not isinstance(value, int):
            what = f"{shown(value)} is not a whole number; write one without quotes"
            context.tell(node, what, "values", name)
    missing = [name for name in fields if name not in item.values]
    if missing:
        context.tell(node, f"{item.message} needs {', '.join(missing)}; add it", "values")
    return Command(item.at, item.message, item.values, node.where)
