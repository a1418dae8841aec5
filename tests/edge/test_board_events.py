# SPDX-License-Identifier: Apache-2.0
"""What a board's events say: one table for log, journal and run records."""

import logging

import pytest

from edge.board_events import BOOTS, SHED_REASONS, TEXTS, event_text
from edge.daemon_log import DaemonLog
from edge.link import events as ev
from edge.link import fields
from firmware_py.link import messages as m
from firmware_py.store import reset
from tests.edge.fake_rack import rack_config


@pytest.mark.parametrize(
    ("code", "group", "reason", "arg", "kind", "text"),
    [
        *[
            (m.EV_BOOT, 0, 0, reset.BOOT_WATCHDOG, "boot", "by its watchdog: the firmware hung"),
            (m.EV_SHED, 2, m.SHED_BREAKER, 5_390_000, "shed", "group 2: breaker would trip, 5.39"),
            (m.EV_SHED, 2, m.SHED_BBU, m.INVALID, "shed", "group 2: battery shelf runs out"),
            (m.EV_SHED, 1, m.SHED_UNDERFREQUENCY, 1, "shed", "mains frequency is low"),
            (m.EV_RESTORE, 1, 0, 2_000_000, "restore", "restored group 1, headroom 2.00 kW"),
            (m.EV_STATE, m.STATE_LOCAL, m.STATE_HOSTED, 0, "state", "LOCAL to HOSTED"),
            (m.EV_LEASE, 0, 2, 0, "lease", "lease expired"),
            (m.EV_LOCKOUT, 3, 0, 4, "lockout", "group 3 locked out after 4 sheds"),
            (m.EV_SENSOR, 9, 1, 0, "sensor", "sensor leak lost"),
            (m.EV_SENSOR, 99, 0, 0, "sensor", "sensor number 99 back"),
            (m.EV_FAN, 1, 1, 40, "fan", "fan 1: stalled (40 rpm)"),
            (m.EV_FAN, 1, 2, m.INVALID, "fan", "fan 1: tach lost: it counts as stalled"),
            (m.EV_FAN, 1, 3, 900, "fan", "fan 1: slower than told (900 rpm)"),
            (m.EV_FAN, 1, 4, 6000, "fan", "its PWM lead is cut (6000 rpm)"),
            (m.EV_FAN, 1, 0, 3000, "fan", "fan 1: turns again"),
        ],
        *[
            (m.EV_RELAY, 2, 1, 900_000, "relay", "group 2: welded: it does not open, 0.90 kW"),
            (m.EV_RELAY, 2, 2, 0, "relay", "group 2: stuck open"),
            (m.EV_INTERLOCK, m.INTERLOCK_LOW_FLOW, 2, 500, "interlock", "(0.50 l/min)"),
            (m.EV_INTERLOCK, m.INTERLOCK_LEAK, 1, 1, "interlock", "interlock leak: on"),
            (m.EV_INTERLOCK, m.INTERLOCK_PUMP, 0, m.INVALID, "interlock", "pump: cleared"),
            (m.EV_FAST, 1, 0, 120_000, "fast", "fast over-current on feed B: 120 A"),
            (m.EV_AUTH, 0, m.AUTH_LOCKED, 8, "auth", "many wrong MACs"),
            (m.EV_CONFIG, 0, 1, 0, "config", "saved"),
            (m.EV_CONFIG, 0, 2, m.CONFIG_INVALID, "config", "does not accept"),
            (m.EV_CONFIG, 0, 3, 0, "config", "older copy"),
            (m.EV_MAINT, 0, 1, 600_000, "maintenance", "maintenance for 10 min"),
            (m.EV_MAINT, 0, 0, 0, "maintenance", "maintenance ended"),
            (m.EV_OVERRUN, 0, 0, 1, "overrun", "1 tick of 100 ms missed"),
            (0, 0, 0, 7, "gap", "7 events could not be kept"),
            (99, 1, 2, 3, "board", "event 99 (group 1, reason 2, value 3)"),
        ],
    ],
)
def test_events_read_as_sentences(code, group, reason, arg, kind, text) -> None:
    said = event_text(code, group, reason, arg)
    assert said.kind == kind
    assert text in said.text


def constants(prefix: str) -> set[int]:
    return {value for name, value in vars(m).items() if name.startswith(prefix)}


def test_every_code_reason_and_kind_of_boot_has_words() -> None:
    assert set(TEXTS) == constants("EV_") | {0}
    assert set(SHED_REASONS) == constants("SHED_")
    boots = {value for name, value in vars(reset).items() if name.startswith("BOOT_")}
    assert set(BOOTS) == boots


@pytest.mark.parametrize("code", [*range(20), 255])
def test_any_numbers_have_a_text(code: int) -> None:
    for number in (0, 1, 7, 255):
        for arg in (m.INVALID, -1, 0, 2**30 - 1, -(2**31)):
            assert event_text(code, number, number, arg).text


def test_the_daemon_says_the_same_words_at_their_level(caplog: pytest.LogCaptureFixture) -> None:
    log = DaemonLog(rack_config(1))
    with caplog.at_level("INFO", "rackedge"):
        for code, reason in ((m.EV_SHED, m.SHED_LEAK), (m.EV_STATE, m.STATE_SAFE), (m.EV_LEASE, 1)):
            values = fields.BoardEvent(0, code, 2, reason, 1, 1_000_000)
            log.event(ev.BoardEvent(0, 0, values))
    assert [(r.levelno, r.message) for r in caplog.records] == [
        (logging.WARNING, "board: shed group 2: coolant leak, 1.00 kW"),
        (logging.ERROR, "board: LOCAL to SAFE"),
    ]
