# SPDX-License-Identifier: Apache-2.0
# Who may command this board, until when, and what they have asked for. All of it ends with the
# lease: the shed groups then go through the normal restore path, the fan floor lapses.

from ..compat import ticks_add, ticks_diff

TTL_MIN_MS = 500
TTL_MAX_MS = 30_000

LEASE_GRANTED = 1  # BOARD_EVENT.reason for EV_LEASE
LEASE_EXPIRED = 2
LEASE_RELEASED = 3


class Lease:
    def __init__(self):
        self.held = False
        self.owner = 0
        self.shed_off = 0  # bit g: the host wants group g off
        self.fan_floor_permille = 0
        self.clear = False  # the host asks to leave SAFE and to lift lock-outs; decide resets it
        self._until_ms = 0

    # ms until expiry, 0 if nobody holds it.
    def left_ms(self, now_ms):
        if not self.held:
            return 0
        return max(0, ticks_diff(self._until_ms, now_ms))

    # Grant or renew from now; False while another owner holds it.
    def grant(self, now_ms, owner, ttl_ms):
        if self.held and owner != self.owner:
            return False
        self.held = True
        self.owner = owner
        self._until_ms = ticks_add(now_ms, ttl_ms)
        return True

    # True once, when the time has run out.
    def expire(self, now_ms):
        if not self.held or ticks_diff(self._until_ms, now_ms) > 0:
            return False
        self.release()
        return True

    def release(self):
        self.held = self.clear = False
        self.owner = self.shed_off = self.fan_floor_permille = 0
