# SPDX-License-Identifier: Apache-2.0
"""No number on the way of a tick leaves 30 bits: beyond them every board allocates."""

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py import channels as ch
from firmware_py.decide import currents, groups, shed
from firmware_py.link import messages as m
from firmware_py.sense import inputs, trust
from tests.firmware.rig import Rig
from tests.firmware.small import Small, SmallArray

extreme = st.sampled_from([0, 1, 999_999, 1_000_000, 250_000_000, 1_000_000_000, m.INVALID])
readings = st.tuples(
    *[st.sampled_from([0, 500_000_000, 1_000_000_000])] * 2,
    *[st.sampled_from([0, 1, 32_000, 159_999, 1_000_000, m.INVALID])] * 2,
    *[st.sampled_from([0, 230_000, 600_000, m.INVALID])] * 2,
    *[st.sampled_from([-40_000, 24_000, 125_000, m.INVALID])] * 2,
    st.just(60_000),
    st.just(0),
    st.lists(extreme, min_size=8, max_size=8),
)
EXTREME = {
    "air": {"design_w": 100, "design_rise_mc": 60_000},
    "zones": [
        {
            "kp_permille_k": 1000,
            "ki_ppm_k": 5000,
            "setpoint_mc": 10_000,
            "deadband_mc": 0,
        }
    ],
}


def small(part):
    for name, value in vars(part).items():
        if isinstance(value, int):
            setattr(part, name, Small(value))


def test_every_tick_stays_in_small_ints(monkeypatch):
    for module in (inputs, trust, shed, groups, currents):
        monkeypatch.setattr(module, "array", SmallArray)

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(st.tuples(readings, st.integers(1, 8)), min_size=1, max_size=6),
        st.sampled_from([{}, EXTREME]),
    )
    def ticks(profile, sections):
        rig = Rig(shed={"min_off_ms": 0, "stagger_ms": 100}, **sections)
        rig.hosted()
        for values, n in profile:
            rig.faults = dict(enumerate(values[:10]))
            rig.faults |= {ch.IN_LOAD0_MW + i: mw for i, mw in enumerate(values[10])}
            rig.app.lease.shed_off = 0b1000 * (n & 1)
            rig.app.events.waiting = 0
            rig.run(n)

    ticks()


def test_the_check_itself_notices():
    try:
        Small(1 << 20) * 1024
    except AssertionError:
        return
    raise RuntimeError("Small let 2**30 pass")
