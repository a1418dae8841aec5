# SPDX-License-Identifier: Apache-2.0
# Host only: the rows of `wiring` to lists of ints and back: channel, driver, the driver's numbers.

from . import check
from .schema_wiring import CHANNELS, DRIVERS, LISTED, OUT_AT, OUTPUTS, PINS, SHARED

_NAMES = [name for name, _ in CHANNELS]
_INDEX = dict(CHANNELS)
_BY_INDEX = {index: name for name, index in CHANNELS}
_BY_NUMBER = {row[0]: (name, row[2]) for name, row in DRIVERS.items()}


# Rows; those with a mistake may be short or have None in them.
def wires(mistakes, given, most):
    if not isinstance(given, list):
        mistakes.add("wiring", f"must be a list, not {check.kind(given)}")
        return []
    if len(given) > most:
        mistakes.add("wiring", f"has {len(given)}; must be a list of at most {most}")
    _once(mistakes, given)
    return [_wire(mistakes, item, f"wiring[{i}]") for i, item in enumerate(given)]


def _wire(mistakes, given, where):
    if not isinstance(given, dict):
        mistakes.add(where, f"must be an object, not {check.kind(given)}")
        return []
    driver = _name(mistakes, given, "driver", list(DRIVERS), sorted(DRIVERS), where)
    if driver is None:
        return []
    number, endings, rows = DRIVERS[driver]
    channel = ""
    if endings or "channel" in given:
        channel = _name(mistakes, given, "channel", _NAMES[1:], LISTED, where)
        if channel is not None and not _serves(number, endings, channel):
            mistakes.add(f"{where}.channel", f"{channel} is not for driver {driver}")
    numbers = {key: value for key, value in given.items() if key not in ("channel", "driver")}
    values = check.section(mistakes, rows, numbers, where)
    place = None if channel is None else _NAMES.index(channel)
    return [place, number, *(values[row[0]] for row in rows)]


# "_permille" is the end of inputs too.
def _serves(number, endings, channel):
    return channel.endswith(endings) and (number in OUTPUTS) == (_INDEX[channel] >= OUT_AT)


def _name(mistakes, given, key, known, listed, where):
    value = given.get(key)
    if isinstance(value, str) and value in known:
        return value
    wrong = f"unknown {key} {value}; " if key in given else "is missing; "
    mistakes.add(f"{where}.{key}", wrong + check.suggest(value, known, listed))
    return None


# A channel has one row, or one for each group; a pin has one driver, unless that is a bus.
def _once(mistakes, given):
    channels, pins = {}, {}
    for i, item in enumerate(given):
        if not isinstance(item, dict):
            continue
        channel, driver = str(item.get("channel")), str(item.get("driver"))
        first = channels.setdefault((channel, str(item.get("group"))), i)
        if first != i and "channel" in item:
            mistakes.add(f"wiring[{i}].channel", f"{channel} has its driver in wiring[{first}]")
        for key in PINS:
            pin = item.get(key, -1)
            if type(pin) is not int or pin < 0:
                continue
            use = key if key in SHARED else f"{driver}.{key}"
            use = use if use in SHARED else f"wiring[{i}].{key}"
            first = pins.setdefault(pin, use)
            if first != use:
                mistakes.add(f"wiring[{i}].{key}", f"pin {pin} is used as {first} too")


# A row as config.py has read it (its channel is the board's index), as people write it.
def document_of(row):
    name, rows = _BY_NUMBER[row[1]]
    numbers = {rows[i][0]: row[2 + i] for i in range(len(rows))}
    channel = {"channel": _BY_INDEX[row[0]]} if _BY_INDEX[row[0]] else {}
    return channel | {"driver": name} | numbers
