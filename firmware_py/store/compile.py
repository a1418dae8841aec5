# SPDX-License-Identifier: Apache-2.0
# Host only: a board's configuration as people write it, JSON, to the bytes that config.py reads;
# README.md has an example. The same JSON always gives the same bytes.

import json
import struct
from binascii import crc32

from . import config
from .check import Mistakes
from .config import FORMAT, HEAD_BYTES, MAGIC, ConfigError
from .migrate import migrate
from .schema import FIRST, SECTIONS, TEXT, since
from .sections import sections

BINARY_MAX = 4096  # an erase block of the flash chips that boards carry


# (compiled file, notes) from JSON bytes. Raises ConfigError with one line per mistake.
def compile_json(text):
    _check_layout()
    mistakes = Mistakes()
    document = read(text, mistakes)
    document, notes = migrate(document)
    mistakes.notes += notes
    made = sections(document, mistakes)
    if made and made["board"][0] in ("rp2", "esp32", "stm32"):
        from ..board import check_pins  # noqa: PLC0415 - the store needs no board but for this

        check_pins.check(mistakes, made)
    mistakes.raise_any()
    return _binary(made), mistakes.notes


# A developer's mistake, not one of the file: a board would read other keys than are written.
def _check_layout():
    for (name, _, _, rows, _, _), read in zip(SECTIONS, config.SECTIONS, strict=True):
        if read[4] is not None and read[4].split() != [row[0] for row in rows]:
            raise RuntimeError(
                f"layout.py is older than the schema of {name}: "
                "run python -m firmware_py.store.make_layout"
            )


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
        _twice(mistakes, document, "")
    except RecursionError:
        raise ConfigError("not JSON: nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"not JSON: {error}") from None
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


def _binary(made):
    body = b""
    schema = FIRST
    for name, number, shape, rows, _, _ in SECTIONS:
        for index, item in enumerate(made[name]):
            if shape == TEXT:
                raw = item.encode()
                count = len(raw)
            else:
                values = item if isinstance(item, list) else _values(rows, item)
                schema = max([schema, *(since(row) for row in rows[: len(values)])])
                raw = struct.pack(f"<{len(values)}i", *values)
                count = len(values)
            body += struct.pack("<BBH", number, index, count) + raw
    size = HEAD_BYTES + len(body)
    if size > BINARY_MAX:
        raise ConfigError(f"compiled it has {size} bytes, a board takes {BINARY_MAX}")
    head = MAGIC + struct.pack("<BBH", FORMAT, schema, len(body))
    return head + struct.pack("<I", crc32(body, crc32(head))) + body


# Values in order, without appended keys at the end that have their default: that is what keeps
# the file readable by older firmware.
def _values(rows, item):
    used = len(rows)
    while used and since(rows[used - 1]) > FIRST and item[rows[used - 1][0]] == rows[used - 1][1]:
        used -= 1
    return [item[row[0]] for row in rows[:used]]
