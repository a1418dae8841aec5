# SPDX-License-Identifier: Apache-2.0
"""What a technician does to a board: clear, maintain, restart. Each sees that it came to pass."""

from collections.abc import Callable
from typing import NamedTuple

from edge.board_client import BoardClient, BoardRefusal
from edge.board_events import STATE_NAMES, name_of
from edge.errors import LinkError
from edge.link import events as ev
from edge.link import fields
from firmware_py.link import messages as m

SETTLE_S = 3.0
"""A state follows a command within a tick; the self-test that comes then lasts about a second."""
MAINT_MAX_MS = 3_600_000
"""Longest that one MAINT grants; longer work asks again."""
RENEW_MS = 3_000_000
"""Time after which it is asked for again."""
SPARE_MS = 5_000
"""Granted beyond the end, so that it is this host that ends it."""


class Cleared(NamedTuple):
    """What CLEAR_SAFE changed."""

    before: fields.Telemetry
    after: fields.Telemetry

    def document(self) -> dict[str, object]:
        """For scripts."""
        return {
            "before": name_of(STATE_NAMES, self.before.state),
            "after": name_of(STATE_NAMES, self.after.state),
            "lockouts_lifted": bool(self.before.flags & ~self.after.flags & m.FLAG_LOCKOUT),
        }

    def text(self) -> str:
        """For people."""
        words = []
        if self.before.state == m.STATE_SAFE:
            words.append(f"left SAFE, now {name_of(STATE_NAMES, self.after.state)}")
        if self.before.flags & ~self.after.flags & m.FLAG_LOCKOUT:
            words.append("lock-outs lifted; groups come back one by one, as there is headroom")
        return "cleared: " + "; ".join(words or ["nothing has changed"])


def clear(client: BoardClient) -> Cleared:
    """CLEAR_SAFE. Raises LinkError if there is nothing to clear or the cause is still there."""
    before = client.telemetry()
    try:
        client.command("CLEAR_SAFE", reason=0)
    except BoardRefusal as refused:
        if refused.code != m.ERR_STATE:
            raise
        raise LinkError(_why_not(before)) from refused
    after = before
    for event in client.stream(SETTLE_S):
        if isinstance(event, ev.Telemetry):
            after = event.values
            passing = after.state in (m.STATE_SAFE, m.STATE_BOOT, m.STATE_SELFTEST)
            if not passing and not after.flags & m.FLAG_LOCKOUT:
                break
    if after.state == m.STATE_SAFE:
        raise LinkError(
            "the board took it and is in SAFE again: the cause is back; see its journal"
        )
    return Cleared(before, after)


def _why_not(seen: fields.Telemetry) -> str:
    if seen.state == m.STATE_SAFE:
        return (
            "the board stays in SAFE: the cause is still there (a leak, or sensors that it cannot "
            "do without); `rackedge board status` and `journal` show which"
        )
    return "there is nothing to clear: the board is not in SAFE, and no group is locked out"


def maintain(client: BoardClient, ms: int, left: Callable[[int], None]) -> bool:
    """Hold MAINT for `ms`, or until somebody ends it; `left` gets the rest, in ms.

    False if somebody did. MAINT is ended on the way out, also by Ctrl-C. Raises LinkError.
    """
    end_ms = client.now_ms + ms
    renew_ms = client.now_ms
    try:
        while client.now_ms < end_ms:
            rest_ms = end_ms - client.now_ms
            if client.now_ms >= renew_ms:
                granted_ms = min(rest_ms + SPARE_MS, MAINT_MAX_MS)
                _enter(client, granted_ms)
                renew_ms = end_ms if granted_ms > rest_ms else renew_ms + RENEW_MS
            left(rest_ms)
            for event in client.stream(min(1.0, rest_ms / 1000)):
                _watch(event)
                if isinstance(event, ev.Telemetry) and event.values.state != m.STATE_MAINT:
                    return False
    except KeyboardInterrupt:
        end_maintenance(client)
        raise
    end_maintenance(client)
    return True


def _enter(client: BoardClient, ms: int) -> None:
    client.command("MAINT", ttl_ms=ms)
    _until(client, lambda state: state == m.STATE_MAINT, "did not enter maintenance")


def _watch(event: ev.Event) -> None:
    if isinstance(event, ev.Rebooted):
        raise LinkError("the board has started again: maintenance is over; begin it again")
    if isinstance(event, ev.Lost):
        raise LinkError(f"the board is silent for {event.silent_ms} ms: maintenance ends by itself")


def end_maintenance(client: BoardClient) -> bool:
    """False if the board was not in maintenance. Raises LinkError."""
    was = client.telemetry().state == m.STATE_MAINT
    client.command("MAINT", ttl_ms=0)
    _until(client, lambda state: state != m.STATE_MAINT, "is still in maintenance")
    return was


def _until(client: BoardClient, wanted: Callable[[int], bool], else_: str) -> None:
    state = m.STATE_BOOT
    for event in client.stream(SETTLE_S):
        if isinstance(event, ev.Telemetry):
            state = event.values.state
            if wanted(state):
                return
    raise LinkError(f"the board took it and {else_} (it is {name_of(STATE_NAMES, state)})")


def restart(client: BoardClient) -> fields.HelloR:
    """RESET; what the board says of itself once it is back. Raises LinkTimeout."""
    before = client.board.boot_id
    client.command("RESET", reason=0)
    return client.reboot(before)
