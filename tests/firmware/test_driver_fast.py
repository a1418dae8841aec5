# SPDX-License-Identifier: Apache-2.0
"""The fast over-current path: a model of the timer's ISR at 1 kHz, without any tick."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.act.relays import PinPort, RelayBank
from firmware_py.decide.fast import FastTrip
from firmware_py.sense.ct import CtClamp
from tests.firmware.fakes.fake_relay_bank import FakePin
from tests.firmware.small import Small, SmallArray

LIMIT = 500  # peak, counts
NEVER = 0b0001
ALL = 0b1111


class Isr:
    """Four groups on pins; time passes in samples of 1 ms. Nothing here is a tick."""

    def __init__(self, mask=0b1110):
        self.pins = [FakePin() for _ in range(4)]
        self.bank = RelayBank(PinPort(self.pins), ALL, boot_mask=ALL)
        self.fast = FastTrip(NEVER, self.bank.open_mask)
        assert self.fast.arm(mask, LIMIT, LIMIT)
        self.ms = 0

    def on(self):
        return sum(pin.level << g for g, pin in enumerate(self.pins))

    def feed(self, samples, feed=0):
        """Samples one by one; ms until the relays opened, None if they did not."""
        for n, raw in enumerate(samples, 1):
            self.fast.sample(feed, abs(round(raw)))
            self.ms += 1
            if self.on() != ALL:
                return n
        return None


def sine(peak, hz, phase, ms=60):
    return [peak * math.sin(2 * math.pi * (phase + hz * t / 1000)) for t in range(ms)]


EVERY_START = [(phase / 72, lead) for phase in range(72) for lead in range(5)]


@pytest.mark.parametrize("hz", [47.5, 50, 60, 62])
@pytest.mark.parametrize("times", [1.75, 2, 3, 10])
def test_a_hard_over_current_opens_the_relays_within_20_ms_at_every_phase(hz, times):
    worst = 0
    for phase, lead in EVERY_START:
        isr = Isr()
        assert isr.feed([LIMIT / 2] * lead) is None  # the window may have begun anywhere
        taken = isr.feed(sine(times * LIMIT, hz, phase))
        assert isr.on() == NEVER
        worst = max(worst, taken)
    assert worst <= 20


@pytest.mark.parametrize("hz", [50, 60])
def test_an_over_current_that_the_samples_just_see_still_opens_within_20_ms(hz):
    for phase, lead in EVERY_START:
        isr = Isr()
        isr.feed([0] * lead)
        assert isr.feed(sine(1.06 * LIMIT, hz, phase)) <= 20


@pytest.mark.parametrize("hz", [50, 60])
def test_a_current_at_the_limit_opens_nothing(hz):
    for phase, lead in EVERY_START[::7]:
        isr = Isr()
        isr.feed([0] * lead)
        assert isr.feed(sine(LIMIT, hz, phase, 500)) is None


@pytest.mark.parametrize("lead", range(5))
def test_a_single_spike_opens_nothing(lead):
    isr = Isr()
    normal = sine(0.9 * LIMIT, 50, 0, 200)
    for at in range(20, 200, 21):  # each alone: the next one is four windows away
        normal[at] = 4000
    assert isr.feed([0] * lead + normal) is None
    assert isr.fast.fired == 0


@pytest.mark.parametrize("inrush_ms", [5, 20, 50])
def test_an_inrush_within_its_blanking_opens_nothing(inrush_ms):
    for phase, lead in EVERY_START[::7]:
        isr = Isr()
        isr.feed([0] * lead)
        isr.fast.blank(0, 50)
        assert isr.feed(sine(8 * LIMIT, 50, phase, inrush_ms)) is None
        assert isr.feed(sine(0.9 * LIMIT, 50, phase, 200)) is None


def test_an_inrush_that_outlasts_its_blanking_is_an_over_current():
    isr = Isr()
    isr.fast.blank(0, 50)
    assert 50 < isr.feed(sine(8 * LIMIT, 50, 0, 200)) <= 50 + 20


def test_blanking_one_feed_leaves_the_other_watched():
    isr = Isr()
    isr.fast.blank(0, 1000)
    assert isr.feed(sine(3 * LIMIT, 50, 0), feed=1) is not None
    assert isr.fast.fired == 0b10


def test_a_never_shed_group_stays_on_even_if_asked_for():
    isr = Isr(mask=ALL)
    isr.feed(sine(10 * LIMIT, 50, 0))
    assert isr.on() == NEVER
    assert isr.fast.opened == 0b1110


def test_one_trip_per_arming_and_it_waits_for_the_tick():
    isr = Isr(mask=0b1000)
    isr.feed(sine(4 * LIMIT, 50, 0, 100))
    assert isr.on() == 0b0111
    for _ in range(3):
        for raw in sine(4 * LIMIT, 50, 0, 100):
            isr.fast.sample(0, abs(round(raw)))
    assert isr.on() == 0b0111
    assert not isr.fast.arm(0b0100, LIMIT, LIMIT)  # not before the trip has been taken
    assert (isr.fast.fired, isr.fast.opened) == (1, 0b1000)
    assert 3 * LIMIT < isr.fast.peak(0) <= 4 * LIMIT
    isr.fast.taken()
    assert isr.fast.arm(0b0100, LIMIT, LIMIT)
    for raw in sine(4 * LIMIT, 50, 0, 30):
        isr.fast.sample(0, abs(round(raw)))
    assert isr.on() == 0b0011


def test_disarmed_or_unwatched_it_opens_nothing():
    isr = Isr(mask=0)
    assert isr.feed(sine(9 * LIMIT, 50, 0)) is None
    isr.fast.arm(ALL, 0, LIMIT)
    assert isr.feed(sine(9 * LIMIT, 50, 0)) is None
    assert isr.feed(sine(9 * LIMIT, 50, 0), feed=1) is not None


def test_an_armed_trip_survives_a_tick_that_hangs_for_an_hour():
    isr = Isr()
    quiet = [abs(round(raw)) for raw in sine(0.9 * LIMIT, 50, 0, 20)]
    for _ in range(3_600_000 // 20 // 100):  # every hundredth period will do
        for raw in quiet:
            isr.fast.sample(0, raw)
    assert isr.feed(sine(2 * LIMIT, 50, 0)) <= 20


def test_a_tick_that_writes_its_relays_meanwhile_cannot_close_them_again():
    isr = Isr()
    original = isr.bank._port.write
    fired = []

    def interrupted(mask):
        original(mask & 0b0111)  # half-way through its pins the tick is interrupted
        if not fired:
            fired.append(1)
            isr.bank.open_mask(0b1100)
        original(mask)

    isr.bank._port.write = interrupted
    isr.bank.write(ALL)
    assert isr.on() == 0b0011
    isr.bank._port.write = original
    isr.bank.write(ALL)  # the tick does not know yet
    isr.bank.poll(0)
    assert isr.on() == 0b0011
    isr.bank.write(0b0011)  # now it does
    isr.bank.write(ALL)  # and restores them later
    assert isr.on() == ALL


def test_clamp_and_trip_speak_the_same_counts():
    ct = CtClamp(73_260)
    for _ in range(100):
        ct.sample(2100)
    ct.poll(0)
    assert abs(2100 - ct.mid) == 0
    assert ct.counts(100_000) == pytest.approx(100_000_000 / 73_260, abs=1)
    assert ct.counts(1_000_000) == 2000  # beyond the ADC: clipping trips


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("sample"), st.integers(0, 1), st.integers(0, 4095)),
            st.tuples(st.just("burst"), st.integers(0, 1), st.integers(0, 4095)),
            st.tuples(st.just("arm"), st.integers(0, 15), st.integers(0, 4095)),
            st.tuples(st.just("blank"), st.integers(0, 1), st.integers(0, 100)),
            st.tuples(st.just("taken"), st.just(0), st.just(0)),
        ),
        max_size=60,
    )
)
def test_only_armed_groups_open_once_and_never_the_never_shed(steps):
    opened = []
    fast = FastTrip(NEVER, opened.append)
    fast._limit = SmallArray("i", fast._limit)
    armed = 0
    for what, a, b in steps:
        before = len(opened)
        if what == "sample":
            fast.sample(Small(a), Small(b))
        elif what == "burst":
            for _ in range(11):
                fast.sample(Small(a), Small(b))
        elif what == "arm":
            if fast.arm(Small(a), Small(b), Small(b)):
                armed = a & ~NEVER
        elif what == "blank":
            fast.blank(a, b)
        else:
            fast.taken()
        assert len(opened) <= before + 1
        if len(opened) > before:
            assert opened[-1] == armed != 0
            assert fast.fired
            armed = 0
