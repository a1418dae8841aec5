# SPDX-License-Identifier: Apache-2.0
"""The battery shelf: ride-through, giving up, recharge."""

import pytest

from firmware_py.channels import IN_BBU_PERMILLE
from tests.hil.plant_rig import balanced, rack_of, read, run, seen

SHELF = {"energy_wh": 1000.0, "power_w": 60_000.0, "recharge_w": 3000.0}


def on_battery(ratio=0.3, **given):
    rack = rack_of(ratio, bbu=SHELF | given, fan_permille=0)
    run(rack, 30)
    rack.fail_feed("A")
    rack.fail_feed("B")
    return rack


def test_the_shelf_carries_the_rack_for_its_energy_over_the_draw():
    rack = on_battery()
    run(rack, 0.1)
    watts = sum(rack.load_w) + rack.fan_w
    assert rack.feed_w == [0.0, 0.0]
    assert rack.bbu.state().power_w == pytest.approx(watts)
    lasts_s = 1000.0 * 3600 * 0.95 / watts
    run(rack, lasts_s - 0.3)
    assert sum(rack.load_w) > 0.0
    run(rack, 0.5)
    assert sum(rack.load_w) == 0.0
    assert all(rack.is_off(load) for load in range(8))
    assert rack.bbu.charge == 0.0
    balanced(rack)


def test_above_its_power_it_gives_up_at_once_and_stays_down_until_a_feed_is_back():
    rack = on_battery(power_w=30_000.0)
    run(rack, 0.3)
    assert sum(rack.load_w) == 0.0
    run(rack, 5)
    assert rack.bbu.power_w == 0.0
    rack.restore_feed("A")
    assert not rack.bbu.gave_up
    run(rack, 1)
    assert all(rack.is_off(load) for load in range(8))
    balanced(rack)


def test_loads_go_back_to_the_feeds_without_a_boot():
    rack = on_battery()
    run(rack, 10)
    draw_w = sum(rack.load_w)
    rack.restore_feed("B")
    run(rack, 0.1)
    assert sum(rack.load_w) == pytest.approx(draw_w)
    assert rack.feed_w[1] == pytest.approx(draw_w + rack.fan_w + 3000.0)


def test_recharge_takes_its_set_point_and_ends_full():
    rack = on_battery()
    run(rack, 30)
    rack.restore_feed("A")
    rack.restore_feed("B")
    rack.set_recharge(1500.0)
    missing_j = 3600e3 * (1 - rack.bbu.charge)
    run(rack, 1)
    assert seen(rack)["bbu_w"] == -1500.0
    assert sum(rack.feed_w) == pytest.approx(sum(rack.load_w) + rack.fan_w + 1500.0)
    rack.set("recharge_w", 9e5)
    run(rack, 0.1)
    assert rack.bbu.power_w == -3000.0  # as much as it can
    rack.set("recharge_w", 1500.0)
    run(rack, missing_j / (0.95 * 1500) + 10, dt_ms=1000)
    assert rack.bbu.charge == pytest.approx(1.0)
    assert rack.bbu.power_w == 0.0
    balanced(rack)


def test_single_corded_loads_are_carried_while_their_feed_is_gone():
    rack = rack_of(0.2, cords=["A", "AB"], bbu=SHELF)
    rack.fail_feed("A")
    run(rack, 1)
    carried_w = sum(rack.load_w[0::2])
    assert carried_w > 0.0
    assert rack.bbu.power_w == pytest.approx(carried_w)
    assert rack.feed_w[1] == pytest.approx(sum(rack.load_w[1::2]) + rack.fan_w)
    balanced(rack)


def test_charge_is_a_signal_a_reading_and_settable():
    rack = rack_of(0.2, bbu=SHELF | {"start": 0.5, "recharge_w": 0.0})
    run(rack, 1)
    assert read(rack)[IN_BBU_PERMILLE] == 500
    rack.set("bbu_permille", 250.0)
    run(rack, 1)
    assert seen(rack)["bbu_permille"] == pytest.approx(250.0)
    balanced(rack)


def test_a_broken_shelf_carries_nothing():
    rack = rack_of(0.2, bbu=SHELF)
    rack.bbu.failed = True
    rack.rewire()
    rack.fail_feed("A")
    rack.fail_feed("B")
    run(rack, 1)
    assert sum(rack.load_w) == 0.0


def test_a_load_without_psus_is_not_carried():
    rack = rack_of(0.2, bbu=SHELF)
    rack.fail_psu(0, "A")
    rack.fail_psu(0, "B")
    run(rack, 1)
    assert rack.load_w[0] == 0.0
    assert rack.bbu.power_w == 0.0


def test_a_rack_without_a_shelf_takes_no_set_point():
    with pytest.raises(ValueError, match="no shelf"):
        rack_of().set_recharge(100.0)


def test_a_load_on_the_shelf_takes_its_inrush_from_there():
    rack = rack_of(0.2, cords=["A", "AB"], bbu=SHELF)
    rack.fail_feed("A")
    rack.surge(0, 40.0, 20)
    run(rack, 0.1)
    assert rack.feeds.peak_a == rack.feed_a
    rack.surge(1, 3.0, 20)
    run(rack, 0.1)
    assert rack.feeds.peak_a[1] > rack.feed_a[1]
