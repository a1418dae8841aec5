# SPDX-License-Identifier: Apache-2.0
# Host only: the objects of a document to the values of its sections, checked and with defaults.

from . import check, cross
from .migrate import VERSION
from .schema import BOARDS, LIST, ONE, SECTIONS, TEXT, TEXT_MAX, WIRES
from .wires import wires

_VERSION = ("version", None, VERSION, VERSION)


# {name: its objects as {key: int}, texts, or lists of ints}; wrong values are None.
def sections(document, mistakes):
    if not isinstance(document, dict):
        mistakes.add("config", f"must be an object, not {check.kind(document)}")
        return {}
    check.unknown_keys(mistakes, document, ["version", *(row[0] for row in SECTIONS)], "")
    check.integer(mistakes, _VERSION, document.get("version"), "version")
    made = {row[0]: _section(mistakes, document, row) for row in SECTIONS}
    _resolve(made)
    cross.check(mistakes, made)
    return made


def _section(mistakes, document, section):
    name, _, shape, rows, least, most = section
    if shape == TEXT:
        return [_text(mistakes, document.get(name, "sim" if name == "board" else ""), name)]
    if shape == WIRES:
        return wires(mistakes, document.get(name, []), most)
    if shape == LIST:
        given = document.get(name, [{}] if name in ("zones", "fans") else None)
        return _list(mistakes, name, given, rows, least, most)
    if shape == ONE or name in document:
        return [check.section(mistakes, rows, document.get(name, {}), name)]
    return []


# A load may be its group's number alone.
def _list(mistakes, name, given, rows, least, most):
    expected = f"must be a list of {least} to {most}"
    if not isinstance(given, list):
        wrong = "is missing" if given is None else f"is {check.kind(given)}"
        mistakes.add(name, f"{wrong}; {expected}")
        return []
    if not least <= len(given) <= most:
        mistakes.add(name, f"has {len(given)}; {expected}")
    if name == "loads":
        given = [item if isinstance(item, dict) else {"group": item} for item in given]
    return [check.section(mistakes, rows, item, f"{name}[{i}]") for i, item in enumerate(given)]


def _text(mistakes, value, name):
    if not isinstance(value, str):
        mistakes.add(name, f"must be text, not {check.kind(value)}")
    elif name == "board" and value not in BOARDS:
        mistakes.add(name, f"unknown board {value}; " + check.suggest(value, BOARDS))
    elif not value.isprintable() or len(value.encode()) > TEXT_MAX:
        mistakes.add(name, f"must be printable and at most {TEXT_MAX} bytes of UTF-8")
    return value


# What an absent key means here: a fan cools all zones; one feed carries all of a load.
def _resolve(made):
    for fan in made["fans"]:
        if fan["zones"] == 0:
            fan["zones"] = (1 << len(made["zones"])) - 1
    if len(made["feeds"]) == 1:
        for load in made["loads"]:
            if load["share_a_permille"] == -1:
                load["share_a_permille"] = 1000
