# SPDX-License-Identifier: Apache-2.0
"""From a fault to a safe output, in ticks of 100 ms.

A reading counts as lost in its LOST_TICKS-th bad tick in a row; before that its last good value
stands. Two ticks are counted from there. Faults that need no confirmation count from their first
reading.
"""

import pytest

from firmware_py import channels as ch
from firmware_py.decide.fast import FastTrip
from firmware_py.link import messages as m
from firmware_py.sense.trust import LOST_TICKS
from tests.firmware.rig import Rig

LOST = {
    "outlet": (ch.IN_OUTLET_MC, lambda rig: rig.app.act.outputs[ch.OUT_FAN_PERMILLE] == 1000),
    "inlet": (ch.IN_INLET_MC, lambda rig: rig.app.act.outputs[ch.OUT_FAN_PERMILLE] >= 700),
    "feed current": (ch.IN_FEED_A_MA, lambda rig: not rig.app.supervisor.may_restore()),
    "feed voltage": (ch.IN_FEED_A_MV, lambda rig: not rig.app.supervisor.may_restore()),
    "leak rope": (ch.IN_LEAK, lambda rig: not rig.app.supervisor.may_restore()),
}


def until(rig, holds, most=50):
    """Ticks until it holds."""
    for ticks in range(1, most + 1):
        rig.run(1)
        if holds(rig):
            return ticks
    raise AssertionError(f"not within {most} ticks")


@pytest.mark.parametrize("reading", [m.INVALID, -1_000_000, (1 << 30) - 1])
@pytest.mark.parametrize("name", LOST)
def test_a_lost_reading_is_safe_within_two_ticks_of_its_loss(name, reading):
    channel, safe = LOST[name]
    rig = Rig()
    rig.run(300)
    assert not safe(rig)
    rig.faults[channel] = reading
    assert until(rig, safe) <= LOST_TICKS - 1 + 2


def test_a_leak_sheds_in_the_tick_that_reads_it():
    rig = Rig()
    rig.run(20)
    rig.leak = 1
    assert until(rig, lambda rig: rig.relays == 0b0001) == 1
    assert rig.app.state.state == m.STATE_SAFE
    assert rig.app.act.outputs[ch.OUT_FAN_PERMILLE] == 1000


@pytest.mark.parametrize(("load_w", "most"), [(26_000, 1), (14_000, 2)])
def test_an_over_current_sheds_at_once_or_in_the_second_tick(load_w, most):
    rig = Rig()
    rig.run(100)
    rig.load_w = [load_w] * 8
    assert until(rig, lambda rig: rig.off) <= most


def test_a_feed_that_dies_sheds_in_the_tick_that_reads_it():
    rig = Rig()
    rig.load_w = [5000] * 8
    rig.run(100)
    assert rig.off == 0
    rig.feed_mv[1] = 0
    assert until(rig, lambda rig: rig.off) <= 2


@pytest.mark.parametrize("ttl_ms", [500, 950, 3000, 30_000])
@pytest.mark.parametrize("start_ms", [0, (1 << 30) - 5_000])
def test_a_lease_that_runs_out_is_local_one_tick_later_at_most(ttl_ms, start_ms):
    rig = Rig(start_ms)
    rig.run(10)
    rig.hello()
    rig.lease(ttl_ms)
    rig.run(2)
    assert rig.app.state.state == m.STATE_HOSTED
    ticks = until(rig, lambda rig: rig.app.state.state == m.STATE_LOCAL, 400)
    assert 100 * (ticks + 1) <= ttl_ms + 100


class Bank:
    """Relays that the ISR opens; what the tick asks for comes later."""

    def __init__(self):
        self.opened = 0

    def open_mask(self, mask):
        self.opened |= mask


def hanging(rig, bank, raw):
    """Samples of 1 ms while no tick comes; ms until the relay command."""
    for ms in range(1, 40):
        rig.app.fast.sample(0, raw)
        if bank.opened:
            return ms
    raise AssertionError("the fast path has not opened")


def test_a_hard_over_current_opens_within_20_ms_while_the_tick_hangs_and_stays_off():
    rig = Rig(shed={"fast_permille": 800, "min_off_ms": 1000, "stagger_ms": 100})
    bank = Bank()
    rig.app.watch(FastTrip(rig.config.never, bank.open_mask), 500, 500)
    rig.run(20)
    assert hanging(rig, bank, 900) <= 20
    assert bank.opened == 0b1110
    rig.now_ms += 1400  # the tick has hung for so long
    rig.run(1)
    assert rig.relays == 0b0001  # the tick agrees with what the ISR did
    assert rig.app.flags() & m.FLAG_OVERRUN
    counted = list(rig.app.shedder.groups.sheds)
    assert counted[1:] == [1, 1, 1]
    rig.run(5)
    assert rig.relays == 0b0001


def test_a_trip_within_a_tick_is_taken_by_the_next_one_and_disarmed_until_then():
    rig = Rig(shed={"fast_permille": 800})
    bank = Bank()
    rig.app.watch(FastTrip(rig.config.never, bank.open_mask), 500, 500)
    rig.run(20)
    step = rig.app.shedder.step

    def interrupted(*args):
        hanging(rig, bank, 900)  # after the tick has looked
        step(*args)

    rig.app.shedder.step = interrupted
    rig.run(1)
    assert bank.opened == 0b1110
    rig.app.shedder.step = step
    rig.run(1)
    assert rig.relays == 0b0001
