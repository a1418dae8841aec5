# SPDX-License-Identifier: Apache-2.0
"""One point of one scenario: from sections of nodes to a Case."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hil.options import Options
from hil.ports import HOST, STIMULUS, STORE
from hil.scenario.context import Context, World
from hil.scenario.document import CheckItem, CommandItem, MeasureItem, Scenario, StimulusItem
from hil.scenario.duration import duration_ms
from hil.scenario.explain import validated
from hil.scenario.files import LISTS
from hil.scenario.item_check import check, measure
from hil.scenario.item_fault import fault
from hil.scenario.item_stimulus import command, stimulus
from hil.scenario.model import Case, FaultSpec
from hil.scenario.problem import Problems, near, shown
from hil.scenario.source import BROKEN, Node

ItemT = TypeVar("ItemT", bound=Options)
MadeT = TypeVar("MadeT")


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a matrix."""

    file: Path
    root: Node
    sections: Mapping[str, Node]
    params: Mapping[str, Any]
    suffix: str
    """`[edge=slow]`, or empty."""


def build(point: Point, world: World, problems: Problems) -> Case | None:
    """The case; None after telling everything that is wrong with it."""
    before = len(problems)
    sections = point.sections
    # a parameter that is wrong itself has been told; as a name it may be anything
    params = {name: value for name, value in point.params.items() if value is not BROKEN}
    context = Context(world, params, problems, _duration_ms(sections.get("duration")))
    bare = {key: node for key, node in sections.items() if key not in LISTS}
    document = validated(Scenario, Node(bare, point.root.where, ""), problems)
    faults = [fault(node, context) for node in _items(sections, "faults", context)]
    stimuli = _each(sections, "stimulus", StimulusItem, stimulus, context)
    commands = _each(sections, "commands", CommandItem, command, context)
    checks = _each(sections, "checks", CheckItem, check, context)
    measures = _each(sections, "measure", MeasureItem, measure, context)
    if document is None:
        return None
    _document(document, point, context)
    if len(problems) != before:
        return None
    specs = tuple(spec for spec in faults if spec is not None)
    return Case(
        name=document.name + point.suffix,
        scenario=document.name,
        title=document.title,
        source=str(point.file),
        covers=tuple(document.covers),
        needs=_needs(document, specs, bool(stimuli), world),
        params=point.params,
        seed=document.seed,
        duration_ms=document.duration,
        rack=document.rack,
        board=document.board,
        host=document.host,
        stimulus=stimuli,
        faults=specs,
        commands=commands,
        checks=checks,
        measures=measures,
        destructive=document.destructive,
        quarantined=document.skip is not None,
        skip=context.skip,
    )


def _needs(
    document: Scenario, faults: tuple[FaultSpec, ...], stimuli: bool, world: World
) -> frozenset[str]:
    """What is written, and what follows from the rest."""
    written = frozenset((*document.needs, *document.features))
    needs = written.union(*(world.catalogue[each.kind].needs for each in faults))
    implied = {HOST: document.host.kind == "daemon", STORE: document.board.store, STIMULUS: stimuli}
    return needs | {name for name, needed in implied.items() if needed}


def _duration_ms(node: Node | None) -> int | None:
    try:
        return None if node is None else duration_ms(node.value)
    except ValueError:
        return None  # told with the rest of the document


def _items(sections: Mapping[str, Node], name: str, context: Context) -> list[Node]:
    node = sections.get(name)
    if node is None or isinstance(node.value, list):
        return [] if node is None else node.value
    context.tell(node, f"{shown(node.plain())} is not a list; write `- ` before each item")
    return []


def _each(
    sections: Mapping[str, Node],
    name: str,
    model: type[ItemT],
    make: Callable[[ItemT, Node, Context], MadeT | None],
    context: Context,
) -> tuple[MadeT, ...]:
    made = []
    for node in _items(sections, name, context):
        item = validated(model, node, context.problems)
        one = None if item is None else make(item, node, context)
        if one is not None:
            made.append(one)
    return tuple(made)


def _document(document: Scenario, point: Point, context: Context) -> None:
    root = Node(dict(point.sections), point.root.where, "")
    known = context.world.requirements
    for node in _items(point.sections, "covers", context):
        if known is not None and node.value not in known:
            what = f"unknown requirement {shown(node.value)}; {near(node.value, known)}"
            context.tell(node, what)
    if document.skip is not None:
        context.skip = f"{document.skip.reason} (until {document.skip.until})"
        if document.skip.until < context.world.today:
            what = f"the quarantine ended on {document.skip.until}; repair it, or set a new day"
            context.tell(root, what, "skip", "until")
    if point.sections.get("commands") and document.host.kind != "script":
        context.tell(root, "commands need `host: {kind: script}`; add it", "commands")
    if not any(point.sections[key].value for key in ("checks", "measure") if key in point.sections):
        context.tell(root, "nothing is checked; add `checks:` or `measure:`")
