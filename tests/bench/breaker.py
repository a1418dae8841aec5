# SPDX-License-Identifier: Apache-2.0
"""The breaker model: ours against plain Python, NumPy, SciPy and pandapower.

Every side answers the same question, checked before it is timed. NumPy and SciPy have the
exponentials of a constant step computed before; SciPy also needs the whole trace at once.
pandapower looks a cold trip time up on a fuse's spline: no heat, no band.
"""

import math
import random
from array import array
from collections.abc import Callable
from itertools import repeat

from edge.core import CURVES, Breaker, BreakerBank
from tests.bench._table import Report, Row, Target, interleave
from tests.reference import breaker as reference

RATING_MA, CURVE = 32_000, "iec60898_c"
TICK_MS = 100
OVERLOAD_MA = 60_000
SAMPLES = 10_000
BREAKERS = 1_000
STEP, TRIP = "step, both edges, one call", "time-to-trip, one call"
HOLD, SURVIVOR = "hold_ma, one call", "survivor_ma, one call"
TRACE = f"trace of {SAMPLES:,} samples until a trip, per sample"
SITE = f"step of {BREAKERS:,} breakers, both edges, per breaker"
SITE_TRIP = f"time-to-trip of {BREAKERS:,} breakers, per breaker"
CASES = (STEP, TRIP, HOLD, SURVIVOR, TRACE, SITE, SITE_TRIP)
Case = Callable[[int], object]


