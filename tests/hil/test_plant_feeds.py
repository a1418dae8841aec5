# SPDX-License-Identifier: Apache-2.0
"""Breakers at their ambient, phases, cords, PSUs, inrush, line voltage."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import CURVES, derated_ma
from edge.core import Breaker as CoreBreaker
from hil.plant.breaker import FAMILIES, Breaker, Curve
from hil.plant.feeds import Feeds
from hil.plant.psu import CLASSES, MARGIN, efficiency
from tests.hil.plant_rig import balanced, rack_of, run


@pytest.mark.parametrize("letter", FAMILIES)
@pytest.mark.parametrize("edge", ["fast", "slow"])
@pytest.mark.parametrize("multiple", [1.5, 2.0, 2.55, 4.0])
def test_both_edges_of_each_family_trip_when_the_c_core_says(letter, edge, multiple):
    core = CoreBreaker(32_000, CURVES[FAMILIES[letter]])
    ours_s = Breaker(Curve.of(letter, edge), 32.0).time_to_trip_s(32.0 * multiple)
    core_s = core.time_to_trip_ms(round(32_000 * multiple), edge) / 1000
    assert ours_s == pytest.approx(core_s, rel=1e-3, abs=0.002)


@given(st.sampled_from(sorted(FAMILIES)), st.floats(-40, 90))
def test_a_hot_breaker_is_derated_as_by_the_c_core(letter, ambient_c):
    curve = Curve.of(letter)
    core = derated_ma(100_000, round(ambient_c * 1000), round(curve.reference_c * 1000))
    assert 100_000 * curve.derating(ambient_c) == pytest.approx(core, abs=2)
    assert curve.derating(ambient_c) <= 1.0


@pytest.mark.parametrize("edge", ["fast", "slow"])
@pytest.mark.parametrize("ambient_c", [None, 20.0, 50.0])
def test_a_rack_trips_at_the_closed_form_of_its_edge_and_ambient(edge, ambient_c):
    breaker = {"edge": edge, "ambient_c": ambient_c}
    rack = rack_of(1.0, theta=(0.4, 0.0), rating_a=30.0, breaker=breaker)
    rack.step(100)
    amps = rack.feed_a[0]
    curve = rack.spec.feeds[0].curve
    carries_a = 1.13 * 30.0 * math.sqrt((97.0 - max(ambient_c or 0.0, 30.0)) / 67.0)
    m2 = (amps / carries_a) ** 2
    closed_s = curve.tau_s * math.log((m2 - 0.4) / (m2 - 1))
    assert rack.time_to_trip_s("A") == pytest.approx(closed_s - 0.1, rel=1e-9)
    run(rack, closed_s + 10, dt_ms=100 if edge == "fast" else 1000)
    assert rack.first_trip_s == pytest.approx(closed_s, abs=0.11 if edge == "fast" else 1.1)


def test_the_most_loaded_phase_is_what_the_breaker_sees():
    sizes = {"max_w": 4000.0, "idle_w": 1000.0, "rating_a": 50.0}
    rack = rack_of(loads=4, phase=[1, 1, 2, 3], share_a=0.5, **sizes)
    rack.set_fan(0)
    run(rack, 30)
    assert rack.feed_a[0] == pytest.approx(2 * 2500 * 0.5 / 230.0)
    assert rack.feed_w[0] == pytest.approx(4 * 2500 * 0.5)


def test_balanced_loads_draw_a_third_from_each_phase():
    rack = rack_of(fan_permille=0)
    run(rack, 30)
    assert rack.feed_a[0] == pytest.approx(rack.feed_w[0] / 690.0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=6),
    st.lists(st.sampled_from(["AB", "A", "B"]), min_size=1, max_size=4),
    st.sets(st.tuples(st.sampled_from("AB"), st.integers(1, 3)), max_size=4),
)
def test_phase_currents_add_up_to_the_feed(phases, cords, lost):
    rack = rack_of(0.8, phase=phases, cords=cords)
    for feed, phase in lost:
        rack.lose_phase(feed, phase)
    run(rack, 1)
    live = list(rack.feeds.live)
    run(rack, 0.1)
    shares = rack.feed_w[0] + rack.feed_w[1]
    assert shares == pytest.approx(sum(rack.load_w) + rack.fan_w, rel=1e-9, abs=1e-6)
    for feed in (0, 1):
        most = rack.feed_w[feed] / 230.0
        assert most / 3 - 1e-6 <= rack.feed_a[feed] <= most + 1e-6
        if not live[feed]:
            assert rack.feed_a[feed] == 0.0


@given(
    st.lists(st.tuples(st.floats(0, 9000), st.floats(0, 1), st.integers(0, 3)), min_size=1),
    st.sets(st.integers(1, 3), max_size=2),
)
def test_by_phase_loses_no_watt_and_gives_a_lost_phase_none(loads, lost):
    specs = rack_of().spec.feeds
    feeds = Feeds(specs, [phase or None for _, _, phase in loads])
    feeds.lost[0] = lost
    load_w = [watts for watts, _, phase in loads]
    part_a = [0.0 if phase in lost else part for _, part, phase in loads]
    a_w, b_w = feeds.by_phase(load_w, part_a, (), (120.0, 80.0))
    total_a_w = sum(w * part for w, part in zip(load_w, part_a, strict=True))
    assert sum(a_w) == pytest.approx(total_a_w + 120.0)
    assert sum(b_w) == pytest.approx(sum(load_w) - total_a_w + 80.0)
    assert [a_w[phase - 1] for phase in lost] == [0.0] * len(lost)


def test_a_lost_phase_moves_balanced_loads_to_the_others_and_kills_single_ones():
    rack = rack_of(0.2, fan_permille=0)
    run(rack, 30)
    before_a = rack.feed_a[0]
    rack.lose_phase("A", 2)
    run(rack, 0.1)
    assert rack.feed_a[0] == pytest.approx(1.5 * before_a)
    assert rack.feed_v[0] == pytest.approx(230.0 * 2 / 3)
    single = rack_of(0.2, phase=[1, 2, 3], cords="A")
    single.lose_phase("A", 2)
    run(single, 1)
    assert [watts == 0.0 for watts in single.load_w[:3]] == [False, True, False]
    single.restore_phase("A", 2)
    run(single, 1)
    assert single.is_off(1)
    single.restart()
    assert not single.is_off(1)


def test_a_single_corded_load_dies_with_its_feed_and_others_move_over():
    rack = rack_of(0.3, cords=["AB", "A", "B", "AB"], auto_start=True, boot_s=1.0)
    rack.fail_feed("A")
    run(rack, 1)
    assert rack.load_w[1] == 0.0
    assert rack.feed_w[0] == 0.0
    assert rack.load_w[0] > 0.0 < rack.load_w[2]
    rack.restore_feed("A")
    run(rack, 0.5)
    assert rack.load_w[1] == 2400.0  # boots by itself
    run(rack, 1)
    assert rack.load_w[1] > 2400.0
    balanced(rack)


@pytest.mark.parametrize("side", ["A", "B"])
def test_a_failed_psu_moves_its_share_and_halves_the_sides(side):
    rack = rack_of(0.5, loads=1, share_a=0.5, rating_a=50.0, fan_permille=0)
    run(rack, 30)
    rack.fail_psu(0, side)
    before_dc_j, before_j = rack.dc_j, rack.served_j
    run(rack, 1)
    assert rack.feed_w["AB".index(side)] == 0.0
    ratio = (rack.dc_j - before_dc_j) / (rack.served_j - before_j)
    fraction = rack.load_w[0] / (10_200.0 * MARGIN)
    assert ratio == pytest.approx(efficiency(fraction), abs=3e-4)
    rack.restore_psu(0, side)
    run(rack, 1)
    assert rack.feed_w[0] == pytest.approx(rack.feed_w[1])


def test_a_load_without_a_psu_is_dark_and_what_it_has_not_cannot_fail():
    rack = rack_of(cords=["A", "AB"])
    rack.fail_psu(1, "A")
    rack.fail_psu(1, "B")
    run(rack, 1)
    assert rack.load_w[1] == 0.0
    with pytest.raises(ValueError, match="s1 has no PSU on side 'B'"):
        rack.fail_psu(0, "B")
    with pytest.raises(ValueError, match="no phase 4"):
        rack.lose_phase("A", 4)


def test_droop_error_is_a_constant_power_between_the_sides():
    shares = []
    for ratio in (0.0, 1.0):
        rack = rack_of(ratio, share_a=0.5, psu={"sharing_error": 0.05}, rating_a=200.0)
        run(rack, 2)
        servers = rack._servers
        shares.append(
            [(part - 0.5) * w for part, w in zip(servers.part_a, rack.load_w, strict=True)]
        )
    assert shares[0] == pytest.approx(shares[1])
    assert max(map(abs, shares[0])) == pytest.approx(0.05 * 10_200.0)


@pytest.mark.parametrize("name", CLASSES)
def test_each_psu_class_meets_its_own_points(name):
    points = dict(CLASSES[name])
    for fraction in (0.2, 0.5, 1.0):
        assert efficiency(fraction, CLASSES[name]) == pytest.approx(points[fraction])
    rack = rack_of(0.5, psu={"efficiency": name})
    run(rack, 1)
    lost = 1 - rack.dc_j / rack.served_j
    worst = efficiency(0.0, CLASSES[name])
    assert 1 - points[0.5] - 1e-3 <= lost <= 1 - worst


def test_inrush_heats_by_its_energy_and_trips_at_the_magnetic_gate():
    def restored(times):
        rack = rack_of(0.2, inrush={"times": times, "for_ms": 20}, relays={"operate_ms": 0})
        rack.set_relays(0)
        run(rack, 60)
        rack.set_relays(0b1111)
        run(rack, 0.1)
        return rack

    rated_a = 81_600.0 / 2 / 690.0
    mild, none, hard = restored(3.0), restored(0.0), restored(4.0)
    assert not any(mild.tripped)
    surge_a = 3.0 * rated_a * sum(load.share_a for load in mild.spec.loads) / 4
    assert mild.feeds.peak_a[0] == pytest.approx(mild.feed_a[0] + surge_a, rel=1e-6)
    curve, feed = mild.spec.feeds[0].curve, mild.spec.feeds[0]
    m2 = (mild.feeds.peak_a[0] / (curve.mnt * feed.rating_a)) ** 2
    gone = -math.expm1(-0.02 / curve.tau_s)
    assert mild.theta[0] == pytest.approx(none.theta[0] + gone * (m2 - none.theta[0]))
    assert hard.feeds.peak_a[0] > 5 * feed.rating_a
    assert hard.tripped == [True, True]


def test_a_sag_raises_the_current_until_the_psus_let_go():
    rack = rack_of(0.3, fan_permille=0)
    run(rack, 30)
    full_a, full_w = rack.feed_a[0], rack.feed_w[0]
    rack.set("feed_a_v", 200.0)
    run(rack, 0.1)
    assert rack.feed_a[0] == pytest.approx(full_a * 230 / 200)
    assert rack.feed_v[0] == 200.0
    rack.set("feed_a_v", 160.0)
    run(rack, 0.1)
    assert (rack.feed_w[0], rack.feed_a[0]) == (0.0, 0.0)
    assert rack.feed_v[0] == 160.0
    rack.set("feed_a_v", 230.0)
    run(rack, 0.1)
    assert rack.feed_w[0] == pytest.approx(full_w)


def test_a_breaker_can_be_opened_and_closed_by_hand():
    rack = rack_of(0.3)
    rack.trip("B")
    rack.trip("B")
    run(rack, 0.1)
    assert (rack.tripped, rack.trips) == ([False, True], 1)
    rack.reclose("B")
    run(rack, 0.1)
    assert rack.feed_w[1] > 0.0
