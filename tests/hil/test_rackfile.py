# SPDX-License-Identifier: Apache-2.0
"""The files of an emulated rack go through the readers of a real one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import load_config, parse_config
from edge.core import CURVES
from edge.errors import ConfigError
from firmware_py.store.compile import compile_json
from firmware_py.store.config import ConfigError as StoreError
from firmware_py.store.config import parse
from hil.plant.breaker import FAMILIES
from hil.plant.liquid import Liquid
from hil.plant.options import RackOptions, build
from hil.plant.spec import RackSpec
from hil.rackfile import SHELF, board_document, board_json, rack_toml
from hil.trace import Trace

WATTS = st.floats(0, 20_000)


def spec_of(rows, oversubscription=1.5):
    names = tuple(f"n{i}" for i in range(len(rows[0])))
    return RackSpec.for_trace(Trace("t", names, tuple(range(len(rows))), rows), oversubscription)


def board_settings(spec, never_shed=()):
    return parse(compile_json(board_json(spec, never_shed))[0])


@pytest.mark.parametrize("loads", [1, 2, 16, 32])
def test_rack_toml_says_what_the_plant_is(tmp_path, loads):
    spec = spec_of((tuple(900.0 + 10 * i for i in range(loads)),) * 2)
    path = tmp_path / "rack.toml"
    path.write_text(rack_toml(spec, "/dev/ttyACM0", "http://127.0.0.1:9"), encoding="utf-8")
    config = load_config(path)
    assert [load.name for load in config.loads] == [load.name for load in spec.loads]
    assert [load.channel for load in config.loads] == list(range(loads))
    assert [load.group for load in config.loads] == [load.group for load in spec.loads]
    for written, built in zip(config.loads, spec.loads, strict=True):
        assert written.max_w == pytest.approx(built.max_w, abs=0.05)
        assert written.feeds["A"] == pytest.approx(built.share_a, abs=5e-5)
        assert written.actuator.chassis == built.name
    for written, built in zip(config.feeds, spec.feeds, strict=True):
        assert written.rating_w == pytest.approx(built.rating_w, rel=1e-3)
        assert written.before_w == 0.0
    assert config.control.redundancy == "reactive"
    text = rack_toml(spec, "p", "http://127.0.0.1:9", 'redundancy = "none"')
    assert parse_config(text).control.redundancy == "none"


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 32).flatmap(
        lambda n: st.lists(st.tuples(*[WATTS] * n), min_size=2, max_size=4)
    )
)
def test_the_board_takes_the_configuration_of_any_rack_it_can_meter(rows):
    spec = spec_of(tuple(rows))
    if min(feed.rating_a for feed in spec.feeds) < 0.01:
        return  # a rack of a few watts has no breaker
    settings_ = board_settings(spec)
    assert list(settings_.load_group) == [load.group for load in spec.loads]
    assert settings_.never == 0


def test_groups_can_be_kept_from_shedding():
    spec = spec_of(((1000.0,) * 8,) * 2)
    assert board_settings(spec, never_shed=range(4)).never == 0b1111
    assert board_settings(spec, never_shed=[2]).never == 0b0100


WHOLE = {
    "bbu": {"energy_wh": 1500.0, "power_w": 80_000.0},
    "liquid": {"share": 0.7, "rangeability": 30.0},
    "zones": 3,
    "fans": {"count": 6, "max_rpm": 9000.0},
    "phase": [1, 2, 3],
    "cords": ["AB", "AB", "A"],
    "breaker": {"curve": "MCCB", "ambient_c": 55.0},
}


def whole(**given):
    return build(RackOptions(**(WHOLE | given)), 1)


def board_of(spec, overrides=None):
    return parse(compile_json(board_json(spec, overrides=overrides))[0])


def test_the_board_learns_of_every_part_that_the_rack_has():
    spec = whole()
    config = board_of(spec)
    assert (len(config.fans), len(config.zones)) == (6, 3)
    assert config.fans[5].max_rpm == 9000
    assert config.shed.feedback == 1
    assert config.shed.bbu_shed_permille > 0
    loop = Liquid(spec.liquid)
    loop.set_pump(1000)
    for _ in range(200):
        loop.step(0.1, 0.0)
    assert config.liquid.flow_full_mlm == pytest.approx(loop.flow_lpm * 1000, rel=1e-3)
    assert config.liquid.dp_full_pa == pytest.approx(loop.dp_pa, rel=1e-3)
    assert config.liquid.valve_rangeability == 30
    assert config.air.design_w == pytest.approx(81_600 * (1 - 0.94 * 0.7), abs=1)
    plain = board_of(build(RackOptions(relays={"feedback": False}), 1))
    assert plain.liquid is None
    assert (plain.shed.feedback, plain.shed.bbu_shed_permille) == (0, 0)


@pytest.mark.parametrize("letter", FAMILIES)
@pytest.mark.parametrize("edge", ["fast", "slow"])
def test_the_board_guards_the_fast_edge_of_any_family_at_its_ambient(letter, edge):
    spec = whole(breaker={"curve": letter, "edge": edge, "ambient_c": 55.0})
    feed, family = board_of(spec).feeds[0], CURVES[FAMILIES[letter]]
    assert feed.rating_ma == pytest.approx(spec.feeds[0].hot_a * 1000, abs=2)
    assert feed.rating_ma < spec.feeds[0].rating_a * 1000 * 0.9
    assert feed.tau_fast_ms == pytest.approx(family.tau_fast_ms, abs=1)
    assert (feed.mnt_ppm, feed.magnetic_ppm) == (family.mnt_ppm, family.magnetic_low_ppm)


def test_rack_toml_says_family_ambient_phases_cords_battery_and_limits():
    spec = whole()
    control = {"redundancy": "none", "overdraft_fraction": 0.25}
    limits = {"contract_w": 50_000, "demand_sliding": True}
    config = parse_config(rack_toml(spec, "p", "http://127.0.0.1:9", control, limits=limits))
    feed = config.feeds[0]
    assert (feed.curve, feed.ambient_c, feed.calibrated_c) == ("iec60947_mccb", 55.0, 40.0)
    assert feed.rating_ma == pytest.approx(spec.feeds[0].hot_a * 1000, abs=2)
    assert config.loads[1].phases == {"A": 2, "B": 2}
    assert (config.loads[2].feeds, config.loads[2].phases) == ({"A": 1.0}, {"A": 3})
    assert (config.bbu.energy_wh, config.bbu.power_w) == (1500.0, 80_000.0)
    assert config.bbu.source.chassis == config.bbu.actuator.chassis == SHELF
    assert (config.control.redundancy, config.control.overdraft_fraction) == ("none", 0.25)
    assert (config.limits.contract_w, config.limits.demand_sliding) == (50_000, True)
    assert parse_config(rack_toml(spec_of(((900.0,),) * 2), "p", "http://127.0.0.1:9")).bbu is None


def test_a_value_that_toml_has_not_is_refused():
    with pytest.raises(ConfigError, match="settle_s = nan"):
        rack_toml(whole(), "p", "http://127.0.0.1:9", {"settle_s": float("nan")})


def test_overrides_are_laid_over_key_by_key_and_item_by_item():
    spec = whole()
    plain = board_document(spec)
    over = {
        "shed": {"ttt_ms": 700},
        "groups": [{}, {"never": True}],
        "zones": [{"setpoint_mc": 36_000}],
        "fans": [{}, {"zones": [0]}],
        "name": "rack 7",
    }
    made = board_document(spec, overrides=over)
    assert made["shed"] == plain["shed"] | {"ttt_ms": 700}
    assert [group["never"] for group in made["groups"]] == [False, True, False, False]
    assert made["zones"] == [{"setpoint_mc": 36_000}, {}, {}]
    assert made["fans"][1] == {"max_rpm": 9000, "zones": [0]}
    assert made["loads"] == plain["loads"]
    config = board_of(spec, over)
    assert config.never == 0b10
    assert config.shed.ttt_ms == 700
    assert plain == board_document(spec)


def test_an_unknown_key_is_found_by_the_firmwares_own_compiler():
    with pytest.raises(StoreError, match=r"shed\.tttt_ms"):
        compile_json(board_json(whole(), overrides={"shed": {"tttt_ms": 700}}))
