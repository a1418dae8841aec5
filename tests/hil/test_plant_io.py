# SPDX-License-Identifier: Apache-2.0
from array import array

import pytest

from firmware_py import channels as ch
from firmware_py.link.messages import INVALID
from hil.drivers.inprocess import CpythonBoard
from hil.plant import Rack, RackSpec
from hil.plant.io import METER_MAX, apply_outputs, fill_inputs
from hil.rackfile import board_json
from hil.trace import Trace
from tests.hil.plant_rig import rack_of


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


def test_fans_pump_and_valve_get_their_own_outputs():
    rack = rack_of(liquid={}, fans={"count": 3})
    outputs = array("i", [0] * ch.N_OUT)
    outputs[ch.OUT_RELAYS] = 0b1111
    outputs[ch.OUT_FAN_PERMILLE] = 1000
    outputs[ch.OUT_FAN0_PERMILLE : ch.OUT_FAN0_PERMILLE + 3] = array("i", [200, 400, 600])
    outputs[ch.OUT_PUMP_PERMILLE] = 500
    outputs[ch.OUT_VALVE_PERMILLE] = 300
    apply_outputs(rack, outputs)
    for _ in range(300):
        rack.step(100)
    assert rack.fan_rpms == pytest.approx([1200.0, 2400.0, 3600.0])
    assert rack.liquid.speed == pytest.approx(0.5)
    assert rack.liquid.valve == pytest.approx(0.3)
    inputs = filled(rack)
    assert list(inputs[ch.IN_FAN0_RPM : ch.IN_FAN0_RPM + 3]) == [1200, 2400, 3600]


def test_every_input_of_the_board_is_written_and_a_plain_rack_has_few(rack):
    whole = rack_of(
        loads=32, liquid={}, bbu={}, zones=4, fans={"count": 8}, relays={"feedback": True}
    )
    whole.step(100)
    assert INVALID not in filled(whole)
    valid = {i for i, value in enumerate(filled(rack)) if value != INVALID}
    power_and_air = set(range(ch.IN_FEED_A_MW, ch.IN_OUTLET_MC + 1))
    loads = {ch.IN_LOAD0_MW, ch.IN_LOAD0_MW + 1}
    assert valid == power_and_air | {ch.IN_LEAK, ch.IN_FAN0_RPM} | loads


@pytest.mark.parametrize("part", [{}, {"liquid": {}}, {"zones": 4}, {"bbu": {}}])
def test_the_real_firmware_keeps_a_whole_rack_running(tmp_path, part):
    rack = rack_of(0.5, fans={"count": 4}, **part)
    config = tmp_path / "board.json"
    config.write_text(board_json(rack.spec), encoding="utf-8")
    board = CpythonBoard(config)
    inputs = array("i", [INVALID] * ch.N_IN)
    for tick in range(1, 3001):
        rack.step(100)
        fill_inputs(rack, inputs)
        board.exchange(tick * 100, inputs, b"")
        apply_outputs(rack, board.outputs)
    assert rack.on == [True] * 8
    assert rack.trips == 0
    assert 0 < max(rack.fan_rpms) < 6000.0  # it controls, rather than blowing full
    if rack.liquid is not None:
        assert 5.0 < rack.liquid.flow_lpm < 150.0
        assert rack.liquid.supply_c == pytest.approx(30.0, abs=3.0)
        assert not rack.liquid.condensing


@pytest.mark.parametrize("letter", ["B", "D", "UL489_C", "MCCB", "GG"])
@pytest.mark.parametrize("ambient_c", [None, 55.0])
def test_the_real_firmware_sheds_before_a_breaker_of_any_family_trips(tmp_path, letter, ambient_c):
    rack = rack_of(0.3, breaker={"curve": letter, "ambient_c": ambient_c}, phase=[1, 2, 3])
    config = tmp_path / "board.json"
    config.write_text(board_json(rack.spec), encoding="utf-8")
    board = CpythonBoard(config)
    inputs = array("i", [INVALID] * ch.N_IN)
    for tick in range(1, 401):
        if tick == 100:
            rack.set("demand_ratio", 1.0)
        rack.step(100)
        fill_inputs(rack, inputs)
        board.exchange(tick * 100, inputs, b"")
        apply_outputs(rack, board.outputs)
    assert rack.trips == 0
    assert 0 < sum(rack.on) < 8
