# SPDX-License-Identifier: Apache-2.0
"""What `rackedge hil run` tells while it runs."""

import io
import sys
from types import SimpleNamespace

from edge.cli._hil_told import Told, announce, status
from tests.hil.pty_rig import wait_for


class Terminal(io.StringIO):
    def isatty(self):
        return True


def lasting(*seconds):
    return [SimpleNamespace(duration_ms=round(each * 1000)) for each in seconds]


def test_a_long_session_in_real_time_is_told_beforehand(capsys):
    announce(lasting(20, 39.9))
    announce(lasting(100, 5.4))
    announce(lasting(36_000))
    assert capsys.readouterr().err.splitlines() == [
        "rackedge: 2 cases in real time: 0:01:45 at most",
        "rackedge: 1 case in real time: 10:00:00 at most",
    ]


def test_a_terminal_shows_which_case_runs_and_how_far_it_is(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    told = Told(None, as_json=True)
    told.results.append(None)  # of a session before this one
    case = SimpleNamespace(name="feed-loss[edge=slow]", duration_ms=53_000)
    with status(told, 12) as show:
        told.results.append(None)
        show(SimpleNamespace(case=case, now_ms=17_000))
        wait_for(lambda: "2 of 12: feed-loss[edge=slow]  17 of 53 s" in sys.stderr.getvalue())


def test_elsewhere_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with status(Told(None, as_json=True), 1) as show:
        show(SimpleNamespace(case=lasting(1)[0], now_ms=1000))
    assert sys.stderr.getvalue() == ""
