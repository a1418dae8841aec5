# SPDX-License-Identifier: Apache-2.0
"""Lines of the log about what the decision noticed: once at its begin, once at its end."""

from dataclasses import replace

import pytest

from edge.daemon_log import DaemonLog
from edge.decide import Decider
from edge.oscillation import Swing
from edge.readings import Fault, ReadingFault, Snapshot
from edge.reason import Decision
from tests.edge.fake_rack import rack_config

CONFIG = rack_config(2)
STILL = Decider(CONFIG).decide(Snapshot(0, 0, (9_000_000, 9_000_000), (9_000_000, 9_000_000)))


def said(caplog: pytest.LogCaptureFixture, *decisions: Decision) -> list[str]:
    made = DaemonLog(CONFIG)
    with caplog.at_level("INFO", "rackedge"):
        for number, decision in enumerate(decisions):
            made.decision(replace(decision, now_ms=number * 5_000))
    return [record.message for record in caplog.records]


def test_a_swing_is_told_when_it_begins_and_when_it_ends(caplog) -> None:
    swing = Swing(frequency_mhz=450, peak_to_peak_mw=12_300_000, cycles=5, aliased=True)
    swings = replace(STILL, swing=swing)
    assert said(caplog, STILL, swings, swings, STILL, STILL) == [
        "the rack's power swings by 12.3 kW at 0.45 Hz or a multiple",
        "the rack's power is steady again",
    ]


def test_a_limit_cycle_of_our_own_is_a_warning(caplog) -> None:
    damped = replace(STILL, damping=4.0)
    assert said(caplog, STILL, damped, damped, STILL) == [
        "caps and power swing together: caps now change less often",
        "caps and power no longer swing together",
    ]


def refused(fault: Fault) -> Decision:
    return replace(STILL, faults=(ReadingFault("load", 1, fault, 7_000),))


def test_a_reading_is_named_once_per_fault_and_believed_again_when_it_stays_good(caplog) -> None:
    frozen, held, scale = (refused(f) for f in (Fault.FROZEN, Fault.HELD, Fault.SCALE))
    assert said(caplog, frozen, frozen, held, STILL, scale, STILL, STILL, STILL) == [
        "reading of n1 refused: frozen (7000)",
        "reading of n1 refused: scale (7000)",
        "reading of n1 is believed again",
    ]


def test_a_feed_is_called_a_feed(caplog) -> None:
    bad = replace(STILL, faults=(ReadingFault("feed", 0, Fault.ABSURD, 1),))
    snapshot = replace(STILL, faults=(ReadingFault("snapshot", 0, Fault.STALE, -1),))
    assert said(caplog, bad, snapshot) == ["reading of feed A refused: absurd (1)"]
