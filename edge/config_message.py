# SPDX-License-Identifier: Apache-2.0
"""Turns what pydantic found into a sentence a technician can act on."""

import difflib
from collections.abc import Callable, Sequence

from pydantic_core import ErrorDetails

from edge.config_device import (
    DryrunActuator,
    DryrunBattery,
    RedfishActuator,
    RedfishBattery,
    Section,
)

KINDS: dict[str, dict[str, type[Section]]] = {
    "actuator": {"redfish": RedfishActuator, "dryrun": DryrunActuator},
    "source": {"redfish": RedfishBattery, "dryrun": DryrunBattery},
}
"""Keys whose `kind` says what else stands there."""
SOURCE = 'source = { kind = "redfish", url = "http://HOST", chassis = "ID" }'


def explain(detail: ErrorDetails, model: type[Section], where: str) -> tuple[str, str]:
    """One mistake as (section.key, "what is wrong; what to do")."""
    path = [str(part) for part in detail["loc"]]
    if len(path) > 1 and path[0] in KINDS:
        model = KINDS[path[0]].get(path[1], model)
        del path[1]  # the union's tag is not a key of the file
    key = ".".join([where, *path])
    if detail["type"] == "extra_forbidden":
        return key, unknown(path[-1], list(model.model_fields))
    advise = ADVICE.get(detail["type"])
    if advise is not None:
        return key, advise(detail)
    return key, f"{detail['input']!r}: {detail['msg'].lower()}; correct it"


def unknown(name: str, known: Sequence[str], what: str = "key") -> str:
    """Says that a name is not known, and the nearest one that is."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"remove it or use one of: {', '.join(known)}"
    return f"unknown {what}; {hint}"


def _range(detail: ErrorDetails) -> str:
    bound = detail["msg"].removeprefix("Input should be ")
    return f"{detail['input']!r} is out of range; must be {bound}"


def _known(detail: ErrorDetails) -> str:
    return f"{detail['input']!r} is not known; use {detail.get('ctx', {})['expected']}"


def _tag(detail: ErrorDetails) -> str:
    tag, kinds = detail.get("ctx", {})["tag"], KINDS[str(detail["loc"][-1])]
    return f"kind `{tag}` is not known; use {' or '.join(f'`{kind}`' for kind in kinds)}"


def _value(detail: ErrorDetails) -> str:
    if detail["loc"][-1] == "curve_points":
        return f"{detail.get('ctx', {})['error']}; compare with the maker's curve"
    text = "write http://HOST or https://HOST:PORT, no user, path or query"
    return f"{detail['input']!r} is malformed; {text}"


def _missing(detail: ErrorDetails) -> str:
    if detail["loc"][-1] == "source":
        return f"missing: an unread battery counts as empty; add {SOURCE}"
    return "missing; add it"


def _pattern(detail: ErrorDetails) -> str:
    if detail["loc"][-1] == "port":
        return f"{detail['input']!a} has control characters; write a device path or a URL"
    return f"{detail['input']!r} is malformed; use letters, digits, - and _, no spaces or slashes"


ADVICE: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": _missing,
    "greater_than": _range,
    "greater_than_equal": _range,
    "less_than": _range,
    "less_than_equal": _range,
    "finite_number": lambda d: f"{d['input']!r} cannot be used; give a finite number",
    "float_type": lambda d: f"{d['input']!r} is not a number; write it without quotes",
    "int_type": lambda d: f"{d['input']!r} is not a whole number; write one without quotes",
    "string_type": lambda d: f"{d['input']!r} is not text; put it in quotes",
    "model_attributes_type": lambda d: (
        f'{d["input"]!r} is not a table; write {{ kind = "redfish", ... }}'
    ),
    "literal_error": _known,
    "union_tag_invalid": _tag,
    "union_tag_not_found": lambda _: 'has no kind; add kind = "redfish" or kind = "dryrun"',
    "string_pattern_mismatch": _pattern,
    "value_error": _value,
}
"""What to say for each kind of mistake, by pydantic's error type."""
