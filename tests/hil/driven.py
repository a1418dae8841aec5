# SPDX-License-Identifier: Apache-2.0
"""A virtual device with readings of a healthy rack and a host that knows its key."""

import json
import struct

from firmware_py import channels as ch
from firmware_py.link import messages as m
from tests.firmware.keyed import Host
from tests.firmware.rig import RACK, bodies, frame, inputs, unpack, wire

SHED = {"min_off_ms": 60_000, "stagger_ms": 500}
CAUSE_POWER_ON = 1


def config_file(folder, **sections):
    config = folder / "board.json"
    config.write_text(json.dumps(RACK | {"shed": SHED} | sections))
    return config


def healthy():
    """int32[N_IN] of RACK with 1 kW a load."""
    r = inputs()
    for load in range(8):
        r[ch.IN_LOAD0_MW + load] = 1_000_000
    for feed in (0, 1):
        r[ch.IN_FEED_A_MA + feed] = 8_000 * 500 // 690
        r[ch.IN_FEED_A_MW + feed] = 4_000_000
        r[ch.IN_FEED_A_MV + feed] = 230_000
    r[ch.IN_INLET_MC], r[ch.IN_OUTLET_MC] = 24_000, 36_000
    r[ch.IN_LEAK], r[ch.IN_FAN0_RPM] = 0, 3000
    return r


class Driven:
    def __init__(self, device):
        self.device = device
        self.now_ms = 5_000
        self.readings = healthy()
        self.sent = b""
        self.events = []
        self.telemetry = None
        self.hello_r = None
        self.seq = 0
        self.host = Host()

    @property
    def relays(self):
        return self.device.outputs[ch.OUT_RELAYS]

    def step(self, rx=b""):
        """One exchange; the body that answers `rx`, if one does."""
        tx = self.device.exchange(self.now_ms, self.readings, rx)
        self.sent += tx
        answer = None
        for body in bodies(tx):
            if body[0] & m.RESP:
                answer = body
            elif body[1] == m.TELEMETRY:
                self.telemetry = unpack(body)[1]
            elif body[1] == m.BOARD_EVENT:
                event = unpack(body)[1]
                self.events.append((event["code"], event["reason"], event["arg"]))
        return answer

    def run(self, ticks):
        for _ in range(ticks):
            self.step()
            self.now_ms += 100

    def say(self, kind, payload=b"", sealed=False):
        self.seq += 1
        session = 0 if kind == m.HELLO else self.hello_r["boot_id"] & 0xFFFF
        if sealed:
            return self.step(wire(self.host.seal(kind, self.seq, payload, session)))
        return self.step(frame(kind, self.seq, payload, session))

    def hello(self):
        self.hello_r = unpack(self.say(m.HELLO, struct.pack("<IIH", 7, 1, 240)))[1]
        return self.hello_r

    def lead(self):
        """HELLO, the key, the lease."""
        self.hello()
        answer = self.say(m.CHALLENGE, self.host.nonce)
        assert self.host.opened(self.hello_r["boot_id"], answer[m.HEADER_BYTES :])
        assert self.say(m.LEASE, struct.pack("<IH", 7, 30_000), sealed=True)[1] == m.ACK
