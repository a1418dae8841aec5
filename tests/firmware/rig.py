# SPDX-License-Identifier: Apache-2.0
"""The firmware's app on CPython, with readings that a test sets and frames that it reads."""

import json
import struct
from array import array

from firmware_py import channels as ch
from firmware_py.app import App
from firmware_py.link import messages as m
from firmware_py.link.codec import Decoder, Frame, encode
from firmware_py.link.commands import BoardInfo
from firmware_py.store import config as store
from firmware_py.store.compile import compile_json
from tests.firmware.keyed import Host, give_key

BOOT_ID = 0xABCD1234
SESSION = BOOT_ID & 0xFFFF
OWNER = 7
ROWS = {row[0]: row for row in m.MESSAGES}
PRIVILEGED = (m.CLEAR_SAFE, m.MAINT, m.RESET)

RACK = {
    "version": 2,
    "loads": [0, 0, 1, 1, 2, 2, 3, 3],
    "groups": [{"never": True}, {}, {}, {}],
    "feeds": [{"rating_ma": 32_000}, {"rating_ma": 32_000}],
}
"""Eight loads in four groups on two 32 A feeds; group 0 is never shed."""


def parse(**sections):
    """Settings of RACK with other sections, by the way a board gets them."""
    return store.parse(compile_json(json.dumps(RACK | sections))[0])


def frame(kind, seq, payload=b"", session=SESSION, flags=0):
    """One request as bytes on the wire."""
    built = Frame(kind, len(payload))
    built.body[m.HEADER_BYTES : m.HEADER_BYTES + len(payload)] = payload
    built.seal(flags, seq, session)
    return wire(bytes(built.body))


def wire(body):
    out = bytearray(len(body) + 3)
    assert encode(body, out, 0) == len(out)
    return bytes(out)


def bodies(data, decoder=None):
    """Every body in a byte stream, as bytes without the crc."""
    found = []
    decoder = Decoder() if decoder is None else decoder
    decoder.feed(data, len(data), lambda body, n: found.append(bytes(body[: n - m.CRC_BYTES])))
    return found


def unpack(body):
    """(name, {field: value}, tail) of a body, by MESSAGES."""
    _, name, _, fmt, fields, _ = ROWS[body[1]]
    fixed = struct.calcsize(fmt)
    payload = body[m.HEADER_BYTES :]
    values = struct.unpack(fmt, payload[:fixed])
    return name, dict(zip((f[0] for f in fields), values, strict=True)), payload[fixed:]


class Rig:
    """A board whose feeds carry what its loads that are on draw, at unity power factor."""

    def __init__(self, start_ms=0, **sections):
        self.config = parse(**sections)
        self.app = App(self.config, BoardInfo("sim 0001", BOOT_ID, 3))
        self.now_ms = start_ms
        self.app.start(start_ms)
        self.load_w = [1500] * len(self.config.load_group)
        self.feed_mv = [230_000, 230_000]
        self.outlet_mc = 36_000
        self.inlet_mc = 24_000
        self.leak = 0
        self.faults = {}  # channel -> reading that replaces the true one
        self.seq = 0
        self.frames = []
        self.host = None  # holds the key, once a privileged request has been made

    @property
    def off(self):
        return self.app.shedder.groups.off_mask

    @property
    def relays(self):
        return self.app.act.outputs[ch.OUT_RELAYS]

    def feed_ma(self):
        on_w = [
            w if self.relays >> g & 1 else 0
            for w, g in zip(self.load_w, self.config.load_group, strict=True)
        ]
        live = [mv > 0 for mv in self.feed_mv]
        each_w = sum(on_w) / max(sum(live), 1)
        return on_w, [round(each_w / 690 * 1000) if alive else 0 for alive in live]

    def fill(self):
        raw = self.app.raw
        on_w, feed_ma = self.feed_ma()
        for feed in (0, 1):
            raw[ch.IN_FEED_A_MA + feed] = feed_ma[feed]
            raw[ch.IN_FEED_A_MW + feed] = feed_ma[feed] * 690
            raw[ch.IN_FEED_A_MV + feed] = self.feed_mv[feed]
        raw[ch.IN_INLET_MC] = self.inlet_mc
        raw[ch.IN_OUTLET_MC] = self.outlet_mc
        raw[ch.IN_FAN0_RPM] = 3000
        raw[ch.IN_LEAK] = self.leak
        for i, watts in enumerate(on_w):
            raw[ch.IN_LOAD0_MW + i] = watts * 1000
        for channel, reading in self.faults.items():
            raw[channel] = reading

    def step(self, rx=b""):
        """Run the app at now_ms; frames it sends join `frames`."""
        self.fill()
        self.app.step(self.now_ms, rx, len(rx))
        box = self.app.outbox
        fresh = bodies(bytes(box.buf[: box.n]))
        box.clear()
        self.frames += fresh
        return fresh

    def run(self, ticks):
        for _ in range(ticks):
            self.step()
            self.now_ms = (self.now_ms + 100) & ((1 << 30) - 1)

    def request(self, kind, fmt="", *values, tail=b"", **header):
        """Send one request between two ticks; returns the answer as (name, values, tail).

        A privileged one is authenticated.
        """
        payload = struct.pack("<" + fmt, *values) + tail
        if kind in PRIVILEGED:
            self._open()
            self.seq += 1
            data = wire(self.host.seal(kind, self.seq, payload, SESSION))
        else:
            self.seq += 1
            data = frame(kind, header.pop("seq", self.seq), payload, **header)
        (answer,) = [body for body in self.step(data) if body[0] & m.RESP]
        return unpack(answer)

    def _open(self):
        if self.host is None:
            self.host = Host()
            give_key(self.app.state, self.app.endpoint)
            tail = self.request(m.CHALLENGE, tail=self.host.nonce)[2]
            assert self.host.opened(BOOT_ID, tail)

    def hello(self):
        return self.request(m.HELLO, "IIH", OWNER, 99, 240, session=0)

    def lease(self, ttl_ms=3000, owner=OWNER):
        return self.request(m.LEASE, "IH", owner, ttl_ms)

    def hosted(self, ticks=10):
        """Past self-test, with a host that holds a long lease."""
        self.run(ticks)
        self.hello()
        self.lease(30_000)
        self.run(2)
        return self

    def sent(self, name):
        """Values of all frames of that name so far."""
        return [unpack(body)[1] for body in self.frames if ROWS[body[1]][1] == name]

    def events(self, code):
        return [e for e in self.sent("BOARD_EVENT") if e["code"] == code]


def inputs(value=m.INVALID):
    return array("i", [value] * ch.N_IN)
