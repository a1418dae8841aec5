# SPDX-License-Identifier: Apache-2.0
"""Random lives of a whole board, judged by an oracle that knows only what was promised.

    python -m tests.firmware.safety [--count 3000] [--seed 0] [--steps 200] [--one SEED]

A life is a configuration, loads, faults of every sensor, requests with and without the key, late
ticks, power cuts (also within a write) and watchdog resets over one store. The oracle reads the
board's outputs, the readings that the board was given, and the answers it gave. It judges:

    relays      never groups stay closed; one group per tick and stagger comes back, after its
                minimum off time, in LOCAL or HOSTED, not against the host's wish, into headroom
    fans        never below a floor: of the fan, the host, a lost sensor, the state
    SAFE        ends by an acknowledged, authenticated CLEAR_SAFE only, over resets too
    resets      a group that was off comes up off
    outputs     stay in range
"""

import argparse
import json
import random
import struct
import sys
from dataclasses import dataclass, field

from firmware_py import channels as ch
from firmware_py.app import App
from firmware_py.link import messages as m
from firmware_py.link.commands import BoardInfo
from firmware_py.store import config as store
from firmware_py.store.compile import compile_json
from firmware_py.store.keeper import Keeper
from tests.firmware.keyed import BOOT_NONCE, KEY, Host
from tests.firmware.power_cut.memory import Cut, Files
from tests.firmware.rig import bodies, frame, wire

MASK = (1 << 30) - 1
LOST_TICKS = 3
"""A reading that is bad for so many ticks in a row is lost, and its floor acts in that tick."""
FULL_STATES = (m.STATE_BOOT, m.STATE_SELFTEST, m.STATE_SAFE, m.STATE_MAINT)
OUTLETS = (ch.IN_OUTLET_MC, ch.IN_ZONE1_MC, ch.IN_ZONE2_MC, ch.IN_ZONE3_MC)
NAMED = {getattr(ch, name): name for name in dir(ch) if name.startswith("IN_")}


class Broken(AssertionError):
    """A promise was broken."""


def draw_config(rng):
    """A configuration as JSON; times are short so that a walk sees much."""
    groups = rng.randint(2, 6)
    loads = []
    for i in range(rng.randint(groups, 12)):
        load = {"group": i if i < groups else rng.randrange(groups)}
        if rng.random() < 0.7:
            load["share_a_permille"] = rng.choice((0, 300, 500, 500, 500, 1000))
        loads.append(load)
    zones = rng.randint(1, 4)
    fans = [
        {
            "min_permille": rng.choice((0, 200, 350)),
            "max_rpm": rng.choice((0, 6000)),
            "zones": [z for z in range(zones) if rng.random() < 0.6] or [0],
        }
        for _ in range(rng.randint(1, 8))
    ]
    fans[0]["zones"] = list(range(zones))
    made = {
        "version": 2,
        "loads": loads,
        "groups": [{"never": rng.random() < 0.3} for _ in range(groups)],
        "feeds": [{"rating_ma": rng.choice((16_000, 32_000))} for _ in range(rng.randint(1, 2))],
        "shed": {
            "min_off_ms": rng.choice((500, 1000, 3000)),
            "stagger_ms": rng.choice((200, 500, 1500)),
            "boot_ms": rng.choice((0, 1000, 5000)),
            "lockout_count": rng.choice((2, 3, 50)),
            "feedback": rng.randint(0, 1),
        },
        "zones": [{"floor_inlet_permille": rng.choice((400, 700))} for _ in range(zones)],
        "fans": fans,
    }
    if len(made["feeds"]) == 1:
        for load in loads:
            load.pop("share_a_permille", None)
    if rng.random() < 0.5:
        made["liquid"] = {"prime_ms": 3000, "prime_pause_ms": 1000, "pump_rpm_full": 4000}
    return made


@dataclass
class Seen:
    """What the oracle remembers of the board's life."""

    opened_ms: dict = field(default_factory=dict)  # group: when its relay was seen to open
    closed_ms: dict = field(default_factory=dict)
    draw_ma: dict = field(default_factory=dict)  # group: per feed, just before it went
    last_close_ms: int | None = None
    safe: bool = False
    cleared: bool = False  # an authenticated CLEAR_SAFE was acknowledged since the last tick
    off: int = 0


