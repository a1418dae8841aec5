# SPDX-License-Identifier: Apache-2.0
"""YAML text to a tree in which every value knows its place.

YAML 1.2 core schema and no more: no tags, no anchors, no second document, no duplicate keys. What
would be read differently than it looks follows YAML 1.2: `no` is text, and so are
`0x1F` and `12:30`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamStartEvent,
)

from hil.scenario.model import Where
from hil.scenario.problem import Problems, near, shown

MOST_BYTES = 256 * 1024
"""Size of a scenario file; a hand-written one has a few KiB."""
MOST_DEPTH = 20
"""Nesting of maps and lists."""
MOST_DIGITS = 18
"""Of a whole number: int64 holds all of them."""

INT = re.compile(r"[-+]?[0-9]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
"""Plain words that are no text (YAML 1.2.2, 10.3.2)."""


BROKEN: Any = object()
"""Value of a node whose mistake has been told: nothing more is said of it."""


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, a list of nodes or a map of nodes, and where it stands."""

    value: Any
    """None, bool, int, float, str, list[Node] or dict[str, Node]."""
    where: Where
    path: str
    """`faults[0].at`, inside its own file."""

    def plain(self) -> Any:
        """The values alone."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain() for each in self.value]
        return None if self.value is BROKEN else self.value

    def broken(self) -> bool:
        """Whether it, or anything in it, is."""
        below = self.value.values() if isinstance(self.value, dict) else self.value
        if isinstance(self.value, dict | list):
            return any(each.broken() for each in below)
        return self.value is BROKEN


class _Refused(Exception):
    """This file has a problem that ends its reading; it has been told."""


class _Unreadable(Exception):
    """The YAML library fails on this text."""


def read(path: Path, problems: Problems) -> Node | None:
    """The tree of a file; None if it cannot be read, and `problems` says why."""
    text = _text(path, problems)
    return None if text is None else parse(text, str(path), problems)


def parse(text: str, file: str, problems: Problems) -> Node | None:
    """The tree of a text; None if there is none, and `problems` says why."""
    try:
        return _Builder(text, file, problems).document()
    except _Refused:
        return None
    except YAMLError as error:
        problems.add(*_syntax(error, file))
    except _Unreadable as error:
        problems.add(file, "", f"not YAML: {shown(str(error))}; correct the escapes and quotes")
    return None


def _events(text: str) -> Iterator[Event]:
    """The library's events. Raises YAMLError, and _Unreadable for whatever else it fails with."""
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except (YAMLError, GeneratorExit):
        raise
    except Exception as error:  # "\\UFFFFFFFF" is an OverflowError, for one
        raise _Unreadable(str(error)) from None


def scalar(text: str) -> bool | int | float | str | None:
    """A plain scalar by the core schema. Raises ValueError for a number beyond all use."""
    if text in WORDS:
        return WORDS[text]
    if INT.fullmatch(text):
        if len(text) > MOST_DIGITS:
            raise ValueError(f"{shown(text)} has more than {MOST_DIGITS} digits; write fewer")
        return int(text)
    if FLOAT.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ValueError(f"{shown(text)} is too large; write a smaller number")
        return value
    return text


def _text(path: Path, problems: Problems) -> str | None:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            problems.add(
                str(path), "", f"larger than {MOST_BYTES // 1024} KiB; split it with include"
            )
            return None
        return raw.decode("utf-8-sig")
    except FileNotFoundError:
        what = "no such file; check the path"
    except IsADirectoryError:
        what = "is a directory; name a file"
    except PermissionError:
        what = "not readable; check its owner and mode"
    except UnicodeDecodeError as bad:
        line = raw.count(b"\n", 0, bad.start) + 1
        problems.add(Where(str(path), line), "", "not UTF-8; save the file as UTF-8")
        return None
    except OSError as error:
        what = f"cannot be read ({error.strerror}); check the path"
    except ValueError:
        what = "not a usable path; remove the NUL byte"
    problems.add(str(path), "", what)
    return None


