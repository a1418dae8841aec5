# SPDX-License-Identifier: Apache-2.0
# A board through a random walk of readings, faults, requests and missed ticks, the same on CPython
# and in the MicroPython VM:
#     vm_walk.py CONFIG.bin NAMES.json STEPS SEED EVERY [key]
#
# Prints one JSON object: a CRC of all outputs and of all frames (telemetry, loads, cooling,
# events, answers; heap_free is 0) so far, at every EVERY steps; and what the walk has seen.

import json
import sys
from binascii import crc32, hexlify
from struct import pack

from vm_world import KEY, NONCE, Dice, Host, Names, World

from firmware_py import main

_BOOT_ID = 0xABCD1234
_MASK = (1 << 30) - 1
_START_MS = _MASK - 600_000  # board time goes round on the way
_STEP_MS = (30, 70, 100, 100, 100, 350)


class Walk:
    def __init__(self, config, names, seed, keyed):
        argv = [config, "--boot-id", str(_BOOT_ID)]
        if keyed:
            argv += ["--key", hexlify(KEY).decode()]
            argv += ["--nonce", hexlify(NONCE).decode()]
        self.records = main.board(argv)  # holds the memory that the outbox writes to
        self.app = self.records.app
        self.names = names
        self.dice = Dice(seed)
        self.world = World(names, self.dice, self.app.raw)
        self.host = Host(names, _BOOT_ID, keyed)
        self.now_ms = _START_MS
        self.crc = 0
        self.states = self.offs = self.wraps = 0

    def step(self):
        dice = self.dice
        app = self.app
        if dice.roll(8) == 0:
            self._move()
        self.world.fill(app.act.outputs)
        n = self._ask() if dice.roll(10) < 3 else 0
        app.heap_free = 0
        until_ms = app.step(self.now_ms, self.host.out, n)
        box = app.outbox
        self.crc = crc32(bytes(app.act.outputs), self.crc)
        self.crc = crc32(bytes(box.buf[: box.n]), self.crc)
        self.crc = crc32(pack("<I", until_ms), self.crc)
        box.clear()
        self.states |= 1 << app.state.state
        self.offs |= app.shedder.groups.off_mask
        was_ms = self.now_ms
        self.now_ms = (was_ms + _STEP_MS[dice.roll(len(_STEP_MS))]) & _MASK
        self.wraps += self.now_ms < was_ms

    # The rack changes, or something in it breaks.
    def _move(self):
        dice = self.dice
        world = self.world
        what = dice.roll(12)
        if what < 6:
            heavy = (3_000, 3_000, 5_000, 12_000)[dice.roll(4)]
            world.load_w[dice.roll(8)] = dice.roll(heavy)
        elif what == 6:
            world.alive[dice.roll(2)] = dice.roll(4) > 0
        elif what == 7:
            world.inlet_mc = 18_000 + dice.roll(14_000)
        elif what == 8:
            world.wet = dice.roll(12) == 0
        elif what == 9:
            world.mend()
        else:
            world.break_one(1 + dice.roll(80))

    def _ask(self):  # noqa: PLR0911
        dice = self.dice
        host = self.host
        n = self.names
        what = dice.roll(16)
        if what < 3:
            return host.hello() if what else host.challenge()
        if what < 6:
            return host.lease(500 + dice.roll(5_000), 7 + (dice.roll(12) == 0))
        if what < 8:
            return host.say(n.SHED, pack("<H", dice.roll(17)))
        if what == 8:
            return host.say(n.FAN_FLOOR, pack("<H", dice.roll(1_100)))
        if what < 11:
            return host.sealed(n.CLEAR_SAFE, b"\1")
        if what == 11:
            return host.sealed(n.MAINT, pack("<I", (0, 1_000, 5_000)[dice.roll(3)]))
        if what == 12:
            return host.say(n.TIME, bytes(8))
        if what == 13:
            return host.say(n.DICT_READ, pack("<HB", dice.roll(3_000), dice.roll(256)))
        size = host.say(n.PING, bytes(range(dice.roll(60))))
        if what == 14:
            return size
        for i in range(size):  # noise
            host.out[i] ^= (dice.roll(9) == 0) << dice.roll(8)
        return size


def walk(config, names, steps, seed, every, keyed):
    made = Walk(config, names, seed, keyed)
    made.world.fill(made.app.act.outputs)
    made.app.start(made.now_ms)
    crcs = []
    for i in range(steps):
        made.step()
        if (i + 1) % every == 0:
            crcs.append(made.crc)
    return {
        "crcs": crcs,
        "states": made.states,
        "offs": made.offs,
        "wraps": made.wraps,
        "missed": made.app.missed,
        "rx_errors": made.app.endpoint.rx_errors(),
    }


if __name__ == "__main__":
    _, config, names, steps, seed, every = sys.argv[:6]
    keyed = len(sys.argv) > 6
    print(json.dumps(walk(config, Names(names), int(steps), int(seed), int(every), keyed)))