class Life:
    """One board, its rack, its host, its flash."""

    def __init__(self, seed):
        rng = self.rng = random.Random(seed)
        self.json = draw_config(rng)
        self.config = store.parse(compile_json(json.dumps(self.json))[0])
        self.c = self.config.shed
        self.files = Files()
        self.feeds = len(self.config.feeds)
        self.all = (1 << self.config.groups) - 1
        fair_w = sum(f.rating_ma for f in self.config.feeds) * 690 // 1000 // self.feeds
        self.fair_w = fair_w // len(self.config.load_group)
        self.load_w = [self.fair_w] * len(self.config.load_group)
        self.shares = [
            500 if s < 0 and self.feeds == 2 else 1000 if self.feeds == 1 else s
            for s in self.config.load_share
        ]
        self.alive = [1, 1 if self.feeds == 2 else 0]
        self.inlet_mc = 24_000
        self.zone_mc = [35_000] * len(self.config.zones)
        self.wet = 0
        self.faults = {}
        self.liars = 0  # ticks since a plausible lie has been told, counted down
        self.bad = [0] * ch.N_IN  # ticks in a row without a plausible reading
        self.now_ms = rng.choice((0, MASK - 20_000, rng.randrange(MASK)))
        self.age_ms = 0  # time that never wraps, for the oracle
        self.seen = Seen()
        self.reach = set()
        self.trail = []
        self.boots = 0
        self.plug(1)

    # ---- the board ----

    def plug(self, cause):
        """Power comes, or the watchdog has bitten."""
        self.boots += 1
        self.files.budget = None
        before = self.seen
        keeper = Keeper(self.files, cause, "sim")
        self.boot_id = 0x51510000 + self.boots
        info = BoardInfo("sim 1", self.boot_id, keeper.intent.boot_count, keeper.kind, BOOT_NONCE)
        self.app = App(self.config, info, None, keeper, KEY)
        self.app.start(self.now_ms)
        self.host = Host()
        self.opened = False
        self.seq = 0
        self.held_until_ms = None
        self.host_off = self.host_floor = 0
        self.owner = 0
        self.maint = False
        self.bad = [0] * ch.N_IN
        self.first = True
        self.relays = self.app.act.outputs[ch.OUT_RELAYS]
        self.seen = Seen(safe=before.safe, cleared=before.cleared, off=before.off)
        self.say(before.off & self.relays == 0, "a group that was off comes up on")
        for g in range(self.config.groups):
            if not self.relays >> g & 1:
                self.seen.opened_ms[g] = self.age_ms
                self.seen.draw_ma[g] = self.assumed(g)

    def assumed(self, g):
        """After a reset nobody knows what a group drew: its part of the loads, of the rating."""
        n = list(self.config.load_group).count(g)
        return [f.rating_ma * n // len(self.config.load_group) for f in self.config.feeds]

    def say(self, holds, what):
        if not holds:
            raise Broken(f"{what} (age {self.age_ms} ms): {' '.join(self.trail[-12:])}")

    # ---- the rack ----

    def parts(self, g=None):
        """True mA of each feed by the loads that are on; of all, or of one group were it on."""
        ma = [0.0, 0.0]
        for i, group in enumerate(self.config.load_group):
            if g is None and not self.relays >> group & 1:
                continue
            if g is not None and group != g:
                continue
            a = self.load_w[i] * self.shares[i] / 1000
            split = [a, self.load_w[i] - a]
            for feed in (0, 1):
                if not self.alive[feed]:  # what hangs on both moves over, else it is dark
                    if 0 < self.shares[i] < 1000:
                        split[1 - feed] += split[feed]
                    split[feed] = 0
            for feed in (0, 1):
                ma[feed] += split[feed] / 0.69 if self.alive[feed] else 0
        return ma

    def fill(self):
        raw = self.app.raw
        ma = self.parts()
        for feed in range(self.feeds):
            raw[ch.IN_FEED_A_MA + feed] = round(ma[feed])
            raw[ch.IN_FEED_A_MW + feed] = round(ma[feed] * 690)
            raw[ch.IN_FEED_A_MV + feed] = 230_000 * self.alive[feed]
        raw[ch.IN_INLET_MC] = self.inlet_mc
        for z, mc in enumerate(self.zone_mc):
            raw[OUTLETS[z]] = mc
        raw[ch.IN_LEAK] = self.wet
        raw[ch.IN_RELAYS] = self.relays
        out = self.app.act.outputs
        for f in range(len(self.config.fans)):
            raw[ch.IN_FAN0_RPM + f] = out[ch.OUT_FAN0_PERMILLE + f] * 6
        if self.config.liquid:
            pump = out[ch.OUT_PUMP_PERMILLE]
            raw[ch.IN_PUMP_RPM] = pump * 4
            raw[ch.IN_FLOW_MLM] = pump * 150
            raw[ch.IN_SUPPLY_MC], raw[ch.IN_RETURN_MC] = 30_000, 38_000
            raw[ch.IN_RH_PERMILLE], raw[ch.IN_DEW_AIR_MC] = 400, 24_000
            raw[ch.IN_RESERVOIR_PERMILLE] = 800
        for i, group in enumerate(self.config.load_group):
            on = self.relays >> group & 1
            lit = any(self.alive[f] and (self.shares[i], 1000 - self.shares[i])[f] for f in (0, 1))
            raw[ch.IN_LOAD0_MW + i] = self.load_w[i] * 1000 * (on and lit)
        for channel, reading in self.faults.items():
            raw[channel] = reading
        for channel in (*OUTLETS[: len(self.zone_mc)], ch.IN_INLET_MC):
            lost = not -40_000 <= raw[channel] <= 125_000
            self.bad[channel] = self.bad[channel] + 1 if lost else 0

    def happen(self):
        """The rack changes, something breaks, or is mended."""
        rng = self.rng
        what = rng.randrange(14)
        if what < 4:
            i = rng.randrange(len(self.load_w))
            self.load_w[i] = round(self.fair_w * rng.choice((0.2, 0.6, 1, 1.3, 2, 4)))
        elif what == 4:
            surge = rng.choice((0.5, 1, 1.4, 2))
            self.load_w = [round(self.fair_w * surge)] * len(self.load_w)
        elif what == 5 and self.feeds == 2:
            self.alive[rng.randrange(2)] ^= 1
        elif what == 6:
            self.inlet_mc = rng.randint(15_000, 40_000)
        elif what == 7:
            z = rng.randrange(len(self.zone_mc))
            self.zone_mc[z] = rng.randint(25_000, 62_000)
        elif what == 8:
            self.wet = int(rng.random() < 0.15)
        elif what < 11:
            known = ch.IN_LOAD0_MW + len(self.load_w)
            channel = rng.randrange(known)
            lie = rng.random() < 0.2
            reading = rng.randrange(0, 60_000) if lie else rng.choice((m.INVALID, -50_000, MASK))
            if channel == ch.IN_LEAK:
                reading = m.INVALID
            self.faults[channel] = reading
            if lie:
                self.liars = 1
            self.trail.append(f"{NAMED.get(channel, channel)}={reading}")
        else:
            self.faults.clear()

    # ---- the host ----

    def ask(self):  # noqa: PLR0911, PLR0912
        rng = self.rng
        what = rng.randrange(16)
        owner = rng.choice((7, 7, 7, 8))
        if what == 0:
            return self.plain(m.HELLO, struct.pack("<IIH", owner, 1, 240), 0)
        if what == 1 or (what < 5 and not self.opened):
            answer = self.plain(m.CHALLENGE, self.host.nonce)
            if answer and answer[0] == m.CHALLENGE_R:
                self.opened = self.host.opened(self.boot_id, answer[1])
            return answer
        if what < 8:
            ttl_ms = rng.choice((0, 500, 1000, 5000, 5000))
            payload = struct.pack("<IH", owner, ttl_ms)
            seal = self.sealed if rng.random() < 0.5 else self.plain
            answer = seal(m.LEASE, payload)
            if answer and answer[0] == m.ACK:
                if ttl_ms == 0 or owner != self.owner or self.left_ms() <= 0:
                    self.host_off = self.host_floor = 0
                self.owner = owner
                self.held_until_ms = self.age_ms + ttl_ms
            return answer
        seal = self.sealed if rng.random() < 0.7 else self.plain
        if what < 11:
            mask = rng.randrange(self.all + 1)
            answer = seal(m.SHED, struct.pack("<H", mask))
            if answer and answer[0] == m.ACK:
                self.host_off = mask & ~self.config.never
            return answer
        if what == 11:
            floor = rng.randrange(1001)
            answer = seal(m.FAN_FLOOR, struct.pack("<H", floor))
            if answer and answer[0] == m.ACK:
                self.host_floor = floor
            return answer
        if what < 14:
            sealed = rng.random() < 0.8
            answer = (self.sealed if sealed else self.plain)(m.CLEAR_SAFE, b"\1")
            if answer and answer[0] == m.ACK:
                self.say(sealed and self.opened, "CLEAR_SAFE was acknowledged without the key")
                self.seen.cleared = True
            return answer
        if what == 14:
            return self.sealed(m.MAINT, struct.pack("<I", rng.choice((0, 1000, 4000))))
        self.hear(rng.randbytes(rng.randrange(60)) + b"\0")
        return None

    def left_ms(self):
        return 0 if self.held_until_ms is None else self.held_until_ms - self.age_ms

    def plain(self, kind, payload=b"", session=None):
        self.seq = self.seq + 1 & 0xFFFF
        session = self.boot_id & 0xFFFF if session is None else session
        return self.hear(frame(kind, self.seq, payload, session))

    def sealed(self, kind, payload=b""):
        self.seq = self.seq + 1 & 0xFFFF
        return self.hear(wire(self.host.seal(kind, self.seq, payload, self.boot_id & 0xFFFF)))

    def hear(self, data):
        """Bytes to the board between two ticks; (type, payload) of its answer."""
        app = self.app
        app.endpoint.receive(data, len(data), self.now_ms)
        box = app.outbox
        found = [b for b in bodies(bytes(box.buf[: box.n])) if b[0] & m.RESP]
        box.clear()
        return (found[-1][1], found[-1][m.HEADER_BYTES :]) if found else None

    # ---- time ----

    def step(self):
        rng = self.rng
        if rng.random() < 0.12:
            self.happen()
        if rng.random() < 0.25:
            self.ask()
        if rng.random() < 0.004:
            self.reset()
            return
        self.fill()
        before = self.relays
        app = self.app
        app.step(self.now_ms, b"", 0)
        app.outbox.clear()
        try:
            app.slack()
        except Cut:  # what this tick has changed may be on flash or not
            self.files.budget = None
            was_off, was_safe = self.seen.off, self.seen.safe
            self.judge(before)
            self.seen.off = was_off & self.all & ~self.relays
            self.seen.safe = was_safe and self.seen.safe
            self.trail.append(f"cut@{self.age_ms}")
            self.plug(1)
            return
        self.judge(before)
        self.files.budget = None
        ahead_ms = 100 if rng.random() < 0.97 else rng.choice((200, 300, 700, 2500))
        self.now_ms = (self.now_ms + ahead_ms) & MASK
        self.age_ms += ahead_ms

    def reset(self):
        """A power cut or the watchdog; now, or within the next write."""
        kind = self.rng.randrange(3)
        if kind == 2:
            self.files.budget = self.rng.randrange(60)
            self.load_w = [w * 3 // 2 for w in self.load_w]
            return
        if self.app.shedder.busy():
            return  # what was shed in the last 300 ms may be forgotten: README says so
        self.trail.append(f"reset@{self.age_ms}")
        self.plug((1, 3)[kind])

    # ---- the oracle ----

    def judge(self, before):
        out = self.app.act.outputs
        relays, state = out[ch.OUT_RELAYS], out[ch.OUT_STATE]
        self.relays = relays
        self.reach.add(state)
        self._range(out)
        self.say(relays & self.config.never == self.config.never, "a never group is open")
        opened, closed = before & ~relays, relays & ~before
        for g in range(self.config.groups):
            if opened >> g & 1:
                self.seen.opened_ms[g] = self.age_ms
                self.relays = before
                self.seen.draw_ma[g] = self.parts(g)
                self.relays = relays
                self.reach.add("shed")
        if closed:
            self._closed(closed, before, state)
        self._fans(out, state)
        self._safe(state)
        writable = not self.app.shedder.busy()
        kept = self.app.keeper.intent
        self.seen.off = self.all & ~relays if writable and not kept.errors else 0

    def _range(self, out):
        self.say(0 <= out[ch.OUT_RELAYS] <= self.all, "relays out of range")
        self.say(m.STATE_BOOT <= out[ch.OUT_STATE] <= m.STATE_MAINT, "state out of range")
        for i in (ch.OUT_FAN_PERMILLE, ch.OUT_PUMP_PERMILLE, ch.OUT_VALVE_PERMILLE):
            self.say(0 <= out[i] <= 1000, f"output {i} = {out[i]}")
        for i in range(ch.OUT_FAN0_PERMILLE, ch.N_OUT):
            self.say(0 <= out[i] <= 1000, f"output {i} = {out[i]}")

    def _closed(self, closed, before, state):
        seen = self.seen
        self.reach.add("restored")
        self.say(closed & closed - 1 == 0, f"groups {closed:b} came back in one tick")
        g = closed.bit_length() - 1
        self.say(state in (m.STATE_LOCAL, m.STATE_HOSTED), f"group {g} came back in state {state}")
        rested_ms = self.age_ms - seen.opened_ms.get(g, -(1 << 40))
        self.say(rested_ms >= self.c.min_off_ms, f"group {g} came back after {rested_ms} ms")
        if seen.last_close_ms is not None:
            gap_ms = self.age_ms - seen.last_close_ms
            self.say(gap_ms >= self.c.stagger_ms, f"group {g} came back {gap_ms} ms after another")
        asked = self.host_off if self.left_ms() > 0 else 0
        self.say(not asked >> g & 1, f"group {g} came back against the host")
        self.say(not self.wet, f"group {g} came back while it leaks")
        if not self.liars:
            self.say(any(self.parts(g)), f"group {g} came back with its feeds dead")
            self._headroom(g, before)
        seen.last_close_ms = seen.closed_ms[g] = self.age_ms

    def _headroom(self, g, before):
        """All that is on, what came back lately at its last draw, this group and its margin."""
        self.relays = before
        now_ma = self.parts()
        for feed in range(self.feeds):
            if not self.alive[feed]:
                continue
            reading = self.app.raw[ch.IN_FEED_A_MA + feed]
            lost = not 0 <= reading <= 1_000_000
            self.say(not lost, f"group {g} came back without a reading of feed {feed}")
            need_ma = self._draw(g, feed) * (1000 + self.c.margin_permille) / 1000
            for h, closed_ms in self.seen.closed_ms.items():
                if self.age_ms - closed_ms < self.c.boot_ms and before >> h & 1:
                    need_ma += max(self._draw(h, feed) - self.parts(h)[feed], 0)
            limit_ma = self.config.feeds[feed].rating_ma * self.c.restore_permille // 1000
            total_ma = now_ma[feed] + need_ma
            fits = total_ma <= limit_ma * 1.005 + 20  # shares are permille
            self.say(fits, f"group {g} came back: {total_ma:.0f} of {limit_ma} mA on feed {feed}")
        self.relays = self.app.act.outputs[ch.OUT_RELAYS]

    def _draw(self, g, feed):
        """Last draw on a feed that is alive now; if one feed has it all, that of both."""
        if not any(
            (self.shares[i], 1000 - self.shares[i])[feed]
            for i, group in enumerate(self.config.load_group)
            if group == g
        ):
            return 0
        draw = self.seen.draw_ma.get(g, [0, 0])
        return draw[feed] if all(self.alive[: self.feeds]) else sum(draw)

    def _fans(self, out, state):
        lost_inlet = self.bad[ch.IN_INLET_MC] >= LOST_TICKS
        for f, fan in enumerate(self.config.fans):
            got = out[ch.OUT_FAN0_PERMILLE + f]
            floor = fan.min_permille
            if self.left_ms() > 0:
                floor = max(floor, self.host_floor)
            if state in FULL_STATES:
                floor = 1000
            for z, zone in enumerate(self.config.zones):
                if fan.zones >> z & 1:
                    lost = self.bad[OUTLETS[z]] >= LOST_TICKS
                    if lost_inlet:
                        floor = max(floor, zone.floor_inlet_permille)
                    if lost:
                        floor = max(floor, zone.floor_outlet_permille)
                    if lost and lost_inlet:
                        floor = 1000
            self.say(got >= floor, f"fan {f} gets {got}, its floor is {floor} in state {state}")

    def _safe(self, state):
        seen = self.seen
        if seen.safe and state != m.STATE_SAFE:
            self.say(seen.cleared, f"SAFE was left for {state} without a command")
            self.reach.add("cleared")
        seen.cleared = False
        seen.safe = state == m.STATE_SAFE

    def run(self, steps):
        for _ in range(steps):
            self.step()
        return self


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--one", type=int)
    given = parser.parse_args()
    if given.one is not None:
        Life(given.one).run(given.steps)
        return 0
    broken = boots = 0
    reach = {}
    for seed in range(given.seed, given.seed + given.count):
        life = Life(seed)
        try:
            life.run(given.steps)
        except Broken as why:
            broken += 1
            sys.stdout.write(f"--one {seed}: {why}\n")
            sys.stdout.flush()
        boots += life.boots
        for what in life.reach:
            reach[what] = reach.get(what, 0) + 1
    sys.stdout.write(
        f"{given.count} lives of {given.steps} ticks, {boots} boots: {broken} broken\n"
    )
    sys.stdout.write(f"lives that saw each state or act: {reach}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
