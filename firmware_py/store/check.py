# SPDX-License-Identifier: Apache-2.0
# Host only: one value and one object of a configuration against the schema. Mistakes go to a
# list, each with its place, so that a person sees all of them at once.

import difflib

from ..channels import MAX_ZONES
from .config import ConfigError

_KINDS = ((bool, "true or false"), (dict, "an object"), (list, "a list"), (str, "text"))


# What was wrong, by place, and what is worth saying although it is not.
class Mistakes:
    def __init__(self):
        self.errors = []
        self.notes = []

    def add(self, where, text):
        self.errors.append(f"{where}: {text}")

    def raise_any(self):
        if self.errors:
            raise ConfigError("\n".join(self.errors))


# What a value is, for a person.
def kind(value):
    if value is None:
        return "null"
    for type_, text in _KINDS:
        if isinstance(value, type_):
            return text
    return "a number"


# The nearest of `known`, or all of them (`listed`, if that says it shorter).
def suggest(given, known, listed=None):
    near = difflib.get_close_matches(str(given), known, 1)
    return f"did you mean {near[0]}?" if near else "known: " + ", ".join(listed or sorted(known))


# "an integer from 2 to 9", "0 or an integer from 2 to 9", "true or false".
def range_text(row):
    _, default, least, most = row[:4]
    if isinstance(least, bool):
        return "true or false"
    text = f"an integer from {least} to {most}"
    return text if default is None or least <= default <= most else f"{default} or {text}"


# An object as {key: int or None}, None where it is wrong; absent keys have their default.
def section(mistakes, rows, given, where):
    if not isinstance(given, dict):
        mistakes.add(where, f"must be an object, not {kind(given)}")
        return {row[0]: None for row in rows}
    unknown_keys(mistakes, given, [row[0] for row in rows], where)
    return {row[0]: _value(mistakes, row, given, f"{where}.{row[0]}") for row in rows}


def unknown_keys(mistakes, given, known, where):
    for key in given:
        if key not in known:
            mistakes.add(f"{where}.{key}" if where else key, "unknown key; " + suggest(key, known))


def _value(mistakes, row, given, where):
    key, default = row[:2]
    if key not in given:
        if default is None:
            mistakes.add(where, f"is missing; must be {range_text(row)}")
        return default
    if key == "zones":
        return _mask(mistakes, given[key], where)
    return integer(mistakes, row, given[key], where)


# A value of a row, or None with a mistake.
def integer(mistakes, row, value, where):
    _, default, least, most = row[:4]
    if isinstance(least, bool) and isinstance(value, bool):
        return int(value)
    if isinstance(least, bool) or isinstance(value, bool) or not isinstance(value, int):
        mistakes.add(where, f"must be {range_text(row)}, not {_hint(value, least)}")
        return None
    if not least <= value <= most and (default is None or value != default):
        mistakes.add(where, f"must be {range_text(row)}, not {value}")
        return None
    return value


# A list of zone numbers as bits.
def _mask(mistakes, given, where):
    good = isinstance(given, list) and given
    good = good and all(type(z) is int and 0 <= z < MAX_ZONES for z in given)
    if not good or len(set(given)) < len(given):
        mistakes.add(where, "must be a list of different zone numbers, at least one, like [0]")
        return None
    return sum(1 << z for z in given)


def _hint(value, least):
    if isinstance(value, float):
        exact = value.is_integer()
        return f"{value}: " + (f"write {int(value)}" if exact else "the unit is in the key")
    if isinstance(value, bool):
        return f"{str(value).lower()}: write {int(value)}"
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        return f"text: write {value.strip()} without quotes"
    if isinstance(least, bool) and isinstance(value, int) and value in (0, 1):
        return f"{value}: write {str(bool(value)).lower()}"
    return kind(value)
