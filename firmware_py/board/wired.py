# SPDX-License-Identifier: Apache-2.0
# The drivers of a board at work: readings into the app's array before a tick, outputs to the
# hardware after it. wiring.py makes them. A driver that raises is INVALID for that tick and the
# others go on. Nothing here allocates unless a driver raises.

from array import array

from .. import channels as ch
from ..act.led import ALARM_CONFIG, ALARM_FAN, ALARM_LOCKOUT, ALARM_NONE, ALARM_OVERRUN, level
from ..compat import const, ticks_diff
from ..link.wire import FLAG_CONFIG_FALLBACK, FLAG_LOCKOUT, FLAG_OVERRUN, INVALID

# Attributes of drivers, by the number that a tap has.
ATTRIBUTES = ("ma", "mw", "mv", "mhz", "mc", "rh_permille", "rpm", "mlm", "wet", "value")
_SIGNED_MOST = const(2)  # mA and mW count by their amount: a clamp or shunt may be reversed
_TAP = const(4)  # driver, channel, attribute, index within it or -1
_BUDGET_US = const(40_000)  # of a tick's 100 ms for drivers; loads come last and take turns


class Wired:
    # us(): microseconds modulo 2**30.
    def __init__(self, us):
        self._us = us
        self.drivers = []
        self.masters = []  # of Modbus, that must let go of their pair
        self.essential = 0  # drivers before this one serve more than loads
        self.taps = array("h")
        self.bank = None
        self.slow_relays = False  # behind a bus: no ISR may write them
        self.fans = [None] * ch.MAX_FANS
        self.pump = None
        self.valve = None
        self.polled = []  # of them, those that check what they have set
        self.led = None
        self.led_flip = 0
        self.adcs = []  # for the fast timer, with their clamps and feeds
        self.clamps = []
        self.feeds = bytearray()
        self.ua = []  # per count of these clamps
        self._raised = bytearray(0)
        self._next = 0
        self.errors = 0  # times that a driver raised
        self.postponed = 0  # ticks in which the budget did not do for all loads

    # All drivers are there.
    def seal(self):
        self._raised = bytearray(len(self.drivers))
        self._next = self.essential

    # Before a tick: everything that reads, then its values to raw.
    def poll(self, now_ms, raw):
        start_us = self._us()
        if self.bank is not None:
            self._contacts(self.bank, now_ms, raw)
        for i in range(self.essential):
            self._poll(i, now_ms)
        for _ in range(len(self.drivers) - self.essential):
            if ticks_diff(self._us(), start_us) > _BUDGET_US:
                self.postponed = (self.postponed + 1) & 0xFFFF
                break
            i = self._next
            self._poll(i, now_ms)
            self._next = i + 1 if i + 1 < len(self.drivers) else self.essential
        taps = self.taps
        at = 0
        while at < len(taps):
            i = taps[at]
            raw[taps[at + 1]] = (
                INVALID if self._raised[i] else _value(self.drivers[i], taps[at + 2], taps[at + 3])
            )
            at += _TAP

    # Between ticks, as often as possible.
    def between(self, now_ms):
        for master in self.masters:
            if master.driving:
                master.poll(now_ms)

    # After a tick: its outputs. flags: of TELEMETRY; failed: bit f, fan f has failed.
    def act(self, now_ms, outputs, flags, failed):
        if self.bank is not None:
            try:
                self.bank.write(outputs[ch.OUT_RELAYS])
            except Exception:
                self._count()
        for i in range(ch.MAX_FANS):
            if self.fans[i] is not None:
                self._write(self.fans[i], outputs[ch.OUT_FAN0_PERMILLE + i])
        if self.pump is not None:
            self._write(self.pump, outputs[ch.OUT_PUMP_PERMILLE])
        if self.valve is not None:
            self._write(self.valve, outputs[ch.OUT_VALVE_PERMILLE])
        for driver in self.polled:
            try:
                driver.poll(now_ms)
            except Exception:
                self._count()
        if self.led is not None:
            self.led(level(now_ms, outputs[ch.OUT_STATE], _alarm(flags, failed)) ^ self.led_flip)

    def _poll(self, i, now_ms):
        try:
            self.drivers[i].poll(now_ms)
            self._raised[i] = 0
        except Exception:
            self._raised[i] = 1
            self._count()

    def _contacts(self, bank, now_ms, raw):
        try:
            bank.poll(now_ms)
            raw[ch.IN_RELAYS] = bank.contacts
        except Exception:
            raw[ch.IN_RELAYS] = INVALID
            self._count()

    def _write(self, driver, permille):
        try:
            driver.write(permille)
        except Exception:
            self._count()

    def _count(self):
        self.errors = (self.errors + 1) & 0xFFFF


def _value(driver, attribute, index):
    value = getattr(driver, ATTRIBUTES[attribute])
    if index >= 0:
        value = value[index]
    if attribute < _SIGNED_MOST and value != INVALID:
        value = abs(value)
    return value


# What the LED shows in turn with the state: first what somebody has to come for.
def _alarm(flags, failed):
    if flags & FLAG_LOCKOUT:
        return ALARM_LOCKOUT
    if failed:
        return ALARM_FAN
    if flags & FLAG_OVERRUN:
        return ALARM_OVERRUN
    return ALARM_CONFIG if flags & FLAG_CONFIG_FALLBACK else ALARM_NONE
