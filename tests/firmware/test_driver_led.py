# SPDX-License-Identifier: Apache-2.0
import itertools

import pytest

from firmware_py.act.led import (
    ALARM_CONFIG,
    ALARM_FAN,
    ALARM_LOCKOUT,
    ALARM_NONE,
    ALARM_OVERRUN,
    level,
)
from firmware_py.link import messages as m

WRAP = 1 << 30
STATES = ["BOOT", "SELFTEST", "LOCAL", "HOSTED", "DEGRADED", "SAFE", "MAINT"]  # by number
ALARMS = [ALARM_NONE, ALARM_LOCKOUT, ALARM_OVERRUN, ALARM_CONFIG, ALARM_FAN]


def shown(state, alarm, start_ms=0, span_ms=4096, step_ms=1):
    return [level(t % WRAP, state, alarm) for t in range(start_ms, start_ms + span_ms, step_ms)]


def runs(levels):
    """[(level, ms)] of one period that begins with an edge."""
    return [(value, len(list(group))) for value, group in itertools.groupby(levels)]


def test_states_are_numbered_as_on_the_wire():
    assert [getattr(m, "STATE_" + name) for name in STATES] == list(range(7))


# state, flashes per 2.048 s, their length in ms
@pytest.mark.parametrize(
    ("state", "flashes", "on_ms"),
    [
        ("BOOT", 1, 2048),
        ("SELFTEST", 2, 512),
        ("LOCAL", 1, 256),
        ("HOSTED", 1, 1792),
        ("DEGRADED", 2, 256),
        ("SAFE", 8, 128),
        ("MAINT", 3, 256),
    ],
)
def test_pattern_of_each_state(state, flashes, on_ms):
    found = runs(shown(STATES.index(state), ALARM_NONE, span_ms=2048))
    assert [ms for value, ms in found if value] == [on_ms] * flashes


@pytest.mark.parametrize(
    ("alarm", "gaps", "gap_ms"), [(1, 2, 256), (2, 3, 256), (3, 4, 256), (4, 1, 1024)]
)
def test_an_alarm_takes_turns_with_the_state(alarm, gaps, gap_ms):
    for state in range(7):
        levels = shown(state, alarm)
        assert levels[:2048] == shown(state, ALARM_NONE, span_ms=2048)
        dark = [ms for value, ms in runs(levels[2048:]) if not value]
        assert dark == [gap_ms] * gaps


def test_all_patterns_differ_also_as_a_tick_of_100_ms_shows_them():
    seen = {}
    for state, alarm in itertools.product(range(7), ALARMS):
        pattern = tuple(value for value, _ in runs(shown(state, alarm, span_ms=8192, step_ms=100)))
        lit = sum(shown(state, alarm, span_ms=8192, step_ms=100))
        assert (pattern, lit) not in seen, (state, alarm, seen[pattern, lit])
        seen[pattern, lit] = state, alarm


def test_the_wrap_of_board_time_does_not_show():
    for state, alarm in itertools.product(range(7), ALARMS):
        across = shown(state, alarm, WRAP - 4096, 8192)
        assert across[:4096] == across[4096:] == shown(state, alarm)


@pytest.mark.parametrize("state", [-1, 7, 255])
def test_an_unknown_state_shows_as_safe(state):
    assert shown(state, ALARM_NONE) == shown(STATES.index("SAFE"), ALARM_NONE)


@pytest.mark.parametrize("alarm", [-1, 5, 99])
def test_an_unknown_alarm_is_not_dark(alarm):
    assert shown(2, alarm)[2048:] == shown(5, ALARM_NONE)[:2048]
