# SPDX-License-Identifier: Apache-2.0
"""YAML with the line of every key, and pydantic's errors as `file:line: key: what, what to do`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edge.errors import ConfigError
from hil.scenario import source
from hil.scenario.problem import Problems
from hil.scenario.source import Node

Key = tuple[str | int, ...]
"""Path of keys and indices from the top of a file."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and on which line it says it."""

    path: Path
    data: Any
    lines: Mapping[Key, int]

    def where(self, key: Key) -> str:
        """`file:line` of a key, or of the nearest above it that is in the file."""
        while key and key not in self.lines:
            key = key[:-1]
        return f"{self.path}:{self.lines.get(key, 1)}"


def read(path: Path) -> Document:
    """Read a YAML file, by the rules of scenario files. Raises ConfigError."""
    problems = Problems()
    node = source.read(path, problems)
    if problems or node is None:
        raise problems.error()
    lines: dict[Key, int] = {}
    _walk(node, (), lines)
    return Document(path, node.plain(), lines)


def _walk(node: Node, key: Key, lines: dict[Key, int]) -> None:
    lines[key] = node.where.line
    if isinstance(node.value, dict):
        for name, value in node.value.items():
            _walk(value, (*key, name), lines)
    elif isinstance(node.value, list):
        for place, value in enumerate(node.value):
            _walk(value, (*key, place), lines)


def refusal(document: Document, error: ValidationError) -> ConfigError:
    """All mistakes of a file at once, one per line, in the order of the file."""
    found = []
    for each in error.errors():
        key = _key(document, each["loc"])
        where = document.where(key)
        name = ".".join(str(part) for part in key)
        found.append((int(where.rsplit(":", 1)[1]), f"{where}: {name or 'file'}: {_said(each)}"))
    return ConfigError("\n".join(text for _, text in sorted(found)))


def _key(document: Document, loc: Key) -> Key:
    """Pydantic's path without what is none of the file: tags of unions, `[key]`."""
    key: Key = ()
    for place, part in enumerate(loc):
        last = place == len(loc) - 1 and part != "[key]"
        if last or (*key, part) in document.lines:
            key = (*key, part)
    return key


def _said(error: Any) -> str:
    context, given = error.get("ctx", {}), error["input"]
    said = {
        "extra_forbidden": "no such key; remove it or correct its spelling",
        "missing": "is missing; add it",
        "value_error": str(context.get("error")),
        "string_pattern_mismatch": f"{given!r} does not look like {context.get('pattern')}",
        "union_tag_invalid": (
            f"there is no driver {context.get('tag')}; known: {context.get('expected_tags')}"
        ),
        "union_tag_not_found": "is without a `driver`; add it",
    }
    if error["type"] == "string_type" and isinstance(given, int | float):
        return f"is text; write it in quotes, YAML reads it as the number {given}"
    usual = f"{error['msg'][:1].lower()}{error['msg'][1:]}, not {given!r}"
    return said.get(error["type"], usual)
