# SPDX-License-Identifier: Apache-2.0
"""Rows of the fault table: readings, wrong or false."""

from statistics import pstdev

from firmware_py import channels as ch
from firmware_py.link.messages import INVALID
from tests.hil.faults_look import Row, later, now
from tests.hil.faults_rig import Options

INLET, OUTLET = ch.IN_INLET_MC, ch.IN_OUTLET_MC


FEED_A, FEED_B, AMPS_A = ch.IN_FEED_A_MW, ch.IN_FEED_B_MW, ch.IN_FEED_A_MA


LOAD0, LOAD1 = ch.IN_LOAD0_MW, ch.IN_LOAD0_MW + 1


def same_after(channel):
    """Readings follow the plant again."""
    return lambda hit: abs(later(hit, channel)[-1] - hit.series(channel, 2.9, 3)[0]) < 1500


def shifted(channel, change):
    """Each reading is that of the undisturbed run, changed."""
    return lambda hit, base: now(hit, channel) == [change(v) for v in now(base, channel)]


def step_demand(to, at_s=2.0):
    return {round(at_s * 10): lambda rig: rig.rack.set("demand_ratio", to)}


SENSOR = {
    "sensor.open": Row(
        {"target": "inlet_mc"},
        lambda hit, _: set(now(hit, INLET)) == {INVALID},
        back=same_after(INLET),
    ),
    "sensor.short_high": Row(
        {"target": "outlet_mc"},
        lambda hit, _: set(now(hit, OUTLET)) == {150_000},
        back=same_after(OUTLET),
    ),
    "sensor.short_low": Row(
        {"target": ["inlet_mc", "feed_a_mw"]},
        lambda hit, _: set(now(hit, INLET)) == {-55_000} and set(now(hit, FEED_A)) == {0},
        back=same_after(INLET),
    ),
    "sensor.stuck": Row(
        {"target": "feed_a_mw"},
        lambda hit, base: len(set(now(hit, FEED_A))) == 1 and len(set(now(base, FEED_A))) > 20,
        Options(noise=0.01),
        lambda hit: len(set(later(hit, FEED_A))) > 20,
    ),
    "sensor.bias": Row(
        {"target": "inlet_mc", "by": -4000}, shifted(INLET, lambda v: v - 4000),
        back=same_after(INLET),
    ),
    "sensor.gain": Row(
        {"target": "feed_?_mw", "factor": 1.5},
        lambda hit, base: (
            now(hit, FEED_B)[0] == round(1.5 * now(base, FEED_B)[0])
            and now(hit, AMPS_A)[0] == now(base, AMPS_A)[0]
        ),
    ),
    "sensor.drift": Row(
        {"target": "inlet_mc", "per_s": 1000.0},
        lambda hit, base: (
            now(hit, INLET)[0] == now(base, INLET)[0]
            and abs(now(hit, INLET)[-1] - now(base, INLET)[-1] - 2900) <= 1
        ),
        back=same_after(INLET),
    ),
    "sensor.noise": Row(
        {"target": "inlet_mc", "sigma": 200.0},
        lambda hit, base: 100 < pstdev(now(hit, INLET)) < 400 and pstdev(now(base, INLET)) < 60,
        back=same_after(INLET),
    ),
    "sensor.spike": Row(
        {"target": "inlet_mc", "probability": 0.2, "height": 9000},
        lambda hit, base: (
            {a - b for a, b in zip(now(hit, INLET), now(base, INLET), strict=True)}
            == {0, 9000, -9000}
        ),
    ),
    "sensor.quantise": Row(
        {"target": "inlet_mc", "step": 5000}, shifted(INLET, lambda v: v // 5000 * 5000)
    ),
    "sensor.late": Row(
        {"target": "feed_a_mw", "delay_ms": 1000},
        lambda hit, _: now(hit, FEED_A)[:10] == hit.series(FEED_A, 2, 3),
        Options(noise=0.01),
    ),
    "sensor.dropout": Row(
        {"target": "inlet_mc", "period_ms": 1000, "length_ms": 300},
        lambda hit, _: [i for i, v in enumerate(now(hit, INLET)) if v == INVALID]
        == [0, 1, 2, 10, 11, 12, 20, 21, 22],
    ),
    "sensor.absurd": Row({"target": "inlet_mc"}, shifted(INLET, lambda v: 1000 * v)),
    "sensor.swap": Row(
        {"a": "inlet_mc", "b": "outlet_mc"},
        lambda hit, base: (
            now(hit, INLET)[0] == now(base, OUTLET)[0] != now(base, INLET)[0] == now(hit, OUTLET)[0]
        ),
    ),
    "sensor.wrap": Row(
        {"target": "feed_a_mw"},
        lambda hit, base: (
            all((a - b) % 65536 == 0 for a, b in zip(now(hit, FEED_A), now(base, FEED_A),
                                                     strict=True))
            and max(now(hit, FEED_A)) < 32768 < min(now(base, FEED_A))
        ),
    ),
}  # fmt: skip


DATA = {
    "data.feed_power_low": Row(
        {"feed": "a"},
        lambda hit, base: (
            now(hit, FEED_A)[0] == round(0.7 * now(base, FEED_A)[0])
            and now(hit, AMPS_A)[0] == round(0.7 * now(base, AMPS_A)[0])
            and now(hit, FEED_B)[0] == now(base, FEED_B)[0]
        ),
    ),
    "data.load_power_swapped": Row(
        {},
        lambda hit, base: (
            now(hit, LOAD0)[0] == now(base, LOAD1)[0] != now(base, LOAD0)[0]
            and now(hit, LOAD0)[0] + now(hit, LOAD1)[0]
            == now(base, LOAD0)[0] + now(base, LOAD1)[0]
        ),
    ),
    "data.frozen_but_noisy": Row(
        {"target": "feed_a_mw"},
        lambda hit, base: (
            len(set(now(hit, FEED_A))) > 20
            and max(now(hit, FEED_A)) < 1.05 * base.series(FEED_A, 2.9, 3)[0]
            < 0.9 * now(base, FEED_A)[-1]
        ),
        Options(prepare=step_demand(0.9, 3.2)),
    ),
    "data.replayed_day": Row(
        {"ago_s": 2},
        lambda hit, _: now(hit, FEED_A)[:20] == hit.series(FEED_A, 1, 3)
        and now(hit, LOAD0)[:20] == hit.series(LOAD0, 1, 3),
        Options(noise=0.01),
    ),
    "data.time_shifted": Row(
        {"behind_s": 1},
        lambda hit, base: now(hit, LOAD0)[:10] == hit.series(LOAD0, 2, 3)
        and now(hit, FEED_A)[:10] == now(base, FEED_A)[:10],
        Options(noise=0.01),
    ),
    "data.lying_cap": Row(
        {"load": 0},
        lambda hit, base: (
            hit.plant("asked_w", 5.9, 6)[0][0] == base.plant("asked_w", 5.9, 6)[0][0] == 1000.0
            and hit.plant("load_w", 5.9, 6)[0][0] > 1500
            and base.plant("load_w", 5.9, 6)[0][0] < 1100
        ),
        Options(prepare={20: lambda rig: rig.rack.set_cap(0, 1000.0)}),
        lambda hit: hit.plant("load_w", 8.9, 9)[0][0] < 1100,
    ),
}  # fmt: skip
