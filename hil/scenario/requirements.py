# SPDX-License-Identifier: Apache-2.0
"""requirements.yaml of a scenario library: what `covers:` may name."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from hil.options import Options
from hil.scenario.explain import validated
from hil.scenario.problem import Problems
from hil.scenario.source import read

REQUIREMENTS = "requirements.yaml"
MOST_UP = 4
"""Directories from a scenario up to its library's root."""


class Requirement(Options):
    """One thing that the product must do."""

    id: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$")]
    title: Annotated[str, Field(min_length=1)]
    area: Annotated[str, Field(min_length=1)]


def read_requirements(path: Path, problems: Problems) -> tuple[Requirement, ...]:
    """All of a file, in its order; what is wrong with it is told."""
    root = read(path, problems)
    if root is None:
        return ()
    if not isinstance(root.value, list):
        problems.add(root.where, "", "not a list; write `- {id: ..., title: ..., area: ...}` lines")
        return ()
    found: dict[str, Requirement] = {}
    for node in root.value:
        one = validated(Requirement, node, problems)
        if one is not None and one.id in found:
            problems.add(node.where, node.path, f"{one.id} stands there twice; keep one")
        if one is not None:
            found.setdefault(one.id, one)
    return tuple(found.values())


def nearest_requirements(directory: Path, problems: Problems) -> frozenset[str] | None:
    """The ids in the first requirements.yaml in a directory or above; None without one."""
    for place in [directory, *directory.parents][:MOST_UP]:
        path = place / REQUIREMENTS
        if path.is_file():
            return frozenset(each.id for each in read_requirements(path, problems))
    return None
