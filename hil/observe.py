# SPDX-License-Identifier: Apache-2.0
"""What the daemon says while it runs, as events of the run record."""

from edge.board_events import event_text
from edge.executor import CapResult
from edge.link import events as ev
from edge.observer import DaemonObserver
from edge.reason import CapWrite, Decision, Rule
from hil.decisions import entry_of
from hil.record import Recorder

WRITES_NAMED = 3


class RunObserver(DaemonObserver):
    """Turns decisions, cap failures and board events into run events."""

    def __init__(self, record: Recorder, names: tuple[str, ...], feeds: tuple[str, ...]) -> None:
        self._record = record
        self._names = names
        self._feeds = feeds
        self._state: tuple[object, ...] = ()
        self._caps_mw: list[int | None] = [None] * len(names)
        self._now_ms = 0

    def on_decision(self, decision: Decision) -> None:
        """One event for what falls, one for what rises."""
        self._now_ms = decision.now_ms
        state = (decision.lost_feed, decision.blind, decision.shed_groups)
        if decision.writes or state != self._state:
            self._record.decisions.append(entry_of(decision, self._names, self._feeds))
        self._state = state
        falls: list[str] = []
        rises: list[str] = []
        for write in decision.writes:
            before = self._caps_mw[write.load]
            lower = before is None or write.cap_mw < before
            (falls if lower else rises).append(self._write_text(write, decision))
            self._caps_mw[write.load] = write.cap_mw
        for kind, texts in (("cut", falls), ("raise", rises)):
            if texts:
                more = f" and {len(texts) - WRITES_NAMED} more" if len(texts) > WRITES_NAMED else ""
                self._record.event(
                    decision.now_ms, "host", kind, ", ".join(texts[:WRITES_NAMED]) + more
                )

    def _write_text(self, write: CapWrite, decision: Decision) -> str:
        why: str = write.rule
        if write.rule is Rule.ROW and write.row >= 0:
            why = f"row {decision.rows[write.row].name}"
        return f"{self._names[write.load]} {write.cap_mw / 1e6:.2f} kW ({why})"

    def on_cap_result(self, result: CapResult) -> None:
        """A cap that was not applied."""
        if result.error is not None:
            self._record.event(self._now_ms, "host", "refused", str(result.error))

    def on_link_event(self, event: ev.Event, now_ms: int) -> None:
        """Board events by name; loss and reboot of the link."""
        if isinstance(event, ev.BoardEvent):
            values = event.values
            said = event_text(values.code, values.group, values.reason, values.arg)
            self._record.event(now_ms, "board", said.kind, said.text)
        elif isinstance(event, ev.Lost):
            self._record.event(now_ms, "host", "link", f"board silent for {event.silent_ms} ms")
        elif isinstance(event, ev.Rebooted):
            self._record.event(now_ms, "host", "link", "board has rebooted")
        elif isinstance(event, ev.Connected):
            self._record.event(now_ms, "host", "link", f"connected to {event.board.tail}")
