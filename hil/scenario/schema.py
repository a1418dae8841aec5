# SPDX-License-Identifier: Apache-2.0
"""JSON Schema (2020-12) of scenario files, from the models that read them.

For editors: completion and a red line while writing. The loader knows more (names in expressions,
order of times, includes) and has the last word.
"""

from collections.abc import Mapping
from typing import Any

from hil.scenario.context import FaultKind, SettableSignal
from hil.scenario.document import FaultItem, Scenario
from hil.scenario.item_stimulus import OWN_DEMAND, REQUESTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PARAMETER = {
    "type": "string",
    "pattern": r"\$\{[^{}]+\}",
    "description": "A parameter, as ${loss}, or arithmetic with one, as ${loss + 5s}",
}
FIXED = frozenset({"schema", "params", "matrix", "include", "name"})
"""Keys of the document whose values are read before parameters are known, or are names."""

Schema = dict[str, Any]


def scenario_schema(
    settable: Mapping[str, SettableSignal], catalogue: Mapping[str, FaultKind]
) -> Schema:
    """The schema as one JSON document."""
    schema = Scenario.model_json_schema(by_alias=True)
    definitions: Schema = schema["$defs"]
    definitions["StimulusItem"]["properties"]["signal"] = _signals(settable)
    definitions["CommandItem"]["properties"]["message"] = {"enum": sorted(REQUESTS)}
    schema["properties"]["faults"]["items"] = _faults(catalogue, definitions)
    for definition in definitions.values():
        _allow_parameters(definition)
    _allow_parameters(schema, FIXED)
    definitions["parameter"] = PARAMETER
    _drop_titles(schema)
    return {"$schema": DIALECT, "title": "rackedge scenario", **schema}


def _signals(settable: Mapping[str, SettableSignal]) -> Schema:
    return {
        "anyOf": [
            *({"const": name, "description": _range(each)} for name, each in settable.items()),
            {"type": "string", "pattern": f"^{OWN_DEMAND}.+", "description": "demand of one load"},
        ]
    }


def _range(signal: SettableSignal) -> str:
    return f"{signal.low:g} to {signal.high:g} {signal.unit}"


def _faults(catalogue: Mapping[str, FaultKind], definitions: Schema) -> Schema:
    """One branch per kind: the common keys and the kind's own."""
    common = FaultItem.model_json_schema(by_alias=True)
    for key in ("at", "when", "for"):
        definitions[f"fault.{key}"] = _or_parameter(common["properties"][key])
        common["properties"][key] = {"$ref": f"#/$defs/fault.{key}"}
    branches = [_fault(name, kind, common, definitions) for name, kind in sorted(catalogue.items())]
    return {"oneOf": branches} if branches else {"type": "object", "required": ["fault"]}


def _fault(name: str, kind: FaultKind, common: Schema, definitions: Schema) -> Schema:
    template = f"#/$defs/{name}.{{model}}"
    own = kind.model.model_json_schema(by_alias=True, ref_template=template)
    both = set(own.get("properties", {})) & set(common["properties"])
    if both:
        raise ValueError(f"fault {name}: its parameters {sorted(both)} are keys of every fault")
    for inner, definition in own.pop("$defs", {}).items():
        definitions[f"{name}.{inner}"] = definition
    branch = {
        "type": "object",
        "description": kind.doc,
        "additionalProperties": False,
        "properties": {**common["properties"], **own.get("properties", {})},
        "required": ["fault", *own.get("required", [])],
        "oneOf": common["oneOf"],
    }
    branch["properties"]["fault"] = {"const": name, "description": kind.doc}
    definitions[name] = branch
    return {"$ref": f"#/$defs/{name}"}


def _allow_parameters(schema: Schema, fixed: frozenset[str] = frozenset({"fault"})) -> None:
    """Wherever a value stands, a parameter may stand."""
    for key, value in schema.get("properties", {}).items():
        if key not in fixed and not value.get("$ref", "").startswith("#/$defs/fault."):
            schema["properties"][key] = _or_parameter(value)


def _or_parameter(schema: Schema) -> Schema:
    if schema.get("type") == "array" and "items" in schema:
        schema = {**schema, "items": _or_parameter(schema["items"])}
    if schema.get("type") == "string" and not {"pattern", "enum", "const"} & set(schema):
        return schema  # a parameter is text already
    kept: Schema = {key: schema.pop(key) for key in ("default", "description") if key in schema}
    return {"anyOf": [schema, {"$ref": "#/$defs/parameter"}], **kept}


def _drop_titles(schema: Any) -> None:
    """Pydantic repeats every key as its title."""
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for key, value in schema.items():
            if key not in {"default", "const", "enum"}:
                _drop_titles(value)
    elif isinstance(schema, list):
        for value in schema:
            _drop_titles(value)
