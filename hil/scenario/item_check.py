# SPDX-License-Identifier: Apache-2.0
"""Items of `checks:` and `measure:`."""

from typing import Any

from edge.errors import ConfigError
from hil.scenario.context import Context
from hil.scenario.document import (
    CHECK_KINDS,
    CheckItem,
    MeasureItem,
    Settles,
    Within,
    exactly_one,
)
from hil.scenario.duration import duration_text
from hil.scenario.measure import compile_measure
from hil.scenario.model import Check, Measure
from hil.scenario.source import Node


def check(item: CheckItem, node: Node, context: Context) -> Check:
    """One condition; what is wrong with it is told."""
    kind = exactly_one(item, CHECK_KINDS)
    values: dict[str, Any]
    if item.within is not None:
        name, values = item.within.then, _within(item.within, node, context)
    elif item.settles is not None:
        name, values = item.settles.expr, _settles(item.settles, node, context)
    else:
        name = str(getattr(item, kind))
        values = {"expr": name}
        context.expression(name, node, kind)
        if kind != "ends":
            values |= {"from_ms": item.start, "to_ms": item.end}
            context.moment(item.start, node, "from")
            context.moment(item.end, node, "to")
            context.order(item.start, item.end, node, "from")
    return Check(kind, item.name or f"{kind} {name}", values, node.where)


def _within(item: Within, node: Node, context: Context) -> dict[str, Any]:
    context.expression(item.when, node, "within", "when")
    context.expression(item.then, node, "within", "then")
    context.moment(item.limit, node, "within", "limit")
    context.order(item.marginal, item.limit, node, "within", "marginal")
    values = item.model_dump(exclude={"limit", "marginal"})
    return {**values, "limit_ms": item.limit, "marginal_ms": item.marginal}


def _settles(item: Settles, node: Node, context: Context) -> dict[str, Any]:
    context.expression(item.expr, node, "settles", "expr")
    context.order(item.marginal, item.by, node, "settles", "marginal")
    context.moment(item.by, node, "settles", "by")
    end_ms = context.duration_ms
    if item.hold and end_ms is not None and item.by <= end_ms < item.by + item.hold:
        by, hold = duration_text(item.by), duration_text(item.hold)
        what = f"by {by} and hold {hold} go beyond the end of the run ({duration_text(end_ms)})"
        context.tell(node, f"{what}; write less, or a longer `duration`", "settles", "hold")
    return {
        "expr": item.expr,
        "to": item.to,
        "band": item.band,
        "by_ms": item.by,
        "hold_ms": item.hold,
        "marginal_ms": item.marginal,
    }


def measure(item: MeasureItem, node: Node, context: Context) -> Measure:
    """One number; what is wrong with it is told."""
    try:
        compile_measure(item.value, None, context.params)
    except ConfigError as error:
        context.tell(node, str(error), "value")
    if item.low is not None and item.high is not None and item.low > item.high:
        context.tell(node, f"{item.low:g} is above max {item.high:g}; write less", "min")
    context.moment(item.start, node, "from")
    context.moment(item.end, node, "to")
    context.order(item.start, item.end, node, "from")
    return Measure(
        name=item.name,
        expr=item.value,
        unit=item.unit,
        where=node.where,
        low=item.low,
        high=item.high,
        marginal=item.marginal,
        from_ms=item.start,
        to_ms=item.end,
    )
