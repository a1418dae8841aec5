# SPDX-License-Identifier: Apache-2.0
# Host only: the rows of `wiring` to lists of ints and back: channel, driver, the driver's numbers.

from . import check
from .schema_wiring import CHANNELS, DRIVERS

_NAMES = [name for name, _ in CHANNELS]
_BY_INDEX = {index: name for name, index in CHANNELS}
_BY_NUMBER = {number: (name, rows) for name, (number, rows) in DRIVERS.items()}


def wires(mistakes, given, most):
    if not isinstance(given, list) or len(given) > most:
        mistakes.add("wiring", f"must be a list of at most {most}")
        return []
    return [_wire(mistakes, item, f"wiring[{i}]") for i, item in enumerate(given)]


def _wire(mistakes, given, where):
    if not isinstance(given, dict):
        mistakes.add(where, f"must be an object, not {check.kind(given)}")
        return []
    channel = _one_of(mistakes, given, "channel", _NAMES, where)
    driver = _one_of(mistakes, given, "driver", list(DRIVERS), where)
    if driver is None:
        return []
    number, rows = DRIVERS[driver]
    numbers = {key: value for key, value in given.items() if key not in ("channel", "driver")}
    values = check.section(mistakes, rows, numbers, where)
    place = 0 if channel is None else _NAMES.index(channel)
    return [place, number, *(values[row[0]] for row in rows)]


def _one_of(mistakes, given, key, known, where):
    value = given.get(key)
    if value in known:
        return value
    wrong = f"is missing; known: {', '.join(known)}"
    if key in given:
        wrong = f"unknown {key} {value}; known: {', '.join(known)}"
    mistakes.add(f"{where}.{key}", wrong)
    return None


# A row as config.py has read it (its channel is the board's index), as people write it.
def document_of(row):
    name, rows = _BY_NUMBER[row[1]]
    numbers = {rows[i][0]: row[2 + i] for i in range(len(rows))}
    return {"channel": _BY_INDEX[row[0]], "driver": name} | numbers
