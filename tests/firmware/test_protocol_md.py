# SPDX-License-Identifier: Apache-2.0
import json
import re
from pathlib import Path

from firmware_py.decide import lease
from firmware_py.link import auth, ble, make_wire, privileged, stored
from firmware_py.link import messages as m
from firmware_py.store.compile import compile_json
from firmware_py.store.config import parse

FOLDER = Path(make_wire.__file__).parents[1]
TEXT = (FOLDER / "PROTOCOL.md").read_text(encoding="utf-8")
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "codec.json").read_text())


def test_tables_are_those_of_messages():
    assert TEXT.endswith(make_wire.tables_text())


def test_generated_modules_are_those_of_messages():
    assert (FOLDER / "link" / "wire.py").read_text() == make_wire.wire_text()
    privileged = (FOLDER / "link" / "wire_privileged.py").read_text()
    assert privileged == make_wire.wire_privileged_text()


def test_example_frame_is_a_golden_one():
    (example,) = re.findall(r"^(?:[0-9a-f]{2} )+00$", TEXT, re.MULTILINE)
    assert example.replace(" ", "") == GOLDEN["good"][0]["frame"]


def test_every_error_code_is_explained():
    codes = {name: value for name, value in vars(m).items() if name.startswith("ERR_")}
    rows = re.findall(r"^\| (\d+) ([A-Z_]+) \|", TEXT, re.MULTILINE)
    found = {f"ERR_{name}": int(code) for code, name in rows}
    assert found == codes


def test_limits_in_the_text_are_those_of_the_code():
    assert f"ttl {lease.TTL_MIN_MS}..{lease.TTL_MAX_MS} ms" in TEXT
    assert f"body <= {m.BODY_MAX} bytes" in TEXT
    assert f"payload 0..{m.PAYLOAD_MAX}" in TEXT


def test_numbers_of_authentication_and_bus_are_those_of_the_code():
    assert f'"{auth.LABEL.decode()}"' in TEXT
    assert f"ttl {privileged.MAINT_MIN_MS}..{privileged.MAINT_MAX_MS} ms" in TEXT
    assert f"at most {stored.PIECE_MAX} bytes" in TEXT
    assert m.JOURNAL_ROW in TEXT
    assert ble.SERVICE in TEXT
    details = re.search(r"^- ERR_AUTH details: (.*)$", TEXT, re.MULTILINE).group(1)
    named = {k: v for k, v in vars(m).items() if k.startswith("AUTH_") and k != "AUTH_BYTES"}
    for name, value in named.items():
        assert name == "AUTH_LOCKED" or re.search(rf"\b{value} \w", details), name


def test_configuration_in_the_readme_is_accepted():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", readme, re.DOTALL)
    binary, notes = compile_json(block)
    assert parse(binary).groups == 3
    assert notes == []
