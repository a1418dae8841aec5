# SPDX-License-Identifier: Apache-2.0
"""What a board makes of a compiled configuration, whole, damaged, older or newer."""

import json
import struct
from binascii import crc32

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware_py.board.example import document
from firmware_py.main import run
from firmware_py.store import compile as compiler
from firmware_py.store import config, make_layout, schema, sections
from firmware_py.store.compile import compile_json
from firmware_py.store.config import HEAD_BYTES, ConfigError, parse
from tests.firmware.rig import RACK

FULL = RACK | {
    "name": "row 3",
    "loads": [0, 1, {"group": 2, "share_a_permille": 400}, 3],
    "zones": [{}, {"setpoint_mc": 30_000}],
    "fans": [{"zones": [1]}, {}],
    "modbus": {"address": 12},
    "wiring": [
        {"driver": "i2c", "sda": 4, "scl": 5},
        {"channel": "inlet_mc", "driver": "ntc", "pin": 26},
        {"channel": "fan1_permille", "driver": "fan_pwm", "pin": 9},
    ],
}


def compiled(**sections):
    return compile_json(json.dumps(RACK | sections))[0]


BINARY = compile_json(json.dumps(FULL))[0]


def sealed(body, form=config.FORMAT, version=schema.SCHEMA):
    """A file with that body and a right checksum."""
    head = config.MAGIC + struct.pack("<BBH", form, version, len(body))
    return head + struct.pack("<I", crc32(body, crc32(head))) + body


def test_settings_are_what_the_json_says():
    made = parse(BINARY)
    assert (made.board, made.name) == ("sim", "row 3")
    assert (made.groups, made.never, list(made.load_group)) == (4, 1, [0, 1, 2, 3])
    assert list(made.load_share) == [-1, -1, 400, -1]
    assert made.feeds[0].tau_fast_ms == 4570
    assert made.shed.ttt_ms == 1000
    assert [zone.setpoint_mc for zone in made.zones] == [38_000, 30_000]
    assert [fan.zones for fan in made.fans] == [0b10, 0b11]
    assert (made.modbus.address, made.modbus.writes) == (12, 0)
    assert made.liquid is None
    assert (made.link.mode, made.link.ble) == (0, 0)


def test_wires_carry_the_channel_numbers_of_this_firmware(monkeypatch):
    bus, inlet, fan = parse(BINARY).wiring
    assert (bus[0], inlet[0], fan[0]) == (255, 6, 128 + 5 + 1)
    assert list(inlet[1:]) == [6, 26, 0, -1]
    moved = bytes(channel + 1 if channel < 128 else channel for channel in config.CHANNELS)
    monkeypatch.setattr(config, "CHANNELS", moved)
    assert [row[0] for row in parse(BINARY).wiring] == [255, 7, 134]


def test_with_one_feed_every_load_hangs_on_it():
    assert set(parse(compiled(feeds=RACK["feeds"][:1])).load_share) == {1000}


def test_the_crc_tells_configurations_apart_and_is_in_the_file():
    one, other = compiled(), compiled(shed={"ttt_ms": 1001})
    assert parse(one).crc == int.from_bytes(one[8:12], "little") != parse(other).crc


def test_the_layout_of_boards_is_that_of_the_schema():
    path = make_layout.pathlib.Path(make_layout.__file__).with_name("layout.py")
    assert path.read_text() == make_layout.layout_text()


def test_a_layout_that_was_not_generated_again_is_named(monkeypatch):
    rows = (*schema.SHED, ("more_ms", 0, 0, 9))
    later = tuple(
        row if row[0] != "shed" else (*row[:3], rows, *row[4:]) for row in schema.SECTIONS
    )
    monkeypatch.setattr(compiler, "SECTIONS", later)
    with pytest.raises(RuntimeError, match="schema of shed: run python -m firmware_py"):
        compiled()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_is_refused(data):
    damaged = bytearray(BINARY)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(BINARY) - 1))] ^= data.draw(st.integers(1, 255))
    damaged = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    if damaged != BINARY:
        with pytest.raises(ConfigError):
            parse(damaged)


