# SPDX-License-Identifier: Apache-2.0
"""When faults begin and end, what is refused, and that they stack."""

import math
from array import array
from itertools import permutations
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ConfigError
from firmware_py.channels import IN_INLET_MC, N_IN
from hil.faults import CATALOGUE
from hil.faults.schedule import Injector, make, needs_of
from hil.plant.demand import SettableDemand
from hil.plant.rack import Rack
from hil.ports import LINE, MCU, STIMULUS, Ports, Unsupported
from hil.scenario.model import FaultSpec
from tests.hil.faults_rig import NOWHERE, rack_spec, spec_of


class When:
    """True in the tick in which the first signal passes a limit; unknown before it is there."""

    def __init__(self, limit):
        self.limit = limit

    def evaluate(self, row, _t_ms):
        return float(row[0] > self.limit) if not math.isnan(row[0]) else math.nan


def ports_of():
    spec = rack_spec()
    lines = [SimpleNamespace(filters=[], baud=115_200) for _ in range(2)]
    rack = Rack(spec, SettableDemand(spec.loads))
    calls = []
    board = SimpleNamespace(drift=calls.append, hang=calls.append, calls=calls)
    return Ports(rack, board, SimpleNamespace(), *lines, SimpleNamespace())


def readings(ports, now_ms=0):
    words = array("i", [1000] * N_IN)
    for transform in ports.sensors:
        transform(now_ms, words)
    return words[IN_INLET_MC]


def bias(by, **times):
    return spec_of("sensor.bias", target="inlet_mc", by=by, **times)


def test_a_fault_lasts_from_its_time_for_its_length():
    ports = ports_of()
    injector = Injector([bias(7, at_s=1, for_s=0.3)], 1, ports)
    seen = []
    for now_ms in range(800, 1700, 100):
        injector.step(now_ms, ())
        seen.append(readings(ports) - 1000)
    assert seen == [0, 0, 7, 7, 7, 0, 0, 0, 0]
    (span,) = injector.spans
    assert (span.start_ms, span.end_ms, span.text) == (
        1000,
        1300,
        "sensor.bias target=inlet_mc by=7",
    )


def test_without_a_length_it_lasts_to_the_end_and_the_bench_is_given_back():
    ports = ports_of()
    injector = Injector([bias(7, at_s=0, for_s=None)], 1, ports)
    injector.step(100, ())
    assert injector.active == ("sensor.bias",)
    injector.stop(200)
    assert readings(ports) == 1000
    assert injector.spans[0].end_ms is None
    assert injector.active == ()


def test_a_condition_starts_it_in_the_first_tick_in_which_it_certainly_holds():
    ports = ports_of()
    spec = FaultSpec("sensor.bias", {"target": "inlet_mc", "by": 7}, NOWHERE, when="x > 5")
    injector = Injector([spec], 1, ports, {0: When(5)})
    for now_ms, x in enumerate((math.nan, 4.0, 6.0, 4.0), start=1):
        injector.step(now_ms * 100, (x,))
    assert injector.spans[0].start_ms == 300
    assert readings(ports) == 1007  # it goes on though the condition is over


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_faults_on_one_channel_add_up_and_end_in_any_order(order):
    ports = ports_of()
    by = (1, 20, 300)
    faults = [make(bias(each), 1, i) for i, each in enumerate(by)]
    for fault in faults:
        fault.start(ports, 0)
    left = sum(by)
    assert readings(ports) == 1000 + left
    for i in order:
        faults[i].stop(ports, 0)
        left -= by[i]
        assert readings(ports) == 1000 + left


@pytest.mark.parametrize("order", list(permutations(range(2))))
@pytest.mark.parametrize(
    ("kind", "values", "knob"),
    [
        ("power.feed_loss", ({"feed": "a"}, {"feed": "a"}), lambda p: p.plant.feed_v[0] == 0),
        ("power.phase_loss", ({"phase": 1}, {"phase": 1}), lambda p: p.plant.feed_v[0] < 200),
        ("power.feed_sag", ({"to": 0.9}, {"to": 0.8}), lambda p: p.plant.feed_v[0] < 230),
        ("thermal.inlet_rise", ({"by_k": 3.0}, {"by_k": 4.0}), lambda p: p.plant.air.room_c > 24),
        ("actuator.relay_welded", ({}, {}), lambda p: p.plant.relays._welded),
        ("actuator.fan_slow", ({}, {"ratio": 0.3}), lambda p: p.plant.air.health[0] < 1),
        ("actuator.pump_fail", ({}, {}), lambda p: p.plant.liquid.pump_failed),
        ("power.bbu_fail", ({}, {}), lambda p: p.plant.bbu.failed),
        ("mcu.clock_drift", ({"ppm": 5}, {"ppm": 6}), lambda p: p.board.calls[-1:] != [0]),
    ],
)
def test_a_knob_that_two_hold_is_free_only_when_both_have_let_go(order, kind, values, knob):
    ports = ports_of()
    faults = [make(spec_of(kind, **each), 1, i) for i, each in enumerate(values)]
    for fault in faults:
        fault.start(ports, 0)
    assert knob(ports)
    faults[order[0]].stop(ports, 100)
    assert knob(ports)
    faults[order[1]].stop(ports, 200)
    assert not knob(ports)