def trace_ma() -> array:
    """A load that swings up to what is carried for ever: it does not trip."""
    rng = random.Random(1)
    return array("i", [rng.randrange(RATING_MA * 113 // 100) for _ in range(SAMPLES)])


def site() -> tuple[list[int], array]:
    """Ratings and currents."""
    rng = random.Random(2)
    ratings_ma = [rng.choice([16_000, 32_000, 63_000]) for _ in range(BREAKERS)]
    return ratings_ma, array("i", [int(rating * rng.uniform(0.3, 4)) for rating in ratings_ma])


def timed(call: Callable[[], object]) -> Case:
    def case(loops: int) -> None:
        for _ in repeat(None, loops):
            call()

    return case


def timed_many(call: Callable[[], object], of: int) -> Case:
    return lambda loops: [call() for _ in repeat(None, loops // of)]


def ours() -> dict[str, Case]:
    stepped, breaker, carrying = (Breaker(RATING_MA, CURVES[CURVE]) for _ in range(3))
    swing_ma = trace_ma()
    assert Breaker(RATING_MA, CURVES[CURVE]).carry(swing_ma, TICK_MS) == SAMPLES
    ratings_ma, currents_ma = site()
    bank = BreakerBank([(rating, CURVES[CURVE]) for rating in ratings_ma])
    bank.current_ma[:] = currents_ma
    still = BreakerBank([(rating, CURVES[CURVE]) for rating in ratings_ma])
    still.current_ma[:] = currents_ma
    return {
        STEP: timed(lambda: stepped.step(OVERLOAD_MA, TICK_MS)),
        TRIP: timed(lambda: breaker.time_to_trip_ms(OVERLOAD_MA)),
        HOLD: timed(lambda: breaker.hold_ma(800, 900_000)),
        SURVIVOR: timed(lambda: breaker.survivor_ma(800, 900_000, 500_000)),
        TRACE: timed_many(lambda: carrying.carry(swing_ma, TICK_MS, "slow"), SAMPLES),
        SITE: timed_many(lambda: bank.step(TICK_MS), BREAKERS),
        SITE_TRIP: timed_many(still.time_to_trip_ms, BREAKERS),
    }


def plain_python() -> dict[str, Case]:
    fast, slow = reference.edges(RATING_MA, CURVE)
    swing_ma = trace_ma()

    def step() -> None:
        fast.step(OVERLOAD_MA, TICK_MS)
        slow.step(OVERLOAD_MA, TICK_MS)

    def carry() -> bool:
        cold_fast, cold_slow = reference.edges(RATING_MA, CURVE)
        for current_ma in swing_ma:
            cold_fast.step(current_ma, TICK_MS)
            cold_slow.step(current_ma, TICK_MS)
            if cold_fast.theta >= 1:
                return True
        return False

    ratings_ma, currents_ma = site()
    stepped = [reference.edges(rating_ma, CURVE) for rating_ma in ratings_ma]
    still = [reference.edges(rating_ma, CURVE)[0] for rating_ma in ratings_ma]

    def step_site() -> None:
        for edges, current_ma in zip(stepped, currents_ma, strict=True):
            for image in edges:
                image.step(current_ma, TICK_MS)

    def trip_site() -> list[int]:
        pairs = zip(still, currents_ma, strict=True)
        return [image.time_to_trip_ms(current_ma) for image, current_ma in pairs]

    cold = reference.edges(RATING_MA, CURVE)[0]
    assert cold.time_to_trip_ms(OVERLOAD_MA) == Breaker(RATING_MA, CURVES[CURVE]).time_to_trip_ms(
        OVERLOAD_MA
    )
    assert not carry()
    return {
        STEP: timed(step),
        TRIP: timed(lambda: cold.time_to_trip_ms(OVERLOAD_MA)),
        HOLD: timed(lambda: cold.survivor_ma(800, 0.9)),
        SURVIVOR: timed(lambda: cold.survivor_ma(800, 0.9, 0.5)),
        TRACE: timed_many(carry, SAMPLES),
        SITE: timed_many(step_site, BREAKERS),
        SITE_TRIP: timed_many(trip_site, BREAKERS),
    }


def numpy_arrays() -> dict[str, Case]:
    import numpy as np

    ratings_ma, currents_ma = (np.array(values) for values in site())
    mnt, tau_fast_ms, tau_slow_ms, gate, _ = reference.FAMILIES[CURVE]
    parts = -np.expm1(-TICK_MS / np.array([[tau_fast_ms], [tau_slow_ms]]))
    theta, change = np.zeros((2, BREAKERS)), np.empty((2, BREAKERS))
    per_ma, gate_ma = 1 / (mnt * ratings_ma), gate * ratings_ma
    never_ms = float(reference.NEVER_MS)

    def step() -> None:
        target = currents_ma * per_ma
        np.multiply(target, target, out=target)
        np.subtract(target, theta, out=change)
        np.multiply(change, parts, out=change)
        np.add(theta, change, out=theta)

    def time_to_trip(heat: "np.ndarray") -> "np.ndarray":
        target = (currents_ma * per_ma) ** 2
        with np.errstate(invalid="ignore", divide="ignore"):
            left_ms = tau_fast_ms * np.log((target - heat) / (target - 1))
        left_ms = np.where(target <= 1, never_ms, np.minimum(left_ms, never_ms))
        return np.where((heat >= 1) | (currents_ma >= gate_ma), 0, left_ms).astype(np.int32)

    bank = BreakerBank([(int(rating), CURVES[CURVE]) for rating in ratings_ma])
    np.asarray(bank.current_ma)[:] = currents_ma
    cold = np.zeros(BREAKERS)
    assert np.abs(time_to_trip(cold) - np.asarray(bank.time_to_trip_ms())).max() <= 1
    bank.step(TICK_MS)
    step()
    assert bank.theta_ppm(7) == round(theta[0, 7] * 1e6)
    return {
        SITE: timed_many(step, BREAKERS),
        SITE_TRIP: timed_many(lambda: time_to_trip(cold), BREAKERS),
    }


def scipy_lfilter() -> dict[str, Case]:
    import numpy as np
    from scipy.signal import lfilter

    swing_ma = np.frombuffer(trace_ma(), np.int32)
    mnt, tau_fast_ms, tau_slow_ms, gate, _ = reference.FAMILIES[CURVE]

    def carry() -> tuple[bool, float, float]:
        m = swing_ma * (1 / (mnt * RATING_MA))
        target = m * m
        ends = []
        for tau_ms in (tau_fast_ms, tau_slow_ms):
            part = -math.expm1(-TICK_MS / tau_ms)
            ends.append(lfilter([part], [1.0, part - 1.0], target))
        tripped = ends[0].max() >= 1 or swing_ma.max() >= gate * RATING_MA
        return bool(tripped), ends[0][-1], ends[1][-1]

    tripped, fast, slow = carry()
    breaker = Breaker(RATING_MA, CURVES[CURVE])
    assert (breaker.carry(trace_ma(), TICK_MS) < SAMPLES) is tripped
    assert abs(breaker.theta_fast_ppm - fast * 1e6) <= 1
    assert abs(breaker.theta_slow_ppm - slow * 1e6) <= 1
    return {TRACE: timed_many(carry, SAMPLES)}


def pandapower_fuse() -> dict[str, Case]:
    import pandapower
    from pandapower.protection.protection_devices.fuse import Fuse

    net = pandapower.create_empty_network()
    buses = [pandapower.create_bus(net, 0.4) for _ in range(2)]
    switch = pandapower.create_switch(net, *buses, et="b")
    fuse = Fuse(net, switch, fuse_type="Siemens NH-1-100")
    spline = net.characteristic.at[fuse.characteristic_index, "object"]
    ours_100a = Breaker(100_000, CURVES["iec60269_gg"])
    assert ours_100a.time_to_trip_ms(430_000) <= spline(430.0) * 1000
    assert ours_100a.time_to_trip_ms(430_000, "slow") >= spline(430.0) * 1000
    return {TRIP: timed(lambda: spline(430.0))}


PEERS: dict[str, tuple[Callable[[], dict[str, Case]], tuple[str, ...]]] = {
    "plain Python": (plain_python, CASES),
    "NumPy": (numpy_arrays, (SITE, SITE_TRIP)),
    "SciPy lfilter": (scipy_lfilter, (TRACE,)),
    "pandapower fuse spline": (pandapower_fuse, (TRIP,)),
}


def peers() -> dict[str, dict[str, Case]]:
    """Name -> cases; none where the library is not installed."""
    found: dict[str, dict[str, Case]] = {}
    for name, (make, _) in PEERS.items():
        try:
            found[name] = make()
        except ImportError:
            found[name] = {}
    return found


def run(quick: bool) -> Report:
    """Medians over interleaved rounds, ns."""
    our_cases, their_cases = ours(), peers()
    loops, rounds = (SAMPLES, 5) if quick else (5 * SAMPLES, 15)
    rows: list[Row] = []
    for case in CASES:
        sides = {name: cases[case] for name, cases in their_cases.items() if case in cases}
        taken_us = interleave({"ours": our_cases[case], **sides}, loops, rounds)
        taken_ns = {name: us * 1e3 for name, us in taken_us.items()}
        for name, (_, cases) in PEERS.items():
            if case in cases:
                label = name if name in taken_ns else f"{name} (absent)"
                rows.append(Row(case, "ns", taken_ns["ours"], label, taken_ns.get(name)))
    targets = [
        Target(f"{row.case}: {row.peer} ÷ ours", row.ratio, 1.0, at_least=True)
        for row in rows
        if row.ratio is not None
    ]
    return Report("breaker", rows, targets, ["peers: pip install numpy scipy pandapower"])
