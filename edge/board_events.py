# SPDX-License-Identifier: Apache-2.0
"""What a board's events say, in words: the one table for the log, the journal and run records.

`event_text(code, group, reason, arg)` takes the numbers of a BOARD_EVENT or of a journal row.
"""

import logging
from collections.abc import Callable
from typing import NamedTuple

from edge.link.refusals import CONFIG_TEXTS, STATES
from firmware_py.decide import interlocks
from firmware_py.link import messages as m
from firmware_py.store import journal, reset
from firmware_py.store.schema_wiring import CHANNELS, OUT_AT

INPUTS = {index: name for name, index in CHANNELS if name and index < OUT_AT}
"""Name of an input, as `wiring` of a board.json has it, by its index on the board."""

BOOTS = {
    reset.BOOT_FIRST: "first start, nothing is remembered",
    reset.BOOT_POWER_LOSS: "after a loss of power or the reset pin",
    reset.BOOT_WATCHDOG: "by its watchdog: the firmware hung",
    reset.BOOT_REQUESTED: "as requested",
    reset.BOOT_CRASH: "after a crash of the firmware",
}
"""Kind of boot: HELLO_R.reset_cause, arg of EV_BOOT."""

SHED_REASONS = {
    m.SHED_BREAKER: "breaker would trip",
    m.SHED_HARD_OVERCURRENT: "hard over-current",
    m.SHED_FEED_LOSS: "a feed is lost",
    m.SHED_OVERTEMP: "over-temperature",
    m.SHED_HOST: "asked by the host",
    m.SHED_LEAK: "coolant leak",
    m.SHED_UNDERFREQUENCY: "mains frequency is low",
    m.SHED_BBU: "battery shelf runs out",
}
LEASES = {1: "granted", 2: "expired: the board is on its own", 3: "released"}
FANS = {
    0: "turns again",
    1: "stalled",
    2: "tach lost: it counts as stalled",
    3: "slower than told",
    4: "at full speed whatever it is told: its PWM lead is cut",
}
RELAYS = {0: "contact follows again", 1: "welded: it does not open", 2: "stuck open"}
INTERLOCKS = {
    m.INTERLOCK_LEAK: "leak",
    m.INTERLOCK_LOW_FLOW: "low coolant flow",
    m.INTERLOCK_RESERVOIR: "reservoir low",
    m.INTERLOCK_SUPPLY_TEMP: "coolant too hot",
    m.INTERLOCK_PUMP: "pump",
}
LEVELS = {
    interlocks.REASON_CLEARED: "cleared",
    interlocks.REASON_ON: "on",
    interlocks.REASON_LATCHED: "latched until it is cleared by hand",
}
AUTHS = {
    m.AUTH_NEEDED: "no MAC",
    m.AUTH_NO_KEY: "the board has no key",
    m.AUTH_NO_SESSION: "no authenticated session",
    m.AUTH_WRONG_MAC: "wrong MAC: another key, or forged",
    m.AUTH_REPLAY: "replayed",
    m.AUTH_LOCKED: "many wrong MACs: authenticated requests are locked out",
}
"""Reason of EV_AUTH."""
INTERLOCK_READINGS: dict[int, tuple[str, float, int]] = {
    m.INTERLOCK_LOW_FLOW: ("l/min", 1000, 2),
    m.INTERLOCK_RESERVOIR: ("% full", 10, 0),
    m.INTERLOCK_SUPPLY_TEMP: ("°C", 1000, 1),
    m.INTERLOCK_PUMP: ("rpm", 1, 0),
}
"""Unit, wire value ÷ this = value, decimals."""


STATE_NAMES = dict(enumerate(STATES))
"""Name by TELEMETRY.state."""


class EventText(NamedTuple):
    """One event for people."""

    kind: str
    """One word: shed, fan, lease, ..."""
    text: str
    level: int
    """Of logging."""


def event_text(code: int, group: int, reason: int, arg: int) -> EventText:
    """What an event says; numbers that this version does not know are shown as they are."""
    say = TEXTS.get(code)
    if say is None:
        text = f"event {code} (group {group}, reason {reason}, value {arg}): newer than this host"
        return EventText("board", text, logging.INFO)
    return say(group, reason, arg)


def name_of(names: dict[int, str], number: int) -> str:
    """The word for a number; the number itself if there is none."""
    return names.get(number, f"number {number}")


def _boot(_group: int, _reason: int, kind: int) -> EventText:
    fault = kind in (reset.BOOT_WATCHDOG, reset.BOOT_CRASH)
    level = logging.WARNING if fault else logging.INFO
    return EventText("boot", f"board started: {name_of(BOOTS, kind)}", level)


def _state(old: int, new: int, _arg: int) -> EventText:
    level = {m.STATE_SAFE: logging.ERROR, m.STATE_DEGRADED: logging.WARNING}
    text = f"{name_of(STATE_NAMES, old)} to {name_of(STATE_NAMES, new)}"
    return EventText("state", text, level.get(new, logging.INFO))


