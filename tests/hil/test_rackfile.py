# SPDX-License-Identifier: Apache-2.0
"""The files of an emulated rack go through the readers of a real one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import load_config, parse_config
from firmware_py.store.compile import compile_json
from firmware_py.store.config import parse
from hil.plant.spec import RackSpec
from hil.rackfile import board_json, rack_toml
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
