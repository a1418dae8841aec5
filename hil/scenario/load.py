# SPDX-License-Identifier: Apache-2.0
"""Scenario files to cases.

`load` either gives every case of every file, or raises one ConfigError that lists every problem
of every file, each as `file:line: path.to.key: what is wrong; what to write`.
"""

import itertools
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from edge.errors import ConfigError
from hil.scenario.build import Point, build
from hil.scenario.context import FaultKind, SettableSignal, World
from hil.scenario.defaults import default_catalogue, default_settable
from hil.scenario.files import Document, Reader, all_params, sections
from hil.scenario.model import Case
from hil.scenario.problem import Problems, near, shown
from hil.scenario.requirements import REQUIREMENTS, nearest_requirements
from hil.scenario.scope import name_problem, override
from hil.scenario.source import Node, mapping

MOST_CASES = 1000
"""Points of one matrix."""
FRAGMENTS = "include"
"""Directory that holds fragments: not searched for scenarios."""


def load(
    paths: Sequence[str | Path],
    *,
    settable: Mapping[str, SettableSignal] | None = None,
    catalogue: Mapping[str, FaultKind] | None = None,
    overrides: Mapping[str, str] | None = None,
    data_dir: Path | None = None,
    today: date | None = None,
) -> list[Case]:
    """All cases of these files and directories, in order of files, then of the matrix.

    settable: default hil.plant.rack.SETTABLE. catalogue: default hil.faults.CATALOGUE. overrides:
    parameters as the command line gives them. data_dir: default RACKEDGE_DATA. Raises ConfigError.
    """
    problems = Problems()
    files = list(_files(paths, problems))
    world = World(
        settable=default_settable() if settable is None else settable,
        catalogue=default_catalogue() if catalogue is None else catalogue,
        data_dir=_data_dir() if data_dir is None else data_dir,
        today=date.today() if today is None else today,
        requirements=None,
    )
    reader = Reader(problems)
    documents = [each for path in files if (each := reader.scenario(path)) is not None]
    given = _overrides(documents, overrides or {}, problems)
    cases: list[Case] = []
    known: dict[Path, frozenset[str] | None] = {}
    for document in documents:
        directory = document.path.absolute().parent
        if directory not in known:
            known[directory] = nearest_requirements(directory, problems)
        here = replace(world, requirements=known[directory])
        for point in _points(document, given, problems):
            case = build(point, here, problems)
            if case is not None:
                cases.append(case)
    _unique(cases, problems)
    if problems:
        raise problems.error()
    return cases


def _data_dir() -> Path | None:
    named = os.environ.get("RACKEDGE_DATA")
    return Path(named) if named else None


def _files(paths: Sequence[str | Path], problems: Problems) -> Iterator[Path]:
    """Files as given; of a directory all scenarios below it, sorted; each once."""
    found: dict[Path, None] = {}
    for given in paths:
        path = Path(given)
        try:
            inside = _below(path) if path.is_dir() else None
        except (OSError, ValueError) as error:
            problems.add(shown(str(path))[1:-1], "", f"cannot be read ({error}); check the path")
            continue
        if inside is None:
            found[path] = None
        elif inside:
            found |= dict.fromkeys(inside)
        else:
            what = "no scenario (*.yaml) below this directory; check the path"
            problems.add(str(path), "", what)
    if not paths:
        problems.add("scenarios", "", "none is named; give files or directories")
    return iter(found)


def _below(directory: Path) -> list[Path]:
    return sorted(
        path
        for path in directory.rglob("*.yaml")
        if FRAGMENTS not in path.relative_to(directory).parts[:-1] and path.name != REQUIREMENTS
    )


def _overrides(
    documents: Sequence[Document], texts: Mapping[str, str], problems: Problems
) -> dict[str, str]:
    """The overrides that some file has a parameter for; the others are told."""
    known = {name for document in documents for name, _ in all_params(document)}
    known |= {name for document in documents for name in _matrix(document, Problems())}
    for name in texts:
        if name not in known and documents:
            problems.add(
                f"--param {name}", "", f"no scenario has this parameter; {near(name, known)}"
            )
    return {name: text for name, text in texts.items() if name in known}


def _matrix(document: Document, problems: Problems) -> dict[str, Node]:
    node = document.root.value.get("matrix") if isinstance(document.root.value, dict) else None
    if node is None:
        return {}
    keys = mapping(node, problems, "a map; write `key: [values]`")
    for name, each in keys.items():
        problem = name_problem(name)
        if problem is not None:
            problems.add(each.where, each.path, problem)
        values = each.value if isinstance(each.value, list) else []
        texts = [_text(value.plain()) for value in values]
        if not values:
            problems.add(each.where, each.path, "not a list of values; write [a, b]")
        for value, text in zip(values, texts, strict=True):
            if isinstance(value.value, list | dict) or value.value is None or "${" in text:
                what = "is not a number or text; write plain values"
                problems.add(value.where, value.path, f"{shown(value.plain())} {what}")
            elif texts.count(text) > 1:
                problems.add(value.where, value.path, f"{text} stands there twice; keep one")
    return keys


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _points(
    document: Document, overrides: Mapping[str, str], problems: Problems
) -> Iterator[Point]:
    before = len(problems)
    matrix = _matrix(document, problems)
    given = _given(document, overrides, matrix, problems)
    axes = {name: node for name, node in matrix.items() if name not in given}
    if len(problems) != before:
        return
    count = math.prod(len(node.value) for node in axes.values())
    if count > MOST_CASES:
        node = document.root.value["matrix"]
        what = f"{count} cases; at most {MOST_CASES}, write shorter lists"
        problems.add(node.where, node.path, what)
        return
    for values in itertools.product(*(node.value for node in axes.values())):
        at = dict(zip(axes, (value.value for value in values), strict=True))
        inside = ",".join(f"{name}={_text(value)}" for name, value in at.items())
        merged, scope = sections(document, {**at, **given}, problems)
        suffix = f"[{inside}]" if inside else ""
        yield Point(document.path, document.root, merged, scope, suffix)


def _given(
    document: Document,
    overrides: Mapping[str, str],
    matrix: Mapping[str, Node],
    problems: Problems,
) -> dict[str, Any]:
    """The overrides that this scenario has, as values of the kind that the file gives them."""
    was = dict(all_params(document))
    was |= {name: node.value[0] for name, node in matrix.items() if _is_list(node)}
    given = {}
    for name, text in overrides.items():
        if name in was:
            try:
                given[name] = override(text, was[name].plain())
            except ConfigError as error:
                problems.add(f"--param {name}", "", str(error))
    return given


def _is_list(node: Node) -> bool:
    return isinstance(node.value, list) and bool(node.value)


def _unique(cases: Sequence[Case], problems: Problems) -> None:
    sources: dict[str, str] = {}
    for case in cases:
        other = sources.setdefault(case.scenario, case.source)
        if other != case.source:
            what = f"`{case.scenario}` is the name of {other} too; choose another"
            problems.add(case.source, "name", what)
