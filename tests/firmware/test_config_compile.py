# SPDX-License-Identifier: Apache-2.0
"""What the host says about a board's JSON, and that nothing is lost on the way to the board."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.store import schema, schema_wiring, show
from firmware_py.store.compile import BINARY_MAX, compile_json
from firmware_py.store.config import ConfigError, parse
from firmware_py.store.migrate import migrate
from tests.firmware.rig import RACK

V1 = {key: value for key, value in RACK.items() if key != "version"}


def text(**changes):
    return json.dumps(RACK | changes)


def mistakes(document):
    with pytest.raises(ConfigError) as found:
        compile_json(document)
    return str(found.value).splitlines()


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("{", "not JSON: Expecting property name"),
        (b"\xff\xfe{", "not JSON"),
        ("[" * 100_000, "not JSON: nested too deeply"),
        ("[]", "config: must be an object, not a list"),
        (text(version=3), "version: must be an integer from 2 to 2, not 3"),
        (text(colour=1), "colour: unknown key; known: air, board, fans"),
        (text(zone=[]), "zone: unknown key; did you mean zones?"),
        (text(loads=[]), "loads: has 0; must be a list of 1 to 32"),
        (text(loads=[0] * 33), "loads: has 33; must be a list of 1 to 32"),
        (text(loads=[0, 4]), "loads[1].group: is 4, groups has 0 to 3"),
        (text(loads=[0, True]), "loads[1].group: must be an integer from 0 to 15, not true"),
        (text(loads=[{}]), "loads[0].group: is missing; must be an integer from 0 to 15"),
        (text(groups={}), "groups: is an object; must be a list of 1 to 16"),
        (text(groups=[{"never": 1}]), "groups[0].never: must be true or false, not 1: write true"),
        (text(groups=[{"nver": True}]), "groups[0].nver: unknown key; did you mean never?"),
        (text(feeds=[{}]), "feeds[0].rating_ma: is missing; must be an integer from 10 to 250000"),
        (text(feeds=[7]), "feeds[0]: must be an object, not a number"),
        (text(feeds=[{"rating_ma": 1.5}]), "not 1.5: the unit is in the key"),
        (text(feeds=[{"rating_ma": 32e3}]), "not 32000.0: write 32000"),
        (text(feeds=[{"rating_ma": "99"}]), "not text: write 99 without quotes"),
        (text(feeds=[{"rating_ma": None}]), "feeds[0].rating_ma: must be an integer"),
        (text(feeds=[{"rating_ma": float("nan")}]), "feeds[0].rating_ma: must be an integer"),
        (text(feeds=RACK["feeds"] * 2), "feeds: has 4; must be a list of 1 to 2"),
        (text(feeds=[{"rating_ma": 250_000}]), "feeds[0]: magnetic gate is above 1000 A"),
        (text(feeds=[{"rating_ma": 9_000}], loads=[{"group": 0, "share_a_permille": 9}]), "1000"),
        (text(shed={"ttt_ms": 10}), "shed.ttt_ms: must be an integer from 200 to 60000, not 10"),
        (text(shed={"fast_permille": 2}), "must be 0 or an integer from 300 to 1000, not 2"),
        (text(shed={"bbu_shed_permille": 500}), "is 500, must be above bbu_shed_permille, 500"),
        (text(zones=[{"setpoint_mc": 51_581}]), "must be at most 51580: 3 K and the dead band"),
        (text(fans=[{"zones": [1]}]), "fans[0].zones: names a zone that does not exist"),
        (text(fans=[{"zones": 1}]), "fans[0].zones: must be a list of different zone numbers"),
        (text(fans=[{"zones": [0, 0]}]), "fans[0].zones: must be a list of different"),
        (text(fans=[{"zones": [True]}]), "fans[0].zones: must be a list of different"),
        (text(air={"slow_permille": 300}), "slow_permille: is 300, must be above stall_permille"),
        (text(modbus={}), "modbus.address: is missing"),
        (text(modbus=None), "modbus: must be an object, not null"),
        (text(board="rp3"), "board: unknown board rp3; did you mean rp2?"),
        (text(name=7), "name: must be text, not a number"),
        (text(name="\u00e9" * 31), "name: must be printable and at most 60 bytes"),
        (text(name="\ud800"), "name: must be printable"),
    ],
)
def test_a_mistake_is_named_with_its_place(bad, says):
    assert any(says in line for line in mistakes(bad))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (7, "wiring[0]: must be an object, not a number"),
        ({"channel": "inlet_mc", "pin": 3}, "wiring[0].driver: is missing; known: analog, contact"),
        ({"driver": "ntc", "pin": 3}, "wiring[0].channel: is missing; known: feed_a_mw"),
        ({"driver": "ntcc"}, "wiring[0].driver: unknown driver ntcc; did you mean ntc?"),
        ({"driver": ["ntc"]}, "wiring[0].driver: unknown driver ['ntc']"),
        ({"driver": "ntc", "channel": "x"}, "unknown channel x; known: feed_a_mw, feed_b_mw"),
        ({"driver": "ntc", "channel": "leak", "pin": 1}, "leak is not for driver ntc"),
        ({"driver": "i2c", "channel": "leak", "sda": 1, "scl": 2}, "is not for driver i2c"),
        ({"driver": "fan_pwm", "channel": "bbu_permille", "pin": 1}, "is not for driver fan_pwm"),
        ({"driver": "ntc", "channel": "inlet_mc", "pin": 64}, "wiring[0].pin: must be an integer"),
        ({"driver": "ntc", "channel": "inlet_mc", "gpio": 1}, "wiring[0].gpio: unknown key"),
        ({"driver": "i2c", "sda": 4, "scl": 4}, "wiring[0].scl: pin 4 is used as wiring[0].sda"),
        ({"driver": "relay", "channel": "relays", "group": 4, "pin": 1}, "groups has 0 to 3"),
    ],
)
def test_a_wrong_wire_is_named_with_its_place(row, says):
    assert any(says in line for line in mistakes(text(wiring=[row])))


def test_wires_that_are_in_each_others_way():
    found = mistakes(
        text(
            wiring=[
                {"channel": "inlet_mc", "driver": "ntc", "pin": 26, "ref_pin": 28},
                {"channel": "outlet_mc", "driver": "ntc", "pin": 27, "ref_pin": 28},
                {"channel": "zone1_mc", "driver": "ds18b20", "pin": 3, "rom_low": 1},
                {"channel": "zone2_mc", "driver": "ds18b20", "pin": 3, "rom_low": 2},
                {"channel": "relays", "driver": "relay", "group": 0, "pin": 10},
                {"channel": "relays", "driver": "relay", "group": 1, "pin": 11},
                {"channel": "relays", "driver": "relay", "group": 1, "pin": 3},
                {"channel": "zone3_mc", "driver": "ntc", "pin": 28},
            ]
        )
    )
    assert found == [
        "wiring[6].channel: relays has its driver in wiring[5]",
        "wiring[6].pin: pin 3 is used as ds18b20.pin too",
        "wiring[7].pin: pin 28 is used as ref_pin too",
    ]


def test_all_mistakes_come_at_once_in_the_order_of_the_sections():
    found = mistakes(text(shed={"tt_ms": 1}, loads=[9], groups=[{"never": 0}], wiring={}))
    assert [line.split(":")[0] for line in found] == [
        "groups[0].never",
        "shed.tt_ms",
        "wiring",
        "loads[0].group",
    ]


def test_keys_that_come_twice_are_refused():
    twice = '{"version": 2, "loads": [0], "groups": [{}], "loads": [0], "feeds": [%s]}'
    found = mistakes(twice % '{"rating_ma": 10, "rating_ma": 20}')
    assert found == ["loads: comes twice", "feeds[0].rating_ma: comes twice"]


def test_keys_that_come_twice_are_found_in_version_1_too():
    found = mistakes('{"loads": [0], "groups": [{}], "groups": [{}], "feeds": [{"rating_ma": 99}]}')
    assert found == ["groups: comes twice"]


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({}, None),
        ({"groups": [{"never": True}] * 4}, "groups: all loads are never shed"),
        ({"groups": [{}] * 5}, "groups[4]: has no load"),
        ({"zones": [{}, {}], "fans": [{"zones": [0]}]}, "zones[1]: has no fan"),
    ],
)
def test_what_is_odd_but_right_is_noted(sections, says):
    _, notes = compile_json(text(**sections))
    assert len(notes) == (says is not None)
    assert says is None or notes[0].startswith(says)


def test_version_1_becomes_version_2_with_a_note():
    cool = {"setpoint_mc": 36_000, "kp_permille_k": 50, "inlet_ref_mc": 25_000, "min_permille": 350}
    document = V1 | {"cool": cool | {"ff_permille_kw": 3}, "version": 1}
    binary, notes = compile_json(json.dumps(document))
    assert notes == [
        "version 1 was read as version 2",
        "cool: is now air, zones and fans",
        "cool.ff_permille_kw: is learned now and was left out",
    ]
    parts = {
        "air": {"inlet_ref_mc": 25_000},
        "zones": [{"setpoint_mc": 36_000, "kp_permille_k": 50}],
        "fans": [{"min_permille": 350}],
    }
    assert binary == compile_json(text(**parts))[0]
    assert document["cool"]["setpoint_mc"] == 36_000
    assert compile_json(json.dumps(V1))[0] == compile_json(text())[0]


@pytest.mark.parametrize("odd", [[], 3, None, {"version": 9}, {"version": True}, {"version": 1.0}])
def test_what_is_no_version_1_is_left_to_the_checks(odd):
    assert migrate(odd) == (odd, [])
    assert mistakes(json.dumps(odd))


@pytest.mark.parametrize("cool", [3, [], {"setpoint": 1}, {"zones": 1}])
def test_a_mistake_in_version_1_is_still_one(cool):
    assert any("zones" in line for line in mistakes(json.dumps(V1 | {"cool": cool})))


def value_of(row):
    default, least, most = row[1:4]
    if isinstance(least, bool):
        return st.booleans()
    values = st.integers(least, most)
    return values if default is None else st.one_of(values, st.just(default))


ORDERED = {key for _, *keys in schema.ORDER for key in keys}


def object_of(rows, **fixed):
    """Any object of a table; keys that others limit have their defaults."""
    rows = [row for row in rows if row[0] not in ORDERED]
    return st.fixed_dictionaries(
        {row[0]: fixed.get(row[0], value_of(row)) for row in rows if row[1] is None},
        optional={row[0]: fixed.get(row[0], value_of(row)) for row in rows if row[1] is not None},
    )


@st.composite
def documents(draw):
    groups = draw(st.lists(object_of(schema.GROUP), min_size=1, max_size=16))
    feeds = draw(
        st.lists(object_of(schema.FEED, rating_ma=st.integers(10, 66_000)), min_size=1, max_size=2)
    )
    shares = st.just(1000) if len(feeds) == 1 else st.integers(-1, 1000)
    group = st.integers(0, len(groups) - 1)
    load = st.one_of(group, object_of(schema.LOAD, group=group, share_a_permille=shares))
    zones = draw(st.lists(object_of(schema.ZONE), min_size=1, max_size=4))
    mask = st.lists(st.integers(0, len(zones) - 1), min_size=1, unique=True)
    fans = draw(st.lists(object_of(schema.FAN, zones=mask), min_size=1, max_size=8))
    document = {
        "version": 2,
        "board": draw(st.just("sim")),
        "loads": draw(st.lists(load, min_size=1, max_size=32)),
        "groups": groups,
        "feeds": feeds,
        "shed": draw(object_of(schema.SHED)) | {"outlet_max_mc": 90_000},
        "zones": zones,
        "fans": fans,
        "name": draw(st.text("abc \u00e9", max_size=20)),
    }
    if draw(st.booleans()):
        document["modbus"] = draw(object_of(schema.MODBUS))
        document["liquid"] = draw(object_of(schema.LIQUID))
    return document


@settings(max_examples=40, deadline=None)
@given(documents())
def test_what_is_shown_compiles_to_the_same_bytes(document):
    binary, _ = compile_json(json.dumps(document))
    shown = show.document(binary)
    assert compile_json(json.dumps(shown))[0] == binary
    assert shown["name"] == document["name"]
    for i, feed in enumerate(document["feeds"]):
        assert feed.items() <= shown["feeds"][i].items()
    for i, fan in enumerate(document["fans"]):
        zones = fan.get("zones", range(len(document["zones"])))
        assert shown["fans"][i]["zones"] == sorted(zones)
    assert [load["group"] for load in shown["loads"]] == [
        load if isinstance(load, int) else load["group"] for load in document["loads"]
    ]


def test_every_driver_goes_to_the_board_and_back():
    names = [name for name, _ in schema_wiring.CHANNELS[1:]]
    outputs = {name for name, index in schema_wiring.CHANNELS if 128 <= index < 255}
    pins = iter(range(64))
    rows = []
    for driver, (number, endings, table) in schema_wiring.DRIVERS.items():
        row = {"driver": driver} | {r[0]: r[2] if r[1] is None else r[1] for r in table}
        row |= {key: next(pins) for key in row if key in schema_wiring.PINS}
        if endings:
            row["channel"] = next(
                n
                for n in names
                if n.endswith(endings) and (number in schema_wiring.OUTPUTS) == (n in outputs)
            )
            if row["channel"] not in ("contacts", "relays"):  # those have several
                names.remove(row["channel"])
        rows.append(row)
    assert show.document(compile_json(text(wiring=rows))[0])["wiring"] == rows


def test_the_largest_configuration_fits_a_board():
    most = {
        "loads": [0] * 32,
        "groups": [{}] * 16,
        "zones": [{}] * 4,
        "fans": [{}] * 8,
        "liquid": {row[0]: row[2] if row[1] is None else row[1] for row in schema.LIQUID},
        "modbus": {"address": 1},
        "name": "n" * 60,
    }
    size = len(compile_json(text(**most))[0])
    wire_bytes = 4 + 4 * (2 + max(len(row[2]) for row in schema_wiring.DRIVERS.values()))
    assert size + 32 * wire_bytes <= BINARY_MAX


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["version", "loads", "zones", "fans", "wiring", "cool", "driver"]),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=12,
    )
)
def test_any_json_compiles_or_is_refused(document):
    try:
        binary, _ = compile_json(json.dumps(document))
    except ConfigError:
        return
    parse(binary)


@pytest.mark.parametrize("section", schema.SECTIONS, ids=lambda section: section[0])
def test_the_schema_itself_is_sound(section):
    """Small ints for boards; ids once; appended keys at the end, with a default."""
    rows = section[3]
    assert [row[1] for row in schema.SECTIONS] == list(range(1, len(schema.SECTIONS) + 1))
    for row in rows:
        default, least, most = row[1:4]
        assert all(-(2**30) <= v < 2**30 for v in (default or 0, least, most))
        assert least <= most
    for name, *keys in schema.ORDER:
        assert name != section[0] or set(keys) <= {row[0] for row in rows}
    ages = [schema.since(row) for row in rows]
    assert ages == sorted(ages)
    assert all(row[1] is not None for row in rows if schema.since(row) > schema.FIRST)
