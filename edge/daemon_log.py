# SPDX-License-Identifier: Apache-2.0
"""Log lines of the daemon: changes of state only, short, for people."""

import logging
from collections.abc import Callable
from typing import Any

from edge.board_events import BOOTS, event_text, name_of
from edge.config import Config
from edge.executor import CapResult
from edge.link import events as ev
from edge.rack_limit import BbuState
from edge.readings import Fault
from edge.reason import Decision, Rule

BELIEVED_MS = 10_000
"""A reading without a fault for so long is worth a line; one that flaps is not."""

log = logging.getLogger("rackedge")


class DaemonLog:
    """Compares with what was said last."""

    def __init__(self, config: Config) -> None:
        self._loads = [load.name for load in config.loads]
        self._feeds = [feed.name for feed in config.feeds]
        self._shed = 0
        self._lost_feed: int | None = None
        self._stale = False
        self._swings = False
        self._damped = False
        self._refused: dict[str, tuple[Fault | None, int]] = {}
        self._failed: set[int] = set()
        self._defiant: set[int] = set()
        self._key_trouble = ""

    def event(self, event: ev.Event) -> None:
        """Say what the session reported."""
        if isinstance(event, ev.KeyAccepted | ev.KeyRefused):
            self._key(event)
        say = SAY.get(type(event))
        if say is not None:
            log.log(*say(event))

    def _key(self, event: ev.KeyAccepted | ev.KeyRefused) -> None:
        """Say a refusal once, however often it is tried again, and when it is over."""
        trouble = str(event.error) if isinstance(event, ev.KeyRefused) else ""
        if trouble and trouble != self._key_trouble:
            text = "%s; until then this host takes no lease: it caps, the board sheds on its own"
            log.error(text, trouble)
        elif self._key_trouble and not trouble:
            log.info("the board has proved that it holds this host's key")
        self._key_trouble = trouble

    def decision(self, decision: Decision) -> None:
        """Say what is different from the decision before."""
        stale = decision.blind is Rule.STALE
        if stale and not self._stale:
            log.warning("telemetry is stale: caps can only fall")
        elif self._stale and not stale:
            log.info("telemetry is back")
        self._stale = stale
        if decision.lost_feed != self._lost_feed:
            lost = decision.lost_feed
            if lost is None:
                log.info("both feeds carry power again")
            else:
                log.warning("feed %s is lost: the other carries the rack", self._feeds[lost])
            self._lost_feed = lost
        if decision.shed_groups != self._shed:
            log.warning("asking the board to keep groups %s off", bits(decision.shed_groups))
            self._shed = decision.shed_groups
        self._quarantine(decision)
        self._swing(decision)
        self._readings(decision)

    def _swing(self, decision: Decision) -> None:
        swing = decision.swing
        if swing is not None and not self._swings:
            log.info(
                "the rack's power swings by %.1f kW at %.2f Hz%s",
                swing.peak_to_peak_mw / 1e6,
                swing.frequency_mhz / 1000,
                " or a multiple" if swing.aliased else "",
            )
        elif swing is None and self._swings:
            log.info("the rack's power is steady again")
        self._swings = swing is not None
        if (decision.damping > 1) is not self._damped:
            self._damped = not self._damped
            if self._damped:
                log.warning("caps and power swing together: caps now change less often")
            else:
                log.info("caps and power no longer swing together")

    def _readings(self, decision: Decision) -> None:
        """Say what is refused, and what is believed again after BELIEVED_MS without a fault."""
        feeds = [f"feed {name}" for name in self._feeds]
        names = {"feed": feeds, "load": self._loads}
        for fault in decision.faults:
            if fault.kind not in names:
                continue
            name = names[fault.kind][fault.index]
            known, _ = self._refused.get(name, (None, 0))
            if fault.fault not in (known, Fault.HELD):
                log.warning("reading of %s refused: %s (%s)", name, fault.fault, fault.value)
                known = fault.fault
            self._refused[name] = known, decision.now_ms
        for name, (_, at_ms) in list(self._refused.items()):
            if decision.now_ms - at_ms >= BELIEVED_MS:
                del self._refused[name]
                log.info("reading of %s is believed again", name)

    def cap_result(self, result: CapResult) -> None:
        """Say the first failure of a load, and when it works again."""
        if result.error is not None and result.load not in self._failed:
            self._failed.add(result.load)
            log.warning("%s: %s; trying again", self._loads[result.load], result.error)
        elif result.error is None and result.load in self._failed:
            self._failed.discard(result.load)
            log.info("%s: takes caps again", self._loads[result.load])

    def _quarantine(self, decision: Decision) -> None:
        if Rule.QUARANTINE not in decision.rule and not self._defiant:
            return
        defiant = {i for i, rule in enumerate(decision.rule) if rule is Rule.QUARANTINE}
        for load in sorted(defiant - self._defiant - self._failed):
            log.warning("%s: draws more than its cap; counted as uncontrolled", self._loads[load])
        for load in sorted(self._defiant - defiant):
            log.info("%s: obeys again", self._loads[load])
        self._defiant = defiant


