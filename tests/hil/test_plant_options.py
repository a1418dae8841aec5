# SPDX-License-Identifier: Apache-2.0
"""From options to a rack: defaults, ranges, every part; energy over random racks and faults."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from edge.errors import ConfigError
from hil.plant import Rack
from hil.plant.demand import SettableDemand
from hil.plant.options import RackOptions, build
from hil.plant.settable import SETTABLE
from tests.hil.plant_rig import balanced, rack_of, run, seen


def test_the_default_rack_is_eight_servers_of_10_2_kw_on_oversubscribed_feeds():
    spec = build(RackOptions(), 1)
    assert [load.name for load in spec.loads] == [f"s{i}" for i in range(1, 9)]
    assert sum(load.max_w for load in spec.loads) == 81_600.0
    assert spec.rating_w == pytest.approx(81_600.0 / 1.5)
    assert [load.group for load in spec.loads] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert all(0.48 <= load.share_a <= 0.52 for load in spec.loads)
    assert spec.bbu is spec.liquid is None
    assert spec.meters.exact


def test_what_is_written_is_built():
    spec = build(
        RackOptions(
            loads=5,
            max_w=[4000.0, 6000.0],
            idle_w=[500.0, 700.0],
            cap_floor_w=900.0,
            share_a=[0.4, 0.6],
            cords=["AB", "A", "B"],
            phase=[1, 2, 3],
            rating_a=20.0,
            breaker={"curve": "B", "edge": "slow", "ambient_c": 45.0},
            breaker_b={"curve": "MCCB"},
            psu={"efficiency": "gold"},
            fans={"count": 6, "max_rpm": 9000.0},
            zones=2,
            bbu={"energy_wh": 500.0},
            liquid={"share": 0.5, "water_lpm": 80.0},
            relays={"operate_ms": 30},
            throttle=None,
            inrush=None,
        ),
        7,
    )
    assert [load.max_w for load in spec.loads] == [4000.0, 6000.0, 4000.0, 6000.0, 4000.0]
    assert [load.idle_w for load in spec.loads] == [500.0, 700.0, 500.0, 700.0, 500.0]
    assert [load.cords for load in spec.loads] == ["AB", "A", "B", "AB", "A"]
    assert [load.share_a for load in spec.loads] == [0.4, 1.0, 0.0, 0.6, 1.0]
    assert [load.phase for load in spec.loads] == [1, 2, 3, 1, 2]
    assert [load.zone for load in spec.loads] == [0, 0, 0, 1, 1]
    a, b = spec.feeds
    assert (a.rating_a, a.curve.letter, a.curve.edge, a.ambient_c) == (20.0, "B", "slow", 45.0)
    assert (b.curve.letter, b.curve.edge, b.ambient_c) == ("MCCB", "fast", None)
    assert (spec.psu, spec.fans.count, spec.air.zones) == ("gold", 6, 2)
    assert (spec.bbu.energy_wh, spec.liquid.water_lpm, spec.liquid_share) == (500.0, 80.0, 0.5)
    assert (spec.throttle, spec.inrush, spec.relays.operate_ms, spec.seed) == (None, None, 30, 7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"loads": 33},
        {"loadz": 3},
        {"oversubscription": 0.0},
        {"breaker": {"curve": "E"}},
        {"phase": [4]},
        {"fans": {"count": 9}},
        {"max_w": "10 kW"},
        {"max_w": [-1.0]},
        {"liquid": {"share": 1.5}},
    ],
)
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ValidationError) as refused:
        RackOptions(**wrong)
    assert next(iter(wrong)) in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"idle_w": 11_000.0}, "load s1: need 0 <= idle_w <= max_w"),
        ({"phases": 1, "phase": [2]}, "load s1: phase must be one of the feeds'"),
        ({"share_a": 1.5}, "share_a must be within 0..1"),
    ],
)
def test_options_that_contradict_each_other_are_refused(wrong, says):
    with pytest.raises(ConfigError, match=says):
        build(RackOptions(**wrong), 1)


def test_every_option_is_documented():
    schema = RackOptions.model_json_schema()
    silent = [
        name
        for model in (schema, *schema["$defs"].values())
        for name, prop in model["properties"].items()
        if not {"description", "$ref", "anyOf"} & set(prop)
    ]
    assert silent == []


RACKS = st.fixed_dictionaries(
    {},
    optional={
        "loads": st.integers(1, 12),
        "groups": st.integers(1, 6),
        "oversubscription": st.floats(0.8, 3.0),
        "cords": st.lists(st.sampled_from(["AB", "A", "B"]), min_size=1, max_size=4),
        "phase": st.lists(st.integers(1, 3), min_size=1, max_size=4),
        "breaker": st.fixed_dictionaries({"edge": st.sampled_from(["fast", "slow"])}),
        "psu": st.just({"efficiency": "gold", "sharing_error": 0.03}),
        "bbu": st.fixed_dictionaries(
            {"energy_wh": st.floats(5, 2000), "power_w": st.floats(1e3, 1e5)}
        ),
        "liquid": st.fixed_dictionaries({"share": st.floats(0, 1)}),
        "zones": st.integers(1, 4),
        "fans": st.fixed_dictionaries({"count": st.integers(1, 8)}),
        "auto_start": st.booleans(),
        "inrush": st.none(),
        "boot_s": st.floats(0, 3),
        "blocked_aisle": st.floats(0, 0.9),
    },
)

LOAD = st.integers(0, 31)
SIDE = st.sampled_from("AB")
FAULTS = st.one_of(
    st.tuples(st.just("cap"), LOAD, st.one_of(st.none(), st.floats(0, 12_000))),
    st.tuples(st.just("set_fans"), st.lists(st.integers(0, 1000), min_size=1, max_size=8)),
    st.tuples(st.just("health"), st.integers(0, 7), st.floats(0, 1)),
    st.tuples(st.just("set_relays"), st.integers(0, 63)),
    st.tuples(st.sampled_from(["weld", "stick_open", "free"]), st.integers(0, 5)),
    st.tuples(st.sampled_from(["fail_feed", "restore_feed", "reclose", "trip"]), SIDE),
    st.tuples(st.sampled_from(["lose_phase", "restore_phase"]), SIDE, st.integers(1, 3)),
    st.tuples(st.sampled_from(["fail_psu", "restore_psu"]), LOAD, SIDE),
    st.tuples(st.just("restart")),
    st.tuples(st.just("pump"), st.integers(0, 1000), st.integers(0, 1000), st.booleans()),
    st.tuples(st.just("set"), st.sampled_from(sorted(SETTABLE)), st.floats(0, 1)),
    st.tuples(st.just("run"), st.integers(1, 60), st.sampled_from([50, 100, 1000])),
)


def strike(rack, name, *args):
    loads = len(rack.spec.loads)
    if name == "run":
        run(rack, args[0] * args[1] / 1000, args[1])
    elif name == "cap":
        rack.set_cap(args[0] % loads, args[1])
    elif name == "health":
        rack.set_fan_health(args[0] % rack.spec.fans.count, args[1])
    elif name in {"weld", "stick_open", "free"}:
        getattr(rack.relays, name)(*args)
    elif name in {"fail_psu", "restore_psu"}:
        if args[1] in rack.spec.loads[args[0] % loads].cords:
            getattr(rack, name)(args[0] % loads, args[1])
    elif name in {"pump", "set"}:
        strike_part(rack, name, *args)
    else:
        getattr(rack, name)(*args)


def strike_part(rack, name, *args):
    if name == "set":
        entry = SETTABLE[args[0]]
        if not entry.needs or entry.needs in rack.parts:
            rack.set(args[0], entry.low + args[1] * (entry.high - entry.low))
    elif rack.liquid is not None:
        rack.liquid.set_pump(args[0])
        rack.liquid.set_valve(args[1])
        rack.liquid.pump_failed = args[2]


@settings(max_examples=150, deadline=None)
@given(RACKS, st.lists(FAULTS, min_size=3, max_size=25), st.integers(0, 99))
def test_energy_balances_over_any_rack_and_any_fault(given, faults, seed):
    spec = build(RackOptions(**given), seed)
    rack = Rack(spec, SettableDemand(spec.loads))
    rack.set("demand_ratio", 0.7)
    run(rack, 1)
    for fault in faults:
        strike(rack, *fault)
        live = list(rack.feeds.live)
        rack.step(100)
        if live == rack.feeds.live == [False, False]:
            assert rack.feed_w == [0.0, 0.0]
        assert min(*rack.feed_w, *rack.load_w) >= 0.0
    balanced(rack)
    heat_j = rack.served_j + rack.fan_j + rack.pump_j
    if rack.bbu is not None:
        heat_j += rack.bbu.in_j - rack.bbu.out_j
    assert abs(rack.feed_j - heat_j) <= 1e-6 * max(rack.served_j, 1.0)
    assert abs(rack.served_j - rack.dc_j - rack.psu_loss_j) <= 1e-6 * max(rack.served_j, 1.0)
    assert 0.0 <= rack.served_j <= rack.demand_j * (1 + 1e-9)
    values = seen(rack)
    assert values["ttt_a_s"] >= 0.0
    assert not any(map(math.isnan, values.values()))


def test_the_same_seed_gives_the_same_run_with_everything_fitted():
    def last(seed):
        rack = rack_of(
            seed=seed,
            noise=0.003,
            bbu={},
            liquid={},
            zones=4,
            fans={"count": 8},
            phase=[1, 2, 3],
            meters={"class_percent": 1.0, "noise": 0.001},
        )
        rack.liquid.set_pump(500)
        run(rack, 5)
        return seen(rack)

    assert last(3) == last(3)
    assert last(3) != last(4)
