# SPDX-License-Identifier: Apache-2.0
# A rack in integers that gives the same readings on CPython and in the MicroPython VM, and the host
# that talks to its board. Scripts that run on either, or on the bytecode that a board carries,
# import it; that bytecode has no names of channels and messages, so they come from a file.

import json
from hashlib import sha256
from struct import pack

from firmware_py.link.auth import LABEL, Hmac
from firmware_py.link.codec import Frame, encode

INVALID = -(1 << 30)
KEY = bytes(range(32))
NONCE = bytes(range(64, 80))
HOST_NONCE = bytes(range(16))
OWNER = 7
_MAX_RPM = 6_000
_AUTH = 2
_ACTUATORS = ("welded", "stuck_open", "fan", "pump")


class Names:
    def __init__(self, path):
        with open(path) as file:  # noqa: PTH123 - MicroPython has no pathlib
            for name, value in json.load(file).items():
                setattr(self, name, value)


class Dice:
    def __init__(self, seed):
        self._seed = seed

    def roll(self, n):
        self._seed = (self._seed * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        return (self._seed >> 8) % n


# Loads on relays and feeds, air by fans, coolant by the pump; and what breaks.
class World:
    def __init__(self, names, dice, raw):
        self._n = names
        self._dice = dice
        self.raw = raw
        self.load_w = [2_000] * 8
        self.group_of = (0, 0, 1, 1, 2, 2, 3, 3)
        self.alive = [1, 1]
        self.inlet_mc = 24_000
        self.wet = 0
        self.zone_mc = [34_000] * 4
        self.speed = [1_000] * 8
        self.pump = 0
        self.supply_mc = 30_000
        self.rh_permille = 450
        self.welded = self.stuck_open = 0
        self.dead_fans = 0
        self.dead_pump = 0
        self.faults = []  # [channel, reading, ticks]

    # Something breaks, for ticks.
    def break_one(self, ticks):
        dice = self._dice
        kind = dice.roll(10)
        if kind < 7:
            channel = dice.roll(self._n.IN_LOAD0_MW + 8)
            reading = (INVALID, -1, (1 << 30) - 1, self.raw[channel])[dice.roll(4)]
            self.faults.append([channel, reading, ticks])
        elif kind == 7:
            self.welded = 1 << dice.roll(4)
        elif kind == 8:
            self.stuck_open = 1 << dice.roll(4)
        else:
            self.dead_fans = 1 << dice.roll(8)
            self.dead_pump = dice.roll(2)

    def mend(self):
        self.welded = self.stuck_open = self.dead_fans = self.dead_pump = self.wet = 0
        self.alive[0] = self.alive[1] = 1
        self.faults = []

    # One tick of the rack under the board's outputs: its readings into raw.
    def fill(self, out):
        raw = self.raw
        n = self._n
        closed = (out[n.OUT_RELAYS] | self.welded) & ~self.stuck_open
        total_w = 0
        live = self.alive[0] + self.alive[1]
        for i in range(8):
            watts = self.load_w[i] if closed >> self.group_of[i] & 1 and live else 0
            raw[n.IN_LOAD0_MW + i] = watts * 1000
            total_w += watts
        for feed in range(2):
            watts = total_w // live if live and self.alive[feed] else 0
            raw[n.IN_FEED_A_MW + feed] = watts * 1000
            raw[n.IN_FEED_A_MA + feed] = watts * 1000 // 690
            raw[n.IN_FEED_A_MV + feed] = 230_000 * self.alive[feed]
        raw[n.IN_INLET_MC] = self.inlet_mc
        raw[n.IN_LEAK] = self.wet
        raw[n.IN_RELAYS] = closed
        raw[n.IN_FREQ_MHZ] = 50_000 + self._dice.roll(40)
        raw[n.IN_BBU_PERMILLE] = 900
        self._air(out, total_w)
        self._coolant(out, total_w)
        for fault in self.faults:
            raw[fault[0]] = fault[1]
            fault[2] -= 1
        if self.faults and self.faults[0][2] <= 0:
            self.faults.pop(0)

    def _air(self, out, total_w):
        raw = self.raw
        n = self._n
        flow = 0
        for fan in range(8):
            told = 0 if self.dead_fans >> fan & 1 else out[n.OUT_FAN0_PERMILLE + fan]
            self.speed[fan] += (told - self.speed[fan]) // 4
            raw[n.IN_FAN0_RPM + fan] = self.speed[fan] * _MAX_RPM // 1000
            flow += self.speed[fan]
        for zone in range(4):
            goal_mc = self.inlet_mc + total_w * 5_000 // max(flow, 300)
            self.zone_mc[zone] += (goal_mc - self.zone_mc[zone]) // 64 + self._dice.roll(3) - 1
            raw[n.IN_ZONE1_MC + zone - 1 if zone else n.IN_OUTLET_MC] = self.zone_mc[zone]

    def _coolant(self, out, total_w):
        raw = self.raw
        n = self._n
        told = 0 if self.dead_pump else out[n.OUT_PUMP_PERMILLE]
        self.pump += (told - self.pump) // 2
        goal_mc = 46_500 - out[n.OUT_VALVE_PERMILLE] * 32
        self.supply_mc += (goal_mc - self.supply_mc) // 128
        supply_mc = self.supply_mc
        raw[n.IN_PUMP_RPM] = self.pump * 4
        raw[n.IN_FLOW_MLM] = self.pump * 150
        raw[n.IN_DP_PA] = self.pump * self.pump * 275 // 1000
        raw[n.IN_SUPPLY_MC] = supply_mc + self._dice.roll(30)
        raw[n.IN_RETURN_MC] = supply_mc + total_w * 100 // max(self.pump, 100)
        raw[n.IN_RH_PERMILLE] = self.rh_permille
        raw[n.IN_DEW_AIR_MC] = self.inlet_mc
        raw[n.IN_RESERVOIR_PERMILLE] = 800


# Requests, framed; a seq of its own, and the key if the board has it.
class Host:
    def __init__(self, names, boot_id, keyed):
        self._n = names
        self._boot_id = boot_id
        self._keyed = keyed
        self.session = boot_id & 0xFFFF
        self.seq = 0
        self._challenges = 0
        self._counter = 0
        self._hmac = None
        self.out = bytearray(256)

    # Frame a request into self.out; returns its length.
    def say(self, kind, payload=b"", session=-1):
        self.seq = self.seq + 1 & 0xFFFF
        return self._frame(kind, payload, 0, self.session if session < 0 else session)

    def hello(self):
        return self.say(self._n.HELLO, pack("<IIH", OWNER, 99, 240), 0)

    def lease(self, ttl_ms=3_000, owner=OWNER):
        return self.say(self._n.LEASE, pack("<IH", owner, ttl_ms))

    # The board's nonce of the answer is known beforehand, as its first one was given to it.
    def challenge(self):
        if self._keyed:
            self._challenges += 1
            nonce = sha256(NONCE + pack("<I", self._challenges)).digest()[:16]
            boot_id = pack("<I", self._boot_id)
            self._hmac = Hmac(Hmac(KEY).digest(LABEL + boot_id + nonce + HOST_NONCE))
            self._counter = 0
        return self.say(self._n.CHALLENGE, HOST_NONCE)

    # An authenticated request; without a session it has a MAC that is wrong.
    def sealed(self, kind, payload=b""):
        self.seq = self.seq + 1 & 0xFFFF
        self._counter += 1
        head = pack("<BBHH", 1 << 4 | _AUTH, kind, self.seq, self.session)
        payload += pack("<I", self._counter)
        mac = bytes(8) if self._hmac is None else self._hmac.digest(head + payload)[:8]
        return self._frame(kind, payload + mac, _AUTH, self.session)

    def _frame(self, kind, payload, flags, session):
        made = Frame(kind, len(payload))
        made.body[6 : 6 + len(payload)] = payload
        made.seal(flags, self.seq, session)
        return encode(made.body, self.out, 0)
