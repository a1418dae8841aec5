# SPDX-License-Identifier: Apache-2.0
# The frame COOLING, for boards with liquid cooling or more than one fan (imported only there):
# after LOADS, each EVERY ticks. Preallocated; allocates nothing.
#
# Bytes a tick at most: TELEMETRY 69, LOADS 141, BOARD_EVENT 25, COOLING 79, a longest answer 243:
# 557 of the 1152 that 115200 baud carries in 100 ms (48 %).

from struct import pack_into

from ..channels import OUT_PUMP_PERMILLE, OUT_VALVE_PERMILLE
from . import wire as m
from .codec import Frame

EVERY = 5  # ticks: coolant takes seconds, and what latches comes as an event at once


def _u16(value):
    return min(value, m.NO_U16 - 1) if value >= 0 else m.NO_U16


class Cooling:
    def __init__(self):
        self.frame = Frame(m.COOLING, 66)
        self.dew_mc = m.INVALID  # dew point at the humidity sensor; the app sets these four
        self.latched = 0  # bit n: interlock n
        self.welded = 0  # bit g: the contact of group g does not open
        self.stuck_open = 0  # bit g: it does not close
        self._ticks = 0

    # Fill the frame from the app's stages; True if it is to be sent in this tick.
    def fill(self, app):
        sense = app.sense
        outputs = app.act.outputs
        zone_mc = sense.zone_mc
        rpm = sense.fan_rpm
        pack_into(
            "<HHiiiiHiHHHHHiiiHHHHHHHHH",
            self.frame.body,
            m.HEADER_BYTES,
            outputs[OUT_PUMP_PERMILLE],
            outputs[OUT_VALVE_PERMILLE],
            sense.supply_mc,
            sense.return_mc,
            sense.flow_mlm,
            sense.dp_pa,
            _u16(sense.rh_permille),
            self.dew_mc,
            _u16(sense.pump_rpm),
            self.latched,
            app.cooler.failed,
            self.welded,
            self.stuck_open,
            zone_mc[1],
            zone_mc[2],
            zone_mc[3],
            _u16(sense.reservoir_permille),
            _u16(rpm[0]),
            _u16(rpm[1]),
            _u16(rpm[2]),
            _u16(rpm[3]),
            _u16(rpm[4]),
            _u16(rpm[5]),
            _u16(rpm[6]),
            _u16(rpm[7]),
        )
        self._ticks = (self._ticks + 1) % EVERY
        return self._ticks == 0