def _shed(group: int, reason: int, arg: int) -> EventText:
    text = f"shed group {group}: {name_of(SHED_REASONS, reason)}{_kw(', ', arg)}"
    return EventText("shed", text, logging.WARNING)


def _restore(group: int, _reason: int, arg: int) -> EventText:
    text = f"restored group {group}{_kw(', headroom ', arg)}"
    return EventText("restore", text, logging.INFO)


def _lockout(group: int, _reason: int, arg: int) -> EventText:
    text = f"group {group} locked out after {arg} sheds: off until it is cleared by hand"
    return EventText("lockout", text, logging.ERROR)


def _sensor(index: int, lost: int, _arg: int) -> EventText:
    text = f"sensor {name_of(INPUTS, index)} {'lost' if lost else 'back'}"
    return EventText("sensor", text, logging.WARNING if lost else logging.INFO)


def _lease(_group: int, reason: int, _arg: int) -> EventText:
    level = logging.WARNING if reason == 2 else logging.DEBUG
    return EventText("lease", f"lease {name_of(LEASES, reason)}", level)


def _fan(fan: int, reason: int, rpm: int) -> EventText:
    speed = "" if rpm == m.INVALID else f" ({rpm} rpm)"
    level = logging.WARNING if reason else logging.INFO
    return EventText("fan", f"fan {fan}: {name_of(FANS, reason)}{speed}", level)


def _relay(group: int, reason: int, arg: int) -> EventText:
    draws = f", {arg / 1e6:.2f} kW flows" if reason == 1 and arg > 0 else ""
    level = logging.ERROR if reason else logging.INFO
    return EventText("relay", f"relay of group {group}: {name_of(RELAYS, reason)}{draws}", level)


def _interlock(which: int, level: int, arg: int) -> EventText:
    reading = ""
    if which in INTERLOCK_READINGS and arg != m.INVALID:
        unit, scale, decimals = INTERLOCK_READINGS[which]
        reading = f" ({arg / scale:.{decimals}f} {unit})"
    levels = {interlocks.REASON_CLEARED: logging.INFO, interlocks.REASON_ON: logging.WARNING}
    text = f"interlock {name_of(INTERLOCKS, which)}: {name_of(LEVELS, level)}{reading}"
    return EventText("interlock", text, levels.get(level, logging.ERROR))


def _fast(feed: int, _reason: int, arg: int) -> EventText:
    name = "AB"[feed] if feed < 2 else str(feed)
    text = f"fast over-current on feed {name}: {arg / 1000:.0f} A"
    return EventText("fast", text, logging.ERROR)


def _auth(_group: int, reason: int, failures: int) -> EventText:
    text = f"requests refused: {name_of(AUTHS, reason)} ({failures} since it started)"
    return EventText("auth", text, logging.WARNING)


def _config(_group: int, reason: int, arg: int) -> EventText:
    if reason == 1:
        return EventText("config", "configuration saved for the next start", logging.INFO)
    if reason == 2:
        why = CONFIG_TEXTS.get(arg, f"reason {arg}")
        return EventText("config", f"configuration refused: {why}", logging.WARNING)
    text = "configuration is damaged: the board runs on the older copy; push it again"
    return EventText("config", text, logging.ERROR)


def _maint(_group: int, entered: int, ms: int) -> EventText:
    text = f"maintenance for {ms / 60_000:.0f} min" if entered else "maintenance ended"
    return EventText("maintenance", text, logging.INFO)


def _overrun(_group: int, _reason: int, ticks: int) -> EventText:
    text = f"{ticks} tick{'s' * (ticks != 1)} of 100 ms missed"
    return EventText("overrun", text, logging.WARNING)


def _gap(_group: int, _reason: int, lost: int) -> EventText:
    return EventText("gap", f"{lost} events could not be kept", logging.WARNING)


def _kw(before: str, mw: int) -> str:
    return "" if mw == m.INVALID else f"{before}{mw / 1e6:.2f} kW"


TEXTS: dict[int, Callable[[int, int, int], EventText]] = {
    journal.GAP: _gap,
    m.EV_BOOT: _boot,
    m.EV_STATE: _state,
    m.EV_SHED: _shed,
    m.EV_RESTORE: _restore,
    m.EV_LOCKOUT: _lockout,
    m.EV_SENSOR: _sensor,
    m.EV_LEASE: _lease,
    m.EV_FAN: _fan,
    m.EV_RELAY: _relay,
    m.EV_INTERLOCK: _interlock,
    m.EV_FAST: _fast,
    m.EV_AUTH: _auth,
    m.EV_CONFIG: _config,
    m.EV_MAINT: _maint,
    m.EV_OVERRUN: _overrun,
}
"""By EV_*; the journal's own code for a gap as well."""