def test_two_clock_drifts_add_up():
    ports = ports_of()
    for i, ppm in enumerate((5, 6)):
        make(spec_of("mcu.clock_drift", ppm=ppm), 1, i).start(ports, 0)
    assert ports.board.calls == [5, 11]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["start", "stop", "base"]), st.integers(0, 3)), max_size=25)
)
def test_what_faults_lay_over_a_quantity_follows_its_stimulus_and_leaves_no_rest(steps):
    ports = ports_of()
    rises = [1.0, 2.5, -3.0, 4.0]
    faults = [make(spec_of("thermal.inlet_rise", by_k=k), 1, i) for i, k in enumerate(rises)]
    state, base = ["new"] * 4, 24.0
    for now_ms, (step, i) in enumerate(steps):
        if step == "base":
            base = 20.0 + i
            ports.plant.set("room_c", base)
        elif step == "start" and state[i] == "new":
            faults[i].start(ports, now_ms)
            state[i] = "on"
        elif step == "stop" and state[i] == "on":
            faults[i].stop(ports, now_ms)
            state[i] = "off"
        for fault, its in zip(faults, state, strict=True):
            if its == "on":
                fault.tick(ports, now_ms)
        over = sum(k for k, its in zip(rises, state, strict=True) if its == "on")
        assert ports.plant.air.room_c == pytest.approx(base + over)


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        ("sensor.bais", {}, "no fault 'sensor.bais': did you mean sensor.bias"),
        ("sensor.bias", {"target": "inlet_mc"}, "sensor.bias: by: Field required"),
        ("sensor.bias", {"target": "inlet", "by": 1}, "no channel 'inlet'"),
        ("sensor.bias", {"target": "inlet_mc", "by": "1"}, "by: Input should be a valid integer"),
        ("link.drop", {"only": ["TELEMTRY"]}, "no message 'TELEMTRY': known are HELLO"),
        ("link.drop", {"probability": 1.5}, "probability: Input should be less than or equal to 1"),
        ("link.drop", {"chance": 1.0}, "chance: Extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_told_with_its_place(kind, values, told):
    with pytest.raises(ConfigError, match=r"^faults\.yaml:1: ") as caught:
        needs_of([spec_of(kind, **values)])
    assert told in str(caught.value)


def test_a_condition_that_was_not_compiled_is_refused():
    spec = FaultSpec("mcu.hang", {}, NOWHERE, when="x > 5")
    with pytest.raises(ConfigError, match=r"mcu\.hang: `when` has not been compiled"):
        Injector([spec], 1, ports_of())


def test_needs_are_those_of_all_faults():
    specs = [spec_of("mcu.clock_wrap"), spec_of("sensor.open", target="inlet_mc")]
    assert needs_of(specs) == {MCU, LINE, STIMULUS}


@pytest.mark.parametrize(
    ("kind", "values", "told"),
    [
        ("actuator.fan_stall", {"fan": 7}, "no fan 7: this rack has 2"),
        ("power.psu_fail", {"load": 9}, "no load 9: 4 here"),
        ("data.lying_cap", {"load": 9}, "no load 9: 4 here"),
    ],
)
def test_what_the_rack_does_not_have_is_told(kind, values, told):
    with pytest.raises(Unsupported, match=told):
        make(spec_of(kind, **values), 1, 0).start(ports_of(), 0)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("actuator.pump_fail", "liquid"),
        ("actuator.pump_slow", "liquid"),
        ("actuator.valve_stuck", "liquid"),
        ("thermal.leak", "liquid"),
        ("thermal.pump_air", "liquid"),
        ("power.bbu_fail", "bbu"),
        ("power.frequency", "frequency"),
    ],
)
def test_a_rack_without_the_part_says_what_to_add(kind, part):
    from dataclasses import replace

    spec = replace(rack_spec(), liquid=None, bbu=None, frequency_hz=None)
    ports = ports_of()
    ports.plant = Rack(spec, SettableDemand(spec.loads))
    fault = make(spec_of(kind), 1, 0)
    with pytest.raises(Unsupported, match=f"(?=.*{part}).*add"):
        fault.start(ports, 0)


def test_what_cannot_be_done_in_the_run_is_told_with_its_place():
    injector = Injector([spec_of("actuator.fan_stall", at_s=0, fan=7)], 1, ports_of())
    with pytest.raises(Unsupported, match=r"^faults\.yaml:1: actuator\.fan_stall: no fan 7"):
        injector.step(100, ())
    assert injector.spans == ()


def test_chance_depends_on_seed_place_and_kind():
    def spikes(seed, index):
        ports = ports_of()
        spec = spec_of("sensor.noise", target="inlet_mc", sigma=50.0)
        make(spec, seed, index).start(ports, 0)
        return [readings(ports) for _ in range(8)]

    assert spikes(1, 0) == spikes(1, 0)
    assert len({tuple(spikes(seed, index)) for seed in (1, 2) for index in (0, 1)}) == 4


def test_only_strangers_forge():
    forging = sorted(kind for kind, of in CATALOGUE.items() if of.forges)
    assert forging == ["link.forge", "link.stranger"]