def _syntax(error: YAMLError, file: str) -> tuple[Where | str, str, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:  # a character that YAML does not allow
        text = " ".join(str(error).split("\n")[0].split())
        return file, "", f"not YAML: {text}; remove it"
    what = getattr(error, "problem", None) or getattr(error, "context", None) or "unreadable"
    advice = "check indentation, colons and quotes here and in the line before"
    if "'\\t'" in what:
        advice = "indent with spaces, not tabs"
    elif "mapping values" in what:
        advice = "indent the keys of one map alike, and quote a value with `: ` in it"
    told = f"not YAML: {what} (column {mark.column + 1}); {advice}"
    return Where(file, mark.line + 1), "", told


class _Builder:
    """Events to nodes; recursion is bounded by MOST_DEPTH."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self._events: Iterator[Event] = _events(text)
        self._file = file
        self._problems = problems

    def document(self) -> Node | None:
        first = next(self._events)
        while isinstance(first, StreamStartEvent | DocumentStartEvent):
            first = next(self._events)
        if not isinstance(first, ScalarEvent | MappingStartEvent | SequenceStartEvent | AliasEvent):
            self._problems.add(self._file, "", "empty; write what its README shows")
            return None
        root = self._node(first, "", 0)
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                self._refuse(event, "", "a second document begins; write one scenario per file")
        return root

    def _where(self, event: Event) -> Where:
        return Where(self._file, event.start_mark.line + 1)

    def _refuse(self, event: Event, path: str, what: str) -> None:
        self._problems.add(self._where(event), path, what)
        raise _Refused

    def _node(self, event: Any, path: str, depth: int) -> Node:
        if isinstance(event, AliasEvent) or event.anchor is not None:
            self._refuse(event, path, "anchors and aliases are not read; use params or include")
        if event.tag is not None:
            self._refuse(event, path, f"tags are not read; remove {shown(str(event.tag))}")
        if depth > MOST_DEPTH:
            self._refuse(event, "", f"nested more than {MOST_DEPTH} deep; flatten it")
        if isinstance(event, MappingStartEvent):
            return Node(self._map(path, depth), self._where(event), path)
        if isinstance(event, SequenceStartEvent):
            return Node(self._list(path, depth), self._where(event), path)
        return Node(self._scalar(event, path), self._where(event), path)

    def _list(self, path: str, depth: int) -> list[Node]:
        items: list[Node] = []
        while _opens(event := next(self._events)):
            items.append(self._node(event, f"{path}[{len(items)}]", depth + 1))
        return items

    def _map(self, path: str, depth: int) -> dict[str, Node]:
        items: dict[str, Node] = {}
        while _opens(event := next(self._events)):
            key = self._key(event, path)
            below = f"{path}.{key}" if path else key
            if key in items:
                first = items[key].where.line
                self._problems.add(
                    self._where(event), below, f"written twice, first in line {first}; keep one"
                )
            node = self._node(next(self._events), below, depth + 1)
            items.setdefault(key, Node(node.value, self._at(event, node), below))
        return items

    def _at(self, key: Event, node: Node) -> Where:
        """A block value is told at its key, a scalar where it stands."""
        return self._where(key) if isinstance(node.value, dict | list) else node.where

    def _key(self, event: Any, path: str) -> str:
        if not isinstance(event, ScalarEvent) or event.anchor is not None or event.tag is not None:
            self._refuse(event, path, "a key that is no plain word; write `key: value`")
        key = str(event.value)
        if "${" in key:
            self._refuse(event, path, "params stand in values only; write the key itself")
        self._no_surrogates(event, path, key)
        return key

    def _scalar(self, event: Any, path: str) -> Any:
        self._no_surrogates(event, path, event.value)
        if not event.implicit[0]:  # quoted
            return event.value
        try:
            return scalar(event.value)
        except ValueError as error:
            self._problems.add(self._where(event), path, str(error))
            return 0

    def _no_surrogates(self, event: Event, path: str, text: str) -> None:
        if any("\ud800" <= c <= "\udfff" for c in text):
            self._refuse(event, path, "half a surrogate pair; write the character itself")


def _opens(event: Event) -> bool:
    return isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent | AliasEvent)


def mapping(node: Node, problems: Problems, what: str) -> dict[str, Node]:
    """The map in a node, `{}` after telling that it is none."""
    if isinstance(node.value, dict):
        return node.value
    problems.add(node.where, node.path, f"{shown(node.plain())} is not {what}")
    return {}


def no_others(items: dict[str, Node], known: tuple[str, ...], problems: Problems) -> None:
    """Tells each key that is not known."""
    for key, node in items.items():
        if key not in known:
            problems.add(node.where, node.path, f"unknown key; {near(key, known)}")
