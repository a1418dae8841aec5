# SPDX-License-Identifier: Apache-2.0
"""Parameters: `${name}` and `${name + 5s}` in values.

A value that is `${name}` and nothing else keeps the type of the parameter; inside other text it
is written out. What has a duration in it gives a duration.
"""

import keyword
import re
from collections.abc import Mapping
from typing import Any

from edge.errors import ConfigError
from hil.scenario.duration import duration_ms, is_duration
from hil.scenario.emit import Emitter
from hil.scenario.measure import AGGREGATES
from hil.scenario.problem import Problems, near, shown
from hil.scenario.source import BROKEN, Node, scalar
from hil.scenario.syntax import CONSTANTS, ROW_FUNCTIONS, TIME, parse_expr

Scope = Mapping[str, Any]
"""Value of each parameter: a scalar, a list or a map, as in the file."""

_USE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_WORD = re.compile(r"(?<![\w.$])[a-z]\w*")
_LITERAL = re.compile(r"(?<![\w.])\d+(?:\.\d+)? ?(ms|s|min|h)\b")
RESERVED = frozenset({*CONSTANTS, *ROW_FUNCTIONS, *AGGREGATES, TIME, "at", "true", "false"})


class _Told(Exception):
    """The parameter is wrong itself, and that has been told."""


def name_problem(name: str) -> str | None:
    """What is wrong with the name of a parameter."""
    if not _NAME.fullmatch(name):
        return "not a parameter's name; use small letters, digits and _, a letter first"
    if name in RESERVED or keyword.iskeyword(name):
        return f"`{name}` means something in expressions; choose another name"
    return None


def filled(node: Node, scope: Scope, problems: Problems) -> Node:
    """The node with all parameters filled in; mistakes are told, and their values BROKEN."""
    value = node.value
    if isinstance(value, dict):
        value = {key: filled(each, scope, problems) for key, each in value.items()}
    elif isinstance(value, list):
        value = [filled(each, scope, problems) for each in value]
    elif isinstance(value, str) and "${" in value:
        try:
            return placed(_text(value, scope), node)
        except _Told:
            value = BROKEN
        except ConfigError as error:
            problems.add(node.where, node.path, str(error))
            value = BROKEN
    return Node(value, node.where, node.path)


def placed(value: Any, at: Node) -> Node:
    """A plain value as a node that stands where another one does."""
    if isinstance(value, dict):
        value = {key: placed(each, at) for key, each in value.items()}
    elif isinstance(value, list):
        value = [placed(each, at) for each in value]
    return Node(value, at.where, at.path)


def inlined(node: Node, expressions: tuple[str, ...], values: Scope) -> Node:
    """The items of a section with these parameters written out in their expressions.

    So a fragment's expressions mean its own parameters, whatever they are where it is included.
    """
    if not values or not expressions or not isinstance(node.value, list):
        return node
    items = [_inlined(item, expressions, values) for item in node.value]
    return Node(items, node.where, node.path)


def _inlined(node: Node, expressions: tuple[str, ...], values: Scope) -> Node:
    if isinstance(node.value, dict):
        items = {
            key: _inlined(each, expressions, values) if key in expressions else each
            for key, each in node.value.items()
        }
        return Node(items, node.where, node.path)
    if not isinstance(node.value, str):
        return node
    text = _WORD.sub(lambda found: _literal(found[0], values), node.value)
    return Node(text, node.where, node.path)


def _literal(word: str, values: Scope) -> str:
    value = values.get(word)
    if isinstance(value, bool):
        return str(value)
    return str(value) if isinstance(value, int | float) or is_duration(value) else word


def _text(text: str, scope: Scope) -> Any:
    whole = _USE.fullmatch(text.strip())
    if whole is not None:
        return _value(whole[1].strip(), scope)
    done = _USE.sub(lambda found: _written(_value(found[1].strip(), scope), found[0]), text)
    if "${" in _USE.sub("", text):
        raise ConfigError(f"{shown(text)}: a `${{` without its `}}`; write ${{name}}")
    return done


def _written(value: Any, use: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | str):
        return str(value)
    raise ConfigError(f"{use} is {shown(value)}; inside text only a number or text can stand")


def _value(body: str, scope: Scope) -> Any:
    if body in scope:
        if scope[body] is BROKEN:
            raise _Told
        return scope[body]
    if _NAME.fullmatch(body):
        raise ConfigError(f"unknown parameter `{body}`; {near(body, scope, 'add it to params')}")
    if any(scope.get(word) is BROKEN for word in _WORD.findall(body)):
        raise _Told
    try:
        emitter = Emitter((), scope, timeless=True)
        number = emitter.constant(parse_expr(body), "it")
    except ConfigError as error:
        raise ConfigError(f"${{{shown(body)[1:-1]}}}: {error}") from None
    if _LITERAL.search(body) or any(is_duration(scope.get(n)) for n in emitter.constants):
        ms = round(number * 1000.0, 6) if abs(number) < 1e12 else -1.0
        if ms < 0:
            raise ConfigError(f"${{{body}}} is {number:g} s; a duration is 0 or more")
        return f"{round(ms)}ms"
    return int(number) if number.is_integer() else number


def override(text: str, was: Any) -> Any:
    """A parameter's value from the command line, of the kind that the file has.

    Raises ConfigError.
    """
    try:
        value = scalar(text)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if is_duration(was):
        try:
            duration_ms(value)
        except ValueError as error:
            raise ConfigError(f"{shown(text)}: {error}") from None
    if isinstance(was, int | float) and not isinstance(was, bool) and not _is_number(value):
        raise ConfigError(f"{shown(text)} is not a number as {shown(was)} is; write one")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
