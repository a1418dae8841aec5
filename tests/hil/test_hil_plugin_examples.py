# SPDX-License-Identifier: Apache-2.0
"""Tests as users of the plugin write them: a rack, a board, and what must not happen."""

import pytest

from firmware_py.link import messages as m


def heaviest(bench, rack):
    """The load of the fuller feed in parts of its breaker's rating."""
    pairs = zip((bench.value("feed_a_w"), bench.value("feed_b_w")), rack.spec.feeds, strict=True)
    return max(watts / feed.rating_w for watts, feed in pairs)


@pytest.mark.rack(host={"kind": "none"}, rack={"oversubscription": 1.2})
def test_a_feed_lost_at_full_load_is_relieved_in_time(bench, rack, clock):
    rack.set("demand_ratio", 1.0)
    bench.run(20)
    assert heaviest(bench, rack) < 1.3
    lost_ms = clock.now_ms()
    rack.set("feed_a_v", 0)
    bench.run(0.1)
    assert heaviest(bench, rack) > 1.5  # the survivor carries all of it
    bench.run(0.4)
    assert clock.now_ms() - lost_ms == 500
    assert bench.value("group_3_on") == 0  # the last group goes first
    assert bench.value("group_0_on") == 1
    bench.run(60)
    assert heaviest(bench, rack) <= 1.0
    assert bench.value("trips") == 0


@pytest.mark.rack(host={"kind": "daemon"}, rack={"loads": 4})
def test_a_host_that_dies_leaves_its_caps_and_a_board_that_goes_on_alone(bench, rack):
    rack.set("demand_ratio", 0.9)
    bench.run(10)
    assert bench.value("state") == m.STATE_HOSTED
    assert bench.value("host_caps") == 4
    bench.inject("host.kill")
    bench.run(4)
    assert bench.value("state") == m.STATE_LOCAL
    assert bench.value("host_caps") == 4
    assert bench.value("n_shed") == 0


@pytest.mark.rack(host={"kind": "watch"}, board={"store": True, "relays": "bistable"})
@pytest.mark.parametrize("cause", ["watchdog", "power_on"])
def test_loads_that_were_shed_stay_off_over_a_reset(bench, rack, cause):
    rack.set("demand_ratio", 1.0)
    bench.run(5)
    rack.set("feed_b_v", 0)
    bench.run(5)
    shed = [bench.value(f"group_{group}_on") for group in range(4)]
    assert 0 in shed
    bench.inject("mcu.reset", cause=cause)
    bench.run(5)
    assert bench.value("n_boot") == 2
    assert [bench.value(f"group_{group}_on") for group in range(4)] <= shed
    assert bench.value("trips") == 0


@pytest.mark.rack(host={"kind": "watch"}, board={"store": True, "relays": "closed"})
def test_relays_that_close_in_a_reset_give_a_lost_feed_back_its_load(bench, rack):
    """Why firmware_py/README.md asks for bistable relays where a feed cannot carry both."""
    rack.set("demand_ratio", 1.0)
    bench.run(5)
    rack.set("feed_b_v", 0)
    bench.run(5)
    bench.inject("mcu.reset", cause="power_on")
    bench.run(0.3)
    assert [bench.value(f"contact_{group}") for group in range(4)] == [1, 1, 1, 1]
    bench.run(5)
    assert bench.value("trips") == 1
