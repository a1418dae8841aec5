# SPDX-License-Identifier: Apache-2.0
"""The battery shelf as the daemon has it: what it holds comes in, what it may recharge goes out.

A recharge set-point that cannot be written is tried again each second. Nothing is assumed of what
the shelf then draws: the feeds measure it, and what is above the granted power counts as
uncontrolled, so the caps make room for it within a few readings. The same holds for a shelf
without an actuator, which recharges as it likes.

At the end the last set-point is left in place, as the caps are: together they fit the rows.
"""

from edge.actuate import make_battery, make_recharge
from edge.battery_watch import BatteryWatch, Clock, InlineBatteryWatch, ThreadedBatteryWatch
from edge.config import Config
from edge.daemon_log import ShelfLog
from edge.executor import Executor, InlineExecutor, ThreadedExecutor
from edge.rack_limit import BbuState

SEND_MS = 1_000
"""Least time between two set-points, but for one that ends recharging."""
DEADBAND_MW = 50_000
DEADBAND_RATIO = 0.02
"""Changes smaller than the larger of these two are not written."""


class Shelf:
    """`watch` and `recharge` are None where the rack has no such thing; then nothing is done."""

    def __init__(self, watch: BatteryWatch | None = None, recharge: Executor | None = None) -> None:
        self._watch = watch
        self._recharge = recharge
        self._log = ShelfLog()
        self._sent_mw: int | None = None
        self._sent_ms = 0
        self._failed = False

    def start(self, now_ms: int) -> None:
        """Begin to read; in real time this waits for the first reading, up to 2 s."""
        if self._watch is not None:
            self._watch.start(now_ms)

    def state(self, now_ms: int) -> BbuState | None:
        """What it holds; None if there is no shelf, or it is silent."""
        if self._watch is None:
            return None
        state = self._watch.newest(now_ms)
        self._log.state(state, self._watch.trouble)
        return state

    def recharge(self, power_mw: int, now_ms: int) -> None:
        """Tell the shelf that it may recharge with `power_mw`, if that is news."""
        if self._recharge is None:
            return
        self._collect(self._recharge)
        if self._is_due(power_mw, now_ms):
            self._sent_mw, self._sent_ms, self._failed = power_mw, now_ms, False
            self._recharge.submit(0, power_mw)

    def close(self) -> None:
        """Let what is under way end; the set-point stays."""
        if self._watch is not None:
            self._watch.close()
        if self._recharge is not None:
            self._recharge.close()

    def _collect(self, recharge: Executor) -> None:
        for result in recharge.results():
            self._log.recharge(result)
            self._failed = result.error is not None

    def _is_due(self, power_mw: int, now_ms: int) -> bool:
        sent_mw = self._sent_mw
        if sent_mw is None or (power_mw == 0 and sent_mw > 0):
            return True
        if now_ms - self._sent_ms < SEND_MS:
            return False
        band_mw = max(DEADBAND_MW, int(sent_mw * DEADBAND_RATIO))
        return self._failed or abs(power_mw - sent_mw) > band_mw


def inline_shelf(config: Config) -> Shelf:
    """The shelf of a rack in virtual time. Raises ConfigError if credentials are not there."""
    if config.bbu is None:
        return Shelf()
    actuator = make_recharge(config.bbu)
    recharge = None if actuator is None else InlineExecutor([actuator])
    return Shelf(InlineBatteryWatch(make_battery(config.bbu)), recharge)


def threaded_shelf(config: Config, clock: Clock, *, dry_run: bool = False) -> Shelf:
    """The shelf of a rack in real time. Raises ConfigError if credentials are not there."""
    if config.bbu is None:
        return Shelf()
    source = make_battery(config.bbu, dry_run=dry_run)
    actuator = make_recharge(config.bbu, dry_run=dry_run)
    recharge = None if actuator is None else ThreadedExecutor([actuator])
    return Shelf(ThreadedBatteryWatch(source, clock), recharge)
