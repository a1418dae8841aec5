# SPDX-License-Identifier: Apache-2.0
"""The wires between the rack and its board: meters and sensors in, relays and fans out."""

from array import array
from collections.abc import Callable, Sequence

from firmware_py import channels
from firmware_py.link.messages import INVALID
from hil.plant.rack import Rack

METER_MAX = -INVALID - 1
"""A meter saturates here, the largest small int of the board."""

Fault = Callable[[int, "array[int]"], None]
"""`fault(now_ms, inputs)` changes readings in place after they were filled."""


def fill_inputs(rack: Rack, inputs: "array[int]", faults: Sequence[Fault] = ()) -> None:
    """Write the rack's readings as the board's inputs, int32[N_IN], integer milli-units."""
    inputs[channels.IN_FEED_A_MW] = _meter(rack.feed_w[0])
    inputs[channels.IN_FEED_B_MW] = _meter(rack.feed_w[1])
    inputs[channels.IN_FEED_A_MA] = _meter(rack.feed_a[0])
    inputs[channels.IN_FEED_B_MA] = _meter(rack.feed_a[1])
    inputs[channels.IN_FEED_A_MV] = _meter(rack.feed_v[0])
    inputs[channels.IN_FEED_B_MV] = _meter(rack.feed_v[1])
    inputs[channels.IN_INLET_MC] = _meter(rack.inlet_c)
    inputs[channels.IN_OUTLET_MC] = _meter(rack.outlet_c)
    inputs[channels.IN_LEAK] = 0
    first = channels.IN_LOAD0_MW
    for absent in (channels.IN_PUMP_RPM, *range(channels.IN_LEAK + 1, first)):
        inputs[absent] = INVALID
    inputs[channels.IN_FAN0_RPM] = int(rack.fan_rpm)
    loads_mw = [int(watts * 1000.0) for watts in rack.load_w]
    without = channels.MAX_LOADS - len(loads_mw)
    inputs[first : channels.N_IN] = array(inputs.typecode, loads_mw + [INVALID] * without)
    for fault in faults:
        fault(rack.now_ms, inputs)


def apply_outputs(rack: Rack, outputs: "array[int]") -> None:
    """Carry out the board's outputs: fan duty and relays."""
    rack.set_fan(outputs[channels.OUT_FAN_PERMILLE])
    rack.set_relays(outputs[channels.OUT_RELAYS])


def _meter(value: float) -> int:
    return min(round(value * 1000.0), METER_MAX)
