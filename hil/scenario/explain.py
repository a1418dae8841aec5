# SPDX-License-Identifier: Apache-2.0
"""Validates nodes with pydantic, and tells its mistakes with the line they stand in."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hil.scenario.problem import Problems, near, shown
from hil.scenario.source import BROKEN, Node

ModelT = TypeVar("ModelT", bound=BaseModel)


def validated(
    model: type[ModelT], node: Node, problems: Problems, known: Sequence[str] = ()
) -> ModelT | None:
    """The model of a node; None after telling every mistake in it.

    Goes through JSON, in whose strict mode a list may become a tuple and a text a date. `known`:
    more keys that are near enough to be advised.
    """
    try:
        return model.model_validate_json(json.dumps(node.plain()))
    except ValidationError as error:
        for mistake in _nearest([_placed(each, node) for each in error.errors(include_url=False)]):
            if not mistake.follows():
                told = _sentence(mistake.detail, model, known)
                problems.add(mistake.node.where, mistake.path, told)
    return None


class _Mistake(NamedTuple):
    """What pydantic found, and the node that it means."""

    detail: ErrorDetails
    node: Node
    path: str
    union: Node | None
    """The value that fits none of several types, if it is one of those."""

    def follows(self) -> bool:
        """It is so only because of a mistake that has been told."""
        whole = self.detail["type"] == "value_error" and self.node.broken()
        return self.node.value is BROKEN or whole

    def shape(self) -> bool:
        """It says no more than that the value is of another type."""
        return self.detail["type"].endswith("_type") and self.node is self.union


def _placed(detail: ErrorDetails, root: Node) -> _Mistake:
    """Follow the path; a part that leads nowhere is the name of a union's branch."""
    node, union = root, None
    parts = [part for part in detail["loc"] if part != "[key]"]
    missing = str(parts.pop()) if detail["type"] == "missing" else ""
    for part in parts:
        below = _below(node, part)
        if below is not None:
            node = below
        elif isinstance(part, str):
            union = node
    path = ".".join(each for each in (node.path, missing) if each)
    return _Mistake(detail, node, path, union)


def _nearest(mistakes: Sequence[_Mistake]) -> list[_Mistake]:
    """Of a value that fits none of several types, what is wrong with it as the nearest one."""
    deep = {id(each.union) for each in mistakes if each.union is not None and not each.shape()}
    kept: list[_Mistake] = []
    for each in mistakes:
        again = any(each.union is other.union and other.shape() for other in kept)
        if each.shape() and (id(each.union) in deep or again):
            continue
        kept.append(each)
    return kept


def _below(node: Node, part: int | str) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(str(part))
    if isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
        each = node.value[part]
        return each if isinstance(each, Node) else None
    return None


def _sentence(detail: ErrorDetails, model: type[BaseModel], known: Sequence[str]) -> str:
    kind, keys = detail["type"], detail["loc"]
    if kind == "extra_forbidden":
        if "(" in str(keys[-1]) or ")" in str(keys[-1]):
            return "half an expression; inside { } an expression with a comma needs quotes"
        there = _fields(model, keys[:-1])
        return f"unknown key; {near(str(keys[-1]), [*there, *(known if len(keys) == 1 else ())])}"
    advise = ADVICE.get(kind)
    if advise is not None:
        return advise(detail)
    message = detail["msg"]
    return f"{shown(detail['input'])}: {message[:1].lower()}{message[1:]}; correct it"


def _fields(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """The keys that are known where an unknown one stands."""
    here: list[type[BaseModel]] = [model]
    for part in path:
        if isinstance(part, int):
            continue
        found = [
            inner
            for each in here
            for name, info in each.model_fields.items()
            if (info.alias or name) == part
            for inner in _models(info.annotation)
        ]
        here = found or here
    return [info.alias or name for each in here for name, info in each.model_fields.items()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _range(detail: ErrorDetails) -> str:
    bound = detail["msg"].removeprefix("Input should be ")
    return f"{shown(detail['input'])} is out of range; must be {bound}"


def _type(wanted: str, advice: str) -> Callable[[ErrorDetails], str]:
    return lambda detail: f"{shown(detail['input'])} is not {wanted}; {advice}"


def _value(detail: ErrorDetails) -> str:
    error = str(detail.get("ctx", {}).get("error", detail["msg"]))
    value = detail["input"]
    plain = (
        isinstance(value, str | int | float)
        and shown(value) not in error
        and not error.startswith(str(value))
    )
    return f"{shown(value)}: {error}" if plain else error


def _pattern(detail: ErrorDetails) -> str:
    allowed = "small letters, digits and " + ("_" if "_" in detail["ctx"]["pattern"] else "-")
    return f"{shown(detail['input'])} is not a name; use {allowed}, a letter first"


def _literal(detail: ErrorDetails) -> str:
    expected = detail["ctx"]["expected"]
    names = [name.strip("'") for name in expected.replace(" or ", ", ").split(", ")]
    value = detail["input"]
    advice = near(value, names) if isinstance(value, str) else f"write {expected}"
    return f"{shown(value)} is not known; {advice}"


ADVICE: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "missing; add it",
    "greater_than": _range,
    "greater_than_equal": _range,
    "less_than": _range,
    "less_than_equal": _range,
    "float_type": _type("a number", "write one without quotes"),
    "int_type": _type("a whole number", "write one without quotes"),
    "int_from_float": _type("a whole number", "round it"),
    "bool_type": _type("true or false", "write one of them without quotes"),
    "string_type": _type("text", "put it in quotes"),
    "string_too_short": lambda _: "empty; write something",
    "string_too_long": lambda detail: f"{shown(detail['input'])} is too long; shorten it",
    "string_pattern_mismatch": _pattern,
    "list_type": _type("a list", "write `- ` before each item, or [a, b]"),
    "too_short": lambda _: "empty list; write at least one value",
    "tuple_type": _type("a list", "write `- ` before each item, or [a, b]"),
    "dict_type": _type("a map", "write `key: value` below it"),
    "model_type": _type("a map", "write `key: value` below it"),
    "literal_error": _literal,
    "value_error": _value,
    "date_from_datetime_parsing": _type("a day", "write it as 2026-12-31"),
    "date_parsing": _type("a day", "write it as 2026-12-31"),
    "date_type": _type("a day", "write it as 2026-12-31"),
}
"""What to say for each kind of mistake, by pydantic's error type."""
