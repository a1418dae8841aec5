# SPDX-License-Identifier: Apache-2.0
"""What can be set on a rack, and what is recorded of it."""

import math

import pytest

from edge.errors import ConfigError
from firmware_py.channels import IN_FREQ_MHZ
from firmware_py.link.messages import INVALID
from hil.plant import signals
from hil.plant.settable import SETTABLE
from tests.hil.plant_rig import rack_of, read, run, seen

WHOLE = {"bbu": {}, "liquid": {}, "zones": 3, "fans": {"count": 2}}

SHOWN = {  # signal that shows what was set, and the value to set
    "demand_w": ("demand_w", 40_000.0),
    "room_c": ("room_c", 31.0),
    "rh": ("rh", 0.7),
    "facility_c": ("facility_c", 12.0),
    "freq_hz": ("freq_hz", 48.9),
    "feed_a_v": ("feed_a_v", 210.0),
    "feed_b_v": ("feed_b_v", 0.0),
    "blocked_aisle": ("blocked_aisle", 0.5),
    "recirculation": ("recirculation", 0.3),
    "bbu_permille": ("bbu_permille", 1000.0),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_set_shows_in_its_signal(name):
    rack = rack_of(**WHOLE)
    signal, value = SHOWN[name]
    rack.set(name, value)
    run(rack, 0.1)
    assert seen(rack)[signal] == pytest.approx(value)


@pytest.mark.parametrize("name", SETTABLE)
def test_every_signal_can_be_set_over_its_range_and_not_beyond(name):
    rack, entry = rack_of(**WHOLE), SETTABLE[name]
    for value in (entry.low, entry.high):
        rack.set(name, value)
        run(rack, 0.2)
    for value in (entry.low - 1e-3, entry.high * 1.001 + 1e-3, math.nan):
        with pytest.raises(ConfigError, match=f"{name} = .*: give "):
            rack.set(name, value)
    assert entry.doc
    assert entry.unit


def test_an_unknown_name_lists_near_ones():
    rack = rack_of()
    with pytest.raises(ConfigError, match=r"named 'rom_c': did you mean room_c"):
        rack.set("rom_c", 20.0)
    with pytest.raises(ConfigError, match=r"did you mean .*demand_w_s8"):
        rack.set("demand_w_s9", 100.0)
    with pytest.raises(ConfigError, match="there are demand_w, "):
        rack.set("xyzzy", 1.0)


@pytest.mark.parametrize(
    ("name", "part"),
    [("facility_c", "liquid"), ("bbu_permille", "bbu"), ("freq_hz", "frequency_hz")],
)
def test_a_part_that_the_rack_has_not_cannot_be_set(name, part):
    rack = rack_of(frequency_hz=None)
    with pytest.raises(ConfigError, match=f"{name}: this rack has no {part}"):
        rack.set(name, 50.0)


def test_demand_is_spread_by_maximum_and_single_loads_keep_their_own():
    rack = rack_of(max_w=[4000.0, 8000.0], idle_w=1000.0, rating_a=200.0)
    rack.set("demand_w", 24_000.0)
    run(rack, 0.1)
    assert rack.load_w == pytest.approx([2000.0, 4000.0] * 4)
    rack.set("demand_w_s1", 3000.0)
    rack.set("demand_w", 12_000.0)
    run(rack, 0.1)
    assert rack.load_w == pytest.approx([3000.0, 2000.0, *[1000.0, 2000.0] * 3])
    rack.set("demand_ratio", 0.5)
    run(rack, 0.1)
    assert rack.load_w == pytest.approx([3000.0, 4500.0, *[2500.0, 4500.0] * 3])


def test_a_stimulus_takes_over_a_sampler_where_it_stands():
    from hil.plant import Rack

    class Steady:
        def at(self, _t_ms):
            return (5000.0,) * 8

    rack = Rack(rack_of().spec, Steady())
    rack.set("demand_w_s1", 3000.0)
    run(rack, 0.1)
    assert rack.load_w == pytest.approx([3000.0, *[5000.0] * 7])


def test_a_plain_rack_records_nothing_that_it_has_not():
    names = signals.names(rack_of(frequency_hz=None))
    assert len(set(names)) == len(names)
    assert not {"supply_c", "bbu_w", "freq_hz", "zone1_c", "fan4_rpm"} & set(names)
    assert {"fan3_rpm", "load_s8_w", "cap_s1_w", "on_s1", "group_3_w", "contact_3"} <= set(names)
    whole = signals.names(rack_of(**WHOLE))
    assert {"supply_c", "bbu_w", "freq_hz", "zone2_c", "fan1_rpm"} <= set(whole)
    assert "zone3_c" not in whole


def test_values_stand_under_their_names():
    rack = rack_of(0.5, **WHOLE)
    rack.set_cap(2, 4000.0)
    rack.set_relays(0b0111)
    run(rack, 3)
    values = seen(rack)
    assert values["load_w"] == pytest.approx(sum(rack.load_w))
    assert values["load_s3_w"] == pytest.approx(4000.0, rel=1e-3)
    assert values["cap_s3_w"] == pytest.approx(4000.0, rel=1e-3)
    assert (values["on_s7"], values["on_s1"], values["contact_3"]) == (0.0, 1.0, 0.0)
    assert values["group_1_w"] == pytest.approx(rack.load_w[2] + rack.load_w[3])
    assert values["served_ratio"] == pytest.approx(rack.served_j / rack.demand_j)
    assert values["zone2_c"] == rack.zone_c[2]
    assert values["outlet_c"] == rack.zone_c[0]
    assert values["theta_a"] == rack.theta[0]
    assert values["ttt_a_s"] <= signals.NEVER_S


def test_mains_frequency_reads_only_where_it_is_metered():
    rack = rack_of()
    rack.set("freq_hz", 49.2)
    assert read(rack)[IN_FREQ_MHZ] == 49_200
    assert read(rack_of(frequency_hz=None))[IN_FREQ_MHZ] == INVALID
