# SPDX-License-Identifier: Apache-2.0
from array import array

import pytest

from firmware_py import channels as ch
from firmware_py.link.messages import INVALID
from hil.plant import Rack, RackSpec
from hil.plant.io import METER_MAX, apply_outputs, fill_inputs
from hil.trace import Trace


class Steady:
    def at(self, _t_ms):
        return (4000.0, 6000.0)


@pytest.fixture
def rack():
    rows = ((2000.0, 2000.0), (8000.0, 8000.0))
    rack = Rack(RackSpec.for_trace(Trace("t", ("a", "b"), (0.0, 1.0), rows), 1.0), Steady())
    rack.step(100)
    return rack


def filled(rack, *faults):
    inputs = array("i", [7] * ch.N_IN)
    fill_inputs(rack, inputs, faults)
    return inputs


def test_readings_arrive_as_integer_milli_units_in_their_channels(rack):
    inputs = filled(rack)
    assert inputs[ch.IN_FEED_A_MW] == round(rack.feed_w[0] * 1000)
    assert inputs[ch.IN_FEED_B_MW] == round(rack.feed_w[1] * 1000)
    assert inputs[ch.IN_FEED_A_MA] == round(rack.feed_a[0] * 1000)
    assert inputs[ch.IN_FEED_B_MA] == round(rack.feed_a[1] * 1000)
    assert inputs[ch.IN_FEED_A_MV] == inputs[ch.IN_FEED_B_MV] == 230_000
    assert inputs[ch.IN_INLET_MC] == round(rack.inlet_c * 1000)
    assert inputs[ch.IN_OUTLET_MC] == round(rack.outlet_c * 1000)
    assert inputs[ch.IN_FAN0_RPM] == 6000
    assert inputs[ch.IN_LEAK] == 0
    assert inputs[ch.IN_LOAD0_MW] == int(rack.load_w[0] * 1000)
    assert inputs[ch.IN_LOAD0_MW + 1] == int(rack.load_w[1] * 1000)
    assert set(inputs[ch.IN_LOAD0_MW + 2 :]) == {INVALID}


def test_a_lost_feed_reads_no_voltage(rack):
    rack.fail_feed("B")
    rack.step(100)
    inputs = filled(rack)
    assert inputs[ch.IN_FEED_B_MV] == inputs[ch.IN_FEED_B_MA] == inputs[ch.IN_FEED_B_MW] == 0


def test_a_meter_saturates_at_the_boards_largest_small_int(rack):
    rack.feed_w[0] = 5e9
    assert filled(rack)[ch.IN_FEED_A_MW] == METER_MAX == 2**30 - 1


def test_faults_change_readings_after_they_were_filled(rack):
    def open_inlet(now_ms, inputs):
        inputs[ch.IN_INLET_MC] = INVALID if now_ms == 100 else 0

    assert filled(rack, open_inlet)[ch.IN_INLET_MC] == INVALID


def test_outputs_drive_fans_and_relays(rack):
    outputs = array("i", [0] * ch.N_OUT)
    outputs[ch.OUT_FAN_PERMILLE] = 250
    outputs[ch.OUT_RELAYS] = 0b01
    apply_outputs(rack, outputs)
    for _ in range(300):
        rack.step(100)
    assert rack.fan_rpm == pytest.approx(1500.0)
    assert rack.load_w[1] == 0.0
    assert rack.load_w[0] > 0.0


@pytest.mark.parametrize(("duty", "rpm"), [(-5, 0.0), (4000, 6000.0)])
def test_a_duty_out_of_range_is_clamped(rack, duty, rpm):
    apply_outputs(rack, array("i", [duty, 3, 0]))
    for _ in range(300):
        rack.step(100)
    assert rack.fan_rpm == pytest.approx(rpm, abs=1e-3)
