# SPDX-License-Identifier: Apache-2.0
"""Items of `faults:`: the common keys, and beside them the parameters of the kind."""

from hil.scenario.context import Context
from hil.scenario.document import FaultItem, keys
from hil.scenario.explain import validated
from hil.scenario.model import FaultSpec
from hil.scenario.problem import near, shown
from hil.scenario.source import Node, mapping

FAULT_KEYS = keys(FaultItem)


def fault(node: Node, context: Context) -> FaultSpec | None:
    """One fault; None after telling what is wrong."""
    items = mapping(node, context.problems, "a fault; write `fault: KIND` and `at:` or `when:`")
    common = {key: each for key, each in items.items() if key in FAULT_KEYS}
    own = {key: each for key, each in items.items() if key not in FAULT_KEYS}
    if not items:
        return None
    item = validated(FaultItem, Node(common, node.where, node.path), context.problems)
    if item is not None:
        context.moment(item.at, node, "at")
    if item is not None and item.when is not None:
        context.expression(item.when, node, "when")
    name = items["fault"].value if "fault" in items else None
    kind = context.world.catalogue.get(name) if isinstance(name, str) else None
    if kind is None:
        if isinstance(name, str) and name:
            what = f"unknown fault {shown(name)}; {near(name, context.world.catalogue)}"
            context.tell(node, what, "fault")
        return None
    rest = Node(own, node.where, node.path)
    params = validated(kind.model, rest, context.problems, FAULT_KEYS)
    if item is None or params is None:
        return None
    return FaultSpec(
        kind=item.fault,
        values=rest.plain(),
        where=node.where,
        at_ms=item.at,
        when=item.when,
        for_ms=item.duration,
        params=params,
    )
