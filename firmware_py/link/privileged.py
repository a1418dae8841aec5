# SPDX-License-Identifier: Apache-2.0
# Requests of boards that have a key: session, maintenance, reset. Imported only there:
#     state.auth = Auth(key, info, events); endpoint.served.append(privileged)

from . import wire as m
from . import wire_privileged as w
from .auth import NONCE_BYTES
from .commands import CommandError, ack, need_auth, need_lease

MAINT_MIN_MS = 1000
MAINT_MAX_MS = 3_600_000  # an hour: longer work renews it

_NO_MAINT = (m.STATE_BOOT, m.STATE_SELFTEST, m.STATE_SAFE)


def _challenge(state, _values, tail):
    if state.auth is None:
        raise CommandError(m.ERR_AUTH, w.AUTH_NO_KEY)
    if len(tail) != NONCE_BYTES:
        raise CommandError(m.ERR_LENGTH)
    return w.CHALLENGE_R, state.auth.challenge(tail)


# The supervisor takes maint_ms at its next tick and ends MAINT with the lease at the latest.
def _maint(state, values, _tail):
    need_auth(state)
    need_lease(state)
    ttl_ms = values[0]
    if ttl_ms and not MAINT_MIN_MS <= ttl_ms <= MAINT_MAX_MS:
        raise CommandError(m.ERR_RANGE, 0)
    if ttl_ms and state.state in _NO_MAINT:
        raise CommandError(m.ERR_STATE, state.state)
    state.maint_ms = ttl_ms
    return ack(w.MAINT, ttl_ms)


# The app resets once the answer has left.
def _reset(state, values, _tail):
    need_auth(state)
    need_lease(state)
    state.reset = values[0]
    return ack(w.RESET, values[0])


REQUESTS = w.REQUESTS
COMMANDS = {w.CHALLENGE: _challenge, w.MAINT: _maint, w.RESET: _reset}