body_bytes = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda at, n, new: BINARY[HEAD_BYTES:at] + new + BINARY[at + n :],
        st.integers(HEAD_BYTES, len(BINARY)),
        st.integers(0, 8),
        st.binary(max_size=8),
    ),
)


@settings(max_examples=400, deadline=None)
@given(body_bytes)
@example(b"")
@example(BINARY[HEAD_BYTES:])
@example(BINARY[HEAD_BYTES:] + b"\x0d")
def test_whatever_has_a_right_checksum_is_read_or_refused(body):
    try:
        made = parse(sealed(body))
    except ConfigError:
        return
    else:
        assert 1 <= made.groups <= 16
        assert max(made.load_group) < made.groups


@pytest.mark.parametrize(
    ("binary", "says"),
    [
        (b"", "not a compiled configuration"),
        (json.dumps(RACK).encode(), "not a compiled configuration: run rackedge config compile"),
        (sealed(BINARY[HEAD_BYTES:], form=2), "has format 2, this firmware reads 1"),
        (sealed(BINARY[HEAD_BYTES:], version=3), "schema 3, this firmware knows 2: update it"),
        (BINARY[:-1], "is damaged"),
        (BINARY + b"\0", "is damaged"),
        (sealed(BINARY[HEAD_BYTES:-4]), "section wiring: is cut off"),
        (sealed(BINARY[HEAD_BYTES:] + b"\x0e\0\0\0"), "section 14: is unknown or out of order"),
        (sealed(BINARY[HEAD_BYTES:].replace(b"row 3", b"row \xff")), "name: is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(binary, says):
    with pytest.raises(ConfigError) as found:
        parse(binary)
    assert says in str(found.value)


@pytest.fixture
def grown(monkeypatch):
    """Makes it a later firmware: `modbus` has one more key, of schema 3."""
    rows = (*schema.MODBUS, ("parity", 7, 0, 9, 3))
    later = tuple(
        row if row[0] != "modbus" else (*row[:3], rows, *row[4:]) for row in schema.SECTIONS
    )

    def grow():
        for module in (compiler, sections, make_layout):
            monkeypatch.setattr(module, "SECTIONS", later)
        monkeypatch.setattr(make_layout, "SCHEMA", 3)
        layout = {}
        exec(make_layout.layout_text(), layout)
        for name in ("SCHEMA", "SECTIONS"):
            monkeypatch.setattr(config, name, layout[name])

    return grow


def test_a_file_of_an_older_schema_gets_the_defaults_of_what_came_since(grown):
    old = compiled(modbus={"address": 3})
    grown()
    made = parse(old)
    assert (made.modbus.address, made.modbus.parity) == (3, 7)


def test_older_firmware_takes_a_newer_compilers_file_unless_it_uses_something_new(
    grown, monkeypatch
):
    old = compiled(modbus={"address": 3})
    grown()
    assert compiled(modbus={"address": 3}) == compiled(modbus={"address": 3, "parity": 7}) == old
    new = compiled(modbus={"address": 3, "parity": 1})
    assert parse(new).modbus.parity == 1
    monkeypatch.undo()
    with pytest.raises(ConfigError, match="uses keys of schema 3"):
        parse(new)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "give the path"),
        (["absent.bin"], "absent.bin"),
        (["absent.bin", "--speed", "9"], "option --speed"),
        (["absent.bin", "--boot-id"], "option --boot-id"),
    ],
)
def test_a_wrong_start_is_one_line_and_exit_code_2(argv, says, capsys):
    assert run(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


def test_a_uid_that_no_hello_could_carry_is_refused_at_the_start(tmp_path, capsys):
    path = tmp_path / "board.bin"
    path.write_bytes(compiled())
    assert run([str(path), "--uid", "\u00e9" * 51]) == 2
    assert "--uid is too long: at most 100 bytes" in capsys.readouterr().err


def test_a_configuration_for_another_board_is_refused_at_the_start(tmp_path, capsys):
    path = tmp_path / "board.bin"
    path.write_bytes(compiled(**document("rp2")))
    assert run([str(path)]) == 2
    assert "is for board rp2, this one is sim" in capsys.readouterr().err
