# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM (day.py starts it): a rack through many ticks of virtual time, with
# a host that asks without a pause.
#     vm_day.py CONFIG.bin NAMES.json TICKS PER_TICK      prints one JSON object
#
# The board's own computed time of a tick: CPU time of all that it does within 100 ms, which is the
# tick itself, the requests before it, and the collection in the slack behind it.

import gc
import json
import sys
import time
from binascii import hexlify

from vm_world import KEY, NONCE, Dice, Host, Names, World

from firmware_py import main

_BOOT_ID = 0xABCD1234
_MASK = (1 << 30) - 1
_START_MS = _MASK - 3_600_000  # board time goes round after an hour
_FAULT_TICKS = 1_200  # something breaks every two minutes ...
_MEND_TICKS = 150  # ... and is mended a quarter of a minute later


class Day:
    def __init__(self, config, names, per_tick):
        argv = [config, "--boot-id", str(_BOOT_ID)]
        argv += ["--key", hexlify(KEY).decode(), "--nonce", hexlify(NONCE).decode()]
        self.records = main.board(argv)
        self.app = self.records.app
        self.names = names
        self.dice = Dice(7)
        self.world = World(names, self.dice, self.app.raw)
        self.host = Host(names, _BOOT_ID, True)
        self.per_tick = per_tick
        self.now_ms = _START_MS
        self.requests = self.answers = 0
        self.events = dict.fromkeys(range(16), 0)
        self._count_events()
        self.tx_bytes = 0
        self.worst_us = self.sum_us = 0
        self.over = 0
        self.states = 0
        self.unhealthy = 0

    def _count_events(self):
        put = self.app.events.put
        seen = self.events

        def counted(code, group, reason, arg):
            seen[code] += 1
            put(code, group, reason, arg)

        self.app.events.put = counted

    # The board runs; returns its time in us.
    def run(self, n):
        app = self.app
        began = time.clock()
        app.step(self.now_ms, self.host.out, n)
        taken_us = _us_since(began)
        self.tx_bytes += app.outbox.n
        app.outbox.clear()
        return taken_us

    # One request: mostly what a host asks all day.
    def ask(self, k, tick):
        host = self.host
        names = self.names
        if k == 0 and tick % 10 == 0:
            return host.lease(10_000)
        if k == 0 and tick % _FAULT_TICKS == _MEND_TICKS + 50 and self.app.state.clearable:
            return host.sealed(names.CLEAR_SAFE, b"\0")
        which = (tick + k) % 4
        if which == 0:
            return host.say(names.PING, b"12345678")
        if which == 1:
            return host.say(names.TIME, bytes(8))
        if which == 2:
            return host.say(names.FAN_FLOOR, b"\0\0")
        return host.say(names.DICT_READ, b"\0\0\x20")

    def tick(self, tick):
        app = self.app
        world = self.world
        if tick % 50 == 0:
            world.load_w[self.dice.roll(8)] = 800 + self.dice.roll(3_400)
        if tick % _FAULT_TICKS == 0 and tick:
            world.break_one(_MEND_TICKS)
            if tick % (29 * _FAULT_TICKS) == 0:
                world.wet = 1
            if tick % (7 * _FAULT_TICKS) == 0:
                world.alive[self.dice.roll(2)] = 0
        elif tick % _FAULT_TICKS == _MEND_TICKS:
            world.mend()
        world.fill(app.act.outputs)
        before = app.endpoint.outbox.answers
        spent_us = 0
        step_ms = 100 // (self.per_tick + 1)
        for k in range(self.per_tick):
            self.now_ms = (self.now_ms + step_ms) & _MASK
            self.requests += 1
            spent_us += self.run(self.ask(k, tick))
        self.now_ms = (_START_MS + 100 * tick + 100) & _MASK
        spent_us += self.run(0)
        if not app.healthy():
            self.unhealthy += 1
        self.answers += app.endpoint.outbox.answers - before
        began = time.clock()
        app.slack()
        spent_us += _us_since(began)
        self.sum_us += spent_us
        self.worst_us = max(self.worst_us, spent_us)
        if spent_us >= 100_000:
            self.over += 1
        self.states |= 1 << app.state.state


def _us_since(began):
    return int((time.clock() - began) * 1_000_000)


def _free(app):
    gc.collect()
    gc.collect()
    app.heap_free = 0
    return gc.mem_free()


def day(config, names, ticks, per_tick):
    run = Day(config, names, per_tick)
    app = run.app
    run.world.fill(app.act.outputs)
    app.start(run.now_ms)
    run.run(0)
    run.run(run.host.hello())
    run.run(run.host.challenge())
    warm = ticks // 10
    for tick in range(warm):
        run.tick(tick)
    free = _free(app)
    for tick in range(warm, ticks):
        run.tick(tick)
    after = _free(app)
    return {
        "ticks": ticks,
        "requests": run.requests,
        "answers": run.answers,
        "tx_bytes": run.tx_bytes,
        "missed": app.missed,
        "unhealthy": run.unhealthy,
        "ticks_over_100_ms": run.over,
        "worst_tick_us": run.worst_us,
        "mean_tick_us": run.sum_us // ticks,
        "rx_errors": app.endpoint.rx_errors(),
        "tx_dropped": app.endpoint.outbox.dropped,
        "free_before": free,
        "free_after": after,
        "states_seen": run.states,
        "events": run.events,
    }


if __name__ == "__main__":
    print(json.dumps(day(sys.argv[1], Names(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