class ShelfLog:
    """The same for the battery shelf."""

    def __init__(self) -> None:
        self._silent = self._discharging = self._failed = False

    def state(self, state: BbuState | None, trouble: str) -> None:
        """Say when it falls silent (None, for `trouble`), answers, carries the rack, or stops."""
        if state is None:
            if not self._silent:
                log.warning("battery: %s; counted as empty until it answers", trouble or "silent")
            self._silent = True
            return
        stored_wh = state.stored_mwh / 1000
        if self._silent:
            log.info("battery is back: %.0f Wh", stored_wh)
        self._silent = False
        if state.discharging and not self._discharging:
            log.warning("battery discharges: %.0f Wh left", stored_wh)
        elif self._discharging and not state.discharging:
            log.info("battery no longer discharges: %.0f Wh left", stored_wh)
        self._discharging = state.discharging

    def recharge(self, result: CapResult) -> None:
        """Say the first failure of a recharge set-point, and when it works again."""
        if result.error is not None and not self._failed:
            log.warning("battery recharge: %s; trying again", result.error)
        elif result.error is None and self._failed:
            log.info("battery recharge: takes set-points again")
        self._failed = result.error is not None


def bits(mask: int) -> str:
    """Numbers of the bits that are set, "none" without any."""
    return ",".join(str(i) for i in range(mask.bit_length()) if mask >> i & 1) or "none"


Line = tuple[Any, ...]
"""Arguments of Logger.log: level, format, values."""


def _board_event(event: ev.BoardEvent) -> Line:
    values = event.values
    said = event_text(values.code, values.group, values.reason, values.arg)
    return said.level, "board: %s", said.text


def _connected(event: ev.Connected) -> Line:
    board = event.board
    version = f"{board.fw_major}.{board.fw_minor}.{board.fw_patch}"
    return logging.INFO, "connected to %s, firmware %s, boot %d", board.tail, version, board.boot_id


def _command_failed(event: ev.CommandFailed) -> Line:
    """The lease is what the session asks for itself; who sent a command has its answer."""
    return logging.DEBUG if event.token else logging.WARNING, "%s", event.error


SAY: dict[type, Callable[[Any], Line]] = {
    ev.Connected: _connected,
    ev.Rebooted: lambda e: (
        logging.WARNING,
        "board rebooted: %s",
        name_of(BOOTS, e.board.reset_cause),
    ),
    ev.Lost: lambda e: (logging.WARNING, "no answer from the board for %d ms", e.silent_ms),
    ev.LeaseHeld: lambda _: (logging.INFO, "lease held: the board follows this host"),
    ev.LeaseBusy: lambda e: (
        logging.WARNING,
        "another host holds the lease for %d ms more; end it or wait",
        e.remaining_ms,
    ),
    ev.LeaseLost: lambda _: (logging.WARNING, "lease ended: the board is on its own"),
    ev.Problem: lambda e: (logging.ERROR, "%s", e.message),
    ev.BoardEvent: _board_event,
    ev.CommandFailed: _command_failed,
    ev.Log: lambda e: (logging.INFO, "board says: %s", e.text),
}
"""What to say for each event; telemetry and replies are not news."""
