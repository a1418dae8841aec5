# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema: fresh, valid, and of one mind with the loader."""

import json
import re
from typing import Annotated

import jsonschema
import pytest
from pydantic import Field

from edge.errors import ConfigError
from hil.options import Options
from hil.scenario.make_schema import PATH, schema_text
from hil.scenario.problem import Problems
from hil.scenario.schema import scenario_schema
from hil.scenario.source import parse, read
from tests.hil.scenario_rig import (
    CATALOGUE,
    CHECKS,
    HEAD,
    SCENARIOS,
    SETTABLE,
    Kind,
    cases_of,
    write,
)

SCHEMA = scenario_schema(SETTABLE, CATALOGUE)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLES = sorted(SCENARIOS.glob("*-*.yaml"))


def complaints(text):
    node = parse(text, "s.yaml", Problems())
    return [error.json_path for error in VALIDATOR.iter_errors(node.plain())]


def test_the_committed_schema_is_fresh():
    assert PATH.read_text(encoding="utf-8") == schema_text(), (
        "run python -m hil.scenario.make_schema"
    )


def test_both_schemas_are_schemas():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


def test_every_reference_leads_somewhere():
    for name in re.findall(r'"#/\$defs/([^"]+)"', json.dumps(SCHEMA)):
        assert name in SCHEMA["$defs"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid_and_name_their_schema(path):
    node = read(path, Problems())
    assert [error.message for error in VALIDATOR.iter_errors(node.plain())] == []
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == PATH


GOOD = [
    "params: {a: [1, {b: 2}], c: 20 s}\n",
    "matrix: {a: [1, slow, true]}\n",
    "rack: {loads: '${n}'}\nparams: {n: 3}\n",
    "rack: '${r}'\nparams: {r: {loads: 2}}\n",
    "faults: [{fault: link.drop, at: '${a}', share: '${b}'}]\nparams: {a: 1 s, b: 0.5}\n",
    "faults: [{fault: sensor.noise, when: a > 1, channel: x, sigma: 1}]\n",
    "stimulus: [{signal: demand_w_s1, hold: 5}]\n",
    "stimulus: [{signal: room_c, step: {to: '${a + 1}', at: 1 s}}]\nparams: {a: 5}\n",
    "skip: {reason: r, until: 2030-01-01}\n",
    "seed: '${a}'\nparams: {a: 5}\n",
    "needs: [line]\ndestructive: true\n",
]


@pytest.mark.parametrize("more", GOOD)
def test_what_the_loader_takes_the_schema_takes(more, tmp_path):
    assert len(cases_of(write(tmp_path, HEAD + CHECKS + more))) >= 1
    assert complaints(HEAD + CHECKS + more) == []


BAD = [
    "xyzzy: 1\n",
    "rack: {load: 1}\n",
    "rack: {loads: 99}\n",
    "seed: -1\n",
    "duration: 60\n",
    "faults: [{fault: link.dorp, at: 1 s}]\n",
    "faults: [{fault: link.drop}]\n",
    "faults: [{fault: link.drop, at: 1 s, when: a > 1}]\n",
    "faults: [{fault: link.drop, at: 1 s, shares: 1}]\n",
    "faults: [{fault: sensor.noise, at: 1 s}]\n",
    "stimulus: [{signal: rom_c, hold: 1}]\n",
    "stimulus: [{signal: room_c, hold: 1, step: {to: 1, at: 1 s}}]\n",
    "stimulus: [{signal: room_c}]\n",
    "measure: [{name: m}]\n",
    "needs: [stor]\n",
    "matrix: {a: []}\n",
    "host: {kind: demon}\n",
]


@pytest.mark.parametrize("more", BAD)
def test_what_the_schema_refuses_the_loader_refuses(more, tmp_path):
    key = more.split(":")[0]
    text = re.sub(rf"^{key}:.*\n", "", HEAD, flags=re.MULTILINE) + CHECKS + more
    assert complaints(text)
    with pytest.raises(ConfigError):
        cases_of(write(tmp_path, text))


class Inner(Options):
    """Of a fault with a model in its model."""

    depth: Annotated[int, Field(ge=1)]


class Nested(Options):
    inner: Inner


def test_models_inside_a_fault_s_model_are_carried_over():
    kinds = {"mcu.odd": Kind("odd", Nested, frozenset())}
    validator = jsonschema.Draft202012Validator(scenario_schema(SETTABLE, kinds))
    document = {"schema": 1, "name": "one", "title": "One", "duration": "1 s"}
    fault = {"fault": "mcu.odd", "at": "1 s", "inner": {"depth": 1}}
    assert validator.is_valid({**document, "faults": [fault]})
    assert not validator.is_valid({**document, "faults": [{**fault, "inner": {"depth": 0}}]})


class Clash(Options):
    when: int


def test_a_fault_may_not_take_a_key_of_every_fault():
    with pytest.raises(ValueError, match=r"mcu\.odd: its parameters \['when'\]"):
        scenario_schema(SETTABLE, {"mcu.odd": Kind("odd", Clash, frozenset())})
