# SPDX-License-Identifier: Apache-2.0
"""The wires between the rack and its board: meters and sensors in, relays, fans and pump out.

What a rack does not have reads INVALID, as on a board that has nothing wired there.
"""

from array import array
from collections.abc import Callable, Sequence

from firmware_py import channels as ch
from firmware_py.link.messages import INVALID
from hil.plant.liquid import Liquid
from hil.plant.rack import Rack

METER_MAX = -INVALID - 1
"""A meter saturates here, the largest small int of the board."""

Fault = Callable[[int, "array[int]"], None]
"""`fault(now_ms, inputs)` changes readings in place after they were filled."""

_NOTHING = array("i", [INVALID] * ch.N_IN)
_SPARE = _NOTHING[ch.IN_PUMP_RPM : ch.IN_FAN0_RPM + ch.MAX_FANS]


def fill_inputs(rack: Rack, inputs: "array[int]", faults: Sequence[Fault] = ()) -> None:
    """Write the rack's readings as the board's inputs, int32[N_IN], integer milli-units."""
    feed_w, feed_a, feed_v = rack.feed_w, rack.feed_a, rack.feed_v
    inputs[ch.IN_FEED_A_MW] = _meter(feed_w[0])
    inputs[ch.IN_FEED_B_MW] = _meter(feed_w[1])
    inputs[ch.IN_FEED_A_MA] = _meter(feed_a[0])
    inputs[ch.IN_FEED_B_MA] = _meter(feed_a[1])
    inputs[ch.IN_FEED_A_MV] = _meter(feed_v[0])
    inputs[ch.IN_FEED_B_MV] = _meter(feed_v[1])
    inputs[ch.IN_INLET_MC] = _meter(rack.inlet_c)
    inputs[ch.IN_OUTLET_MC] = _meter(rack.outlet_c)
    inputs[ch.IN_PUMP_RPM : ch.IN_PUMP_RPM + len(_SPARE)] = _SPARE
    inputs[ch.IN_LEAK] = 0
    if rack.spec.fans.count == 1:
        inputs[ch.IN_FAN0_RPM] = int(rack.fan_rpm)
    else:
        for fan, rpm in enumerate(rack.fan_rpms):
            inputs[ch.IN_FAN0_RPM + fan] = int(rpm)
    if rack.spec.air.zones > 1:
        for zone, celsius in enumerate(rack.zone_c[1:]):
            inputs[ch.IN_ZONE1_MC + zone] = _meter(celsius)
    if rack.extras:
        _fill_extras(rack, inputs)
    first = ch.IN_LOAD0_MW
    loads_mw = [int(watts * 1000.0) for watts in rack.load_w]
    end = first + len(loads_mw)
    inputs[first:end] = array("i", loads_mw)
    inputs[end:] = _NOTHING[end:]
    if rack.meters is not None:
        rack.meters.read(inputs, INVALID)
    for fault in faults:
        fault(rack.now_ms, inputs)


def apply_outputs(rack: Rack, outputs: "array[int]") -> None:
    """Carry out the board's outputs: fan duty, relays, pump and valve."""
    if rack.spec.fans.count == 1:
        rack.set_fan(outputs[ch.OUT_FAN_PERMILLE])
    else:
        first = ch.OUT_FAN0_PERMILLE
        rack.set_fans(outputs[first : first + rack.spec.fans.count])
    rack.set_relays(outputs[ch.OUT_RELAYS])
    if rack.liquid is not None:
        rack.liquid.set_pump(outputs[ch.OUT_PUMP_PERMILLE])
        rack.liquid.set_valve(outputs[ch.OUT_VALVE_PERMILLE])


def _fill_extras(rack: Rack, inputs: "array[int]") -> None:
    if rack.liquid is not None:
        _fill_liquid(rack.liquid, inputs)
    if rack.freq_hz is not None:
        inputs[ch.IN_FREQ_MHZ] = _meter(rack.freq_hz)
    if rack.bbu is not None:
        inputs[ch.IN_BBU_PERMILLE] = round(rack.bbu.charge * 1000)
    if rack.spec.relays.feedback:
        inputs[ch.IN_RELAYS] = rack.relays.closed


def _fill_liquid(loop: Liquid, inputs: "array[int]") -> None:
    inputs[ch.IN_PUMP_RPM] = round(loop.pump_rpm)
    inputs[ch.IN_LEAK] = int(loop.wet)
    inputs[ch.IN_SUPPLY_MC] = _meter(loop.supply_c)
    inputs[ch.IN_RETURN_MC] = _meter(loop.return_c)
    inputs[ch.IN_FLOW_MLM] = _meter(loop.flow_lpm)
    inputs[ch.IN_DP_PA] = round(loop.dp_pa)
    inputs[ch.IN_RH_PERMILLE] = _meter(loop.rh)
    inputs[ch.IN_DEW_AIR_MC] = _meter(loop.room_c)
    inputs[ch.IN_RESERVOIR_PERMILLE] = round(loop.reservoir_permille)


def _meter(value: float) -> int:
    return min(round(value * 1000.0), METER_MAX)
