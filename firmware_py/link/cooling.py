# SPDX-License-Identifier: Apache-2.0
# The frame COOLING, for boards with liquid cooling or more than one fan (imported only there):
# after LOADS, each EVERY ticks. Preallocated; allocates nothing.
#
# Bytes a tick at most: TELEMETRY 69, LOADS 141, BOARD_EVENT 25, COOLING 79, a longest answer 243:
# 557 of the 1152 that 115200 baud carries in 100 ms (48 %).

from struct import pack_into

from .. import channels as ch
from . import wire as m
from .codec import Frame

EVERY = 5  # ticks: coolant takes seconds, and what latches comes as an event at once


def _u16(value):
    return min(value, m.NO_U16 - 1) if value >= 0 else m.NO_U16


class Cooling:
    def __init__(self):
        self.frame = Frame(m.COOLING, 66)
        self._ticks = 0

    # Fill the frame from the app's stages; True if it is to be sent in this tick.
    def fill(self, app):
        value = app.sense.trust.value
        outputs = app.act.outputs
        liquid = app.liquid
        rpm = ch.IN_FAN0_RPM
        pack_into(
            "<HHiiiiHiHHHHHiiiHHHHHHHHH",
            self.frame.body,
            m.HEADER_BYTES,
            m.NO_U16 if liquid is None else outputs[ch.OUT_PUMP_PERMILLE],
            m.NO_U16 if liquid is None else outputs[ch.OUT_VALVE_PERMILLE],
            value[ch.IN_SUPPLY_MC],
            value[ch.IN_RETURN_MC],
            value[ch.IN_FLOW_MLM],
            value[ch.IN_DP_PA],
            _u16(value[ch.IN_RH_PERMILLE]),
            m.INVALID if liquid is None else liquid.dew_mc,
            _u16(value[ch.IN_PUMP_RPM]),
            0 if liquid is None else liquid.latched,
            app.cooler.failed,
            app.contacts.welded,
            app.contacts.stuck_open,
            value[ch.IN_ZONE1_MC],
            value[ch.IN_ZONE2_MC],
            value[ch.IN_ZONE3_MC],
            _u16(value[ch.IN_RESERVOIR_PERMILLE]),
            _u16(value[rpm]),
            _u16(value[rpm + 1]),
            _u16(value[rpm + 2]),
            _u16(value[rpm + 3]),
            _u16(value[rpm + 4]),
            _u16(value[rpm + 5]),
            _u16(value[rpm + 6]),
            _u16(value[rpm + 7]),
        )
        self._ticks = (self._ticks + 1) % EVERY
        return self._ticks == 0
