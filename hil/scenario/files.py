# SPDX-License-Identifier: Apache-2.0
"""Scenario files and the fragments they include, before parameters are filled in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hil.scenario.document import Fragment, Scenario, keys
from hil.scenario.problem import Problems, near, shown
from hil.scenario.scope import Scope, filled, inlined, name_problem
from hil.scenario.source import BROKEN, Node, mapping, no_others, read

MOST_INCLUDES = 200
"""Fragments of one scenario, nested ones counted each time."""
EXPRESSIONS = {
    "faults": ("when",),
    "checks": ("always", "never", "ends", "within", "settles", "when", "then", "expr"),
    "measure": ("value",),
}
"""Keys of the items of a section that hold expressions, or maps of them."""
LISTS = ("stimulus", "faults", "commands", "checks", "measure")
"""Sections that append; all others merge, the later wins."""


@dataclass(slots=True)
class Document:
    """One file."""

    path: Path
    root: Node
    params: dict[str, Node] = field(default_factory=dict)
    includes: "list[Included]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Included:
    """One use of a fragment."""

    document: Document
    given: dict[str, Node]


class Reader:
    """Reads a scenario with all its fragments; each file is parsed once."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._roots: dict[Path, Node | None] = {}
        self._count = 0

    def scenario(self, path: Path) -> Document | None:
        """The file and its fragments; None if any of them cannot be read (it is told)."""
        self._count = 0
        return self._document(path, (), keys(Scenario))

    def _document(
        self, path: Path, chain: tuple[Path, ...], known: tuple[str, ...]
    ) -> Document | None:
        root = self._root(path)
        if root is None:
            return None
        if not isinstance(root.value, dict):
            mapping(root, self._problems, "a map; write `key: value` lines")
            return None
        no_others(root.value, known, self._problems)
        items = {key: node for key, node in root.value.items() if key in known}
        document = Document(path, Node(items, root.where, root.path))
        if "params" in items:
            document.params = mapping(items["params"], self._problems, "a map; write `name: value`")
        for name, node in document.params.items():
            self._name(name, node)
        whole = self._includes(document, items.get("include"), (*chain, path))
        return document if whole else None

    def _root(self, path: Path) -> Node | None:
        try:
            key = path.resolve()
        except (OSError, ValueError, RuntimeError):
            key = path
        if key not in self._roots:
            self._roots[key] = read(path, self._problems)
        return self._roots[key]

    def _name(self, name: str, node: Node) -> None:
        problem = name_problem(name)
        if problem is not None:
            self._problems.add(node.where, node.path, problem)

    def _includes(self, document: Document, node: Node | None, chain: tuple[Path, ...]) -> bool:
        """Read all fragments; False if one cannot be, and what would need it is not judged."""
        if node is None:
            return True
        if not isinstance(node.value, list):
            self._problems.add(node.where, node.path, "not a list; write `include: [file.yaml]`")
            return False
        for item in node.value:
            file, given = self._item(item)
            path = document.path.parent / (file or "")
            if file is None or not self._may_include(path, item, chain):
                continue
            inner = self._document(path, chain, keys(Fragment))
            if inner is not None:
                self._declared(inner, given)
                document.includes.append(Included(inner, given))
        return len(document.includes) == len(node.value)

    def _may_include(self, path: Path, item: Node, chain: tuple[Path, ...]) -> bool:
        self._count += 1
        if any(_same(path, each) for each in chain):
            way = " -> ".join(str(each) for each in (*chain, path))
            what = f"includes itself: {way}; break the ring"
        elif self._count > MOST_INCLUDES:
            what = f"more than {MOST_INCLUDES} fragments; include fewer"
        elif not path.is_file():
            what = f"no fragment {path}; paths start at the file that includes"
        else:
            return True
        self._problems.add(item.where, item.path, what)
        return False

    def _declared(self, inner: Document, given: dict[str, Node]) -> None:
        """What a fragment is given must be a parameter of it."""
        names = [name for name, _ in all_params(inner)]
        for name, node in given.items():
            if name not in names:
                what = f"{inner.path} has no parameter `{name}`; {near(name, names)}"
                self._problems.add(node.where, node.path, what)

    def _item(self, item: Node) -> tuple[str | None, dict[str, Node]]:
        value, given = item.value, {}
        if isinstance(value, dict):
            no_others(value, ("file", "with"), self._problems)
            if "with" in value:
                given = mapping(value["with"], self._problems, "a map; write `name: value`")
            for name, node in given.items():
                self._name(name, node)
            value = value["file"].value if "file" in value else None
        if not isinstance(value, str) or not value or "\0" in value or "${" in value:
            what = f"{shown(item.plain())} is no fragment; write a file name, or file: and with:"
            self._problems.add(item.where, item.path, what)
            return None, given
        return value, given


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve()
    except (OSError, ValueError, RuntimeError):
        return False


def scope_of(document: Document, outer: Scope, problems: Problems) -> dict[str, Any]:
    """Value of every parameter in a document.

    Those of its fragments, then its own (each may use the ones before), then `outer`: what who
    includes it, the matrix or the command line says.
    """
    scope: dict[str, Any] = {}
    for included in document.includes:
        scope |= scope_of(included.document, {}, problems)
    known = {**scope, **outer}
    for name, node in document.params.items():
        if name not in outer:
            scope[name] = known[name] = _value(filled(node, known, problems))
    return scope | dict(outer)


def _value(node: Node) -> Any:
    return BROKEN if node.broken() else node.plain()


def sections(
    document: Document, outer: Scope, problems: Problems
) -> tuple[dict[str, Node], dict[str, Any]]:
    """All sections with parameters filled in and fragments merged, and the parameters."""
    scope = scope_of(document, outer, problems)
    merged: dict[str, Node] = {}
    own = {name: scope[name] for name in document.params}
    for included in document.includes:
        given = {name: _value(filled(n, scope, problems)) for name, n in included.given.items()}
        inner = {**own, **outer, **given}
        below, there = sections(included.document, inner, problems)
        other = {name: value for name, value in there.items() if scope.get(name) != value}
        for name, node in below.items():
            merged[name] = _merged(
                merged.get(name), inlined(node, EXPRESSIONS.get(name, ()), other)
            )
    items: dict[str, Node] = document.root.value
    for name, node in items.items():
        if name not in {"params", "include", "matrix"}:
            merged[name] = _merged(merged.get(name), filled(node, scope, problems))
    return merged, scope


def _merged(before: Node | None, after: Node) -> Node:
    """Maps merge key by key, lists append, all else is replaced."""
    if before is None:
        return after
    if isinstance(before.value, dict) and isinstance(after.value, dict):
        value = dict(before.value)
        for key, node in after.value.items():
            value[key] = _merged(value.get(key), node)
        return Node(value, after.where, after.path)
    if isinstance(before.value, list) and isinstance(after.value, list):
        joined = [*before.value, *after.value] if after.path in LISTS else after.value
        return Node(joined, after.where, after.path)
    return after


def all_params(document: Document) -> Iterator[tuple[str, Node]]:
    """Every parameter that the command line can set, with its value in the file."""
    for included in document.includes:
        yield from all_params(included.document)
    yield from document.params.items()
