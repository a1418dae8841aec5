# SPDX-License-Identifier: Apache-2.0
# Host only: a board's configuration as people write it, JSON, to the bytes that config.py reads;
# README.md has an example. The same JSON always gives the same bytes.

import json
import struct
from binascii import crc32

from . import check, cross
from .config import FORMAT, HEAD_BYTES, MAGIC, ConfigError
from .migrate import VERSION, migrate
from .schema import BOARDS, FIRST, LIST, ONE, OPTIONAL, SECTIONS, TEXT, TEXT_MAX, since
from .wires import wires

BINARY_MAX = 4096  # one erase block of the smallest flash, and one answer of many link frames


# (compiled file, notes) from JSON bytes. Raises ConfigError with one line per mistake.
def compile_json(text):
    mistakes = check.Mistakes()
    document = read(text, mistakes)
    document, notes = migrate(document)
    mistakes.notes += notes
    made = _sections(document, mistakes)
    mistakes.raise_any()
    return _binary(made), mistakes.notes


# An object that remembers which of its keys came twice.
class _Object(dict):
    twice = ()


def _object(pairs):
    made = _Object(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        made.twice = sorted({key for key in keys if keys.count(key) > 1})
    return made


# JSON bytes as objects; keys that come twice are mistakes.
def read(text, mistakes):
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ConfigError("not JSON: nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"not JSON: {error}") from None
    _twice(mistakes, document, "")
    return document


def _twice(mistakes, value, where):
    if isinstance(value, list):
        for i, item in enumerate(value):
            _twice(mistakes, item, f"{where}[{i}]")
    if isinstance(value, dict):
        for key in value.twice:
            mistakes.add(f"{where}.{key}".lstrip("."), "comes twice")
        for key, item in value.items():
            _twice(mistakes, item, f"{where}.{key}".lstrip("."))


# {section: its objects (or texts, or rows of ints)}
def _sections(document, mistakes):
    if not isinstance(document, dict):
        raise ConfigError(f"config: must be an object, not {check.kind(document)}")
    check.unknown_keys(mistakes, document, ["version", *(row[0] for row in SECTIONS)], "")
    check.integer(mistakes, ("version", None, VERSION, VERSION), document.get("version"), "version")
    made = {}
    for name, _, shape, rows, least, most in SECTIONS:
        given = document.get(name)
        if shape == TEXT:
            made[name] = [_text(mistakes, document, name)]
        elif shape in (ONE, OPTIONAL):
            given = document.get(name, {} if shape == ONE else None)
            present = name in document or shape == ONE
            made[name] = [check.section(mistakes, rows, given, name)] if present else []
        elif shape == LIST:
            given = document.get(name, [{}] if name in ("zones", "fans") else None)
            made[name] = _list(mistakes, name, given, rows, (least, most))
        else:
            made[name] = wires(mistakes, document.get(name, []), most)
    for fan in made["fans"]:
        if fan.get("zones") == 0:  # absent
            fan["zones"] = (1 << len(made["zones"])) - 1
    cross.check(mistakes, made)
    return made


def _list(mistakes, name, given, rows, counts):
    if not isinstance(given, list):
        wrong = "is missing" if given is None else f"is {check.kind(given)}"
        mistakes.add(name, f"{wrong}; must be a list of {counts[0]} to {counts[1]}")
        return []
    if not counts[0] <= len(given) <= counts[1]:
        mistakes.add(name, f"has {len(given)}; must be a list of {counts[0]} to {counts[1]}")
    made = []
    for i, item in enumerate(given):
        where = f"{name}[{i}]"
        if name == "loads" and not isinstance(item, dict):
            item = {"group": item}
        mask = None
        if name == "fans" and isinstance(item, dict) and "zones" in item:
            mask = _mask(mistakes, item["zones"], f"{where}.zones")
            item = {key: value for key, value in item.items() if key != "zones"}
            made.append(check.section(mistakes, rows, item, where) | {"zones": mask})
            continue
        made.append(check.section(mistakes, rows, item, where))
    return made


# A list of zone numbers as bits.
def _mask(mistakes, given, where):
    good = isinstance(given, list) and given
    good = good and all(type(z) is int and 0 <= z < 4 for z in given)
    if not good or len(set(given)) < len(given):
        mistakes.add(where, "must be a list of different zone numbers, at least one, like [0]")
        return None
    return sum(1 << z for z in given)


def _text(mistakes, document, name):
    value = document.get(name, "sim" if name == "board" else "")
    if not isinstance(value, str):
        mistakes.add(name, f"must be text, not {check.kind(value)}")
    elif name == "board" and value not in BOARDS:
        mistakes.add(name, f"unknown board {value}; " + check.suggest(value, BOARDS))
    elif not value.isprintable() or len(value.encode()) > TEXT_MAX:
        mistakes.add(name, f"must be printable and at most {TEXT_MAX} bytes of UTF-8")
    return value


def _binary(made):
    body = b""
    schema = FIRST
    for name, number, shape, rows, _, _ in SECTIONS:
        for index, item in enumerate(made[name]):
            if shape == TEXT:
                raw = item.encode()
                count = len(raw)
            else:
                values = item if isinstance(item, list) else _trimmed(rows, item)
                schema = max([schema, *(since(row) for row in rows[: len(values)])])
                raw = struct.pack(f"<{len(values)}i", *values)
                count = len(values)
            body += struct.pack("<BBH", number, index, count) + raw
    head = MAGIC + struct.pack("<BBH", FORMAT, schema, len(body))
    if HEAD_BYTES + len(body) > BINARY_MAX:
        raise ConfigError(f"compiled it has {HEAD_BYTES + len(body)} bytes, a board takes 4096")
    return head + struct.pack("<I", crc32(body, crc32(head))) + body


# Values in order, without appended keys at the end that have their default.
def _trimmed(rows, item):
    used = len(rows)
    while used and since(rows[used - 1]) > FIRST and item[rows[used - 1][0]] == rows[used - 1][1]:
        used -= 1
    return [int(item[row[0]]) for row in rows[:used]]
