# SPDX-License-Identifier: Apache-2.0
"""Two masters on one board: who gets the lease, and what the other one is told."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link import messages as m
from tests.firmware.keyed import Board, Host
from tests.firmware.rig import bodies, frame, unpack, wire

A, B = 7, 8
TTL_MS = 3000


class Masters:
    """Requests of several masters, plain or with a MAC, at a time in ms after the first."""

    def __init__(self):
        self.board = Board()
        self.host = Host()
        tail = self.say(0, "plain", m.CHALLENGE, self.host.nonce)[2]
        assert self.host.opened(self.board.state.info.boot_id, tail)

    def say(self, at_ms, how, kind, payload):
        self.board.now_ms = 1000 + at_ms
        self.board.seq += 1
        if how == "mac":
            data = wire(self.host.seal(kind, self.board.seq, payload, self.board.session))
        else:
            data = frame(kind, self.board.seq, payload, self.board.session)
        (body,) = bodies(self.board.hear(data))
        name, values, tail = unpack(body)
        return (name, (values.get("code", 0), values.get("detail", 0)), tail)

    def lease(self, at_ms, how, owner, ttl_ms=TTL_MS):
        name, told, _ = self.say(at_ms, how, m.LEASE, struct.pack("<IH", owner, ttl_ms))
        return "ok" if name == "ACK" else told


def busy(left_ms):
    return (m.ERR_BUSY, left_ms)


NEEDED = (m.ERR_AUTH, m.AUTH_NEEDED)

# Each row: what is asked in turn as (at ms, how, owner, ttl ms), and the answers.
TABLE = {
    "second owner waits": (
        [(0, "plain", A, TTL_MS), (500, "plain", B, TTL_MS), (2999, "plain", B, TTL_MS)],
        ["ok", busy(2500), busy(1)],
    ),
    "second owner after expiry": (
        [(0, "plain", A, TTL_MS), (3000, "plain", B, TTL_MS), (3100, "plain", A, TTL_MS)],
        ["ok", "ok", busy(2900)],
    ),
    "second owner cannot release": (
        [(0, "plain", A, TTL_MS), (500, "plain", B, 0), (600, "plain", B, TTL_MS)],
        ["ok", busy(2500), busy(2400)],
    ),
    "owner renews and is not overtaken": (
        [(0, "plain", A, TTL_MS), (1000, "plain", A, TTL_MS), (3500, "plain", B, TTL_MS)],
        ["ok", "ok", busy(500)],
    ),
    "restarted owner resumes with its id": (
        [(0, "plain", A, 30_000), (10_000, "plain", A, 500), (10_600, "plain", B, TTL_MS)],
        ["ok", "ok", "ok"],
    ),
    "owner hands over": (
        [(0, "plain", A, TTL_MS), (100, "plain", A, 0), (200, "plain", B, TTL_MS)],
        ["ok", "ok", "ok"],
    ),
    "a MAC takes over from who has none": (
        [(0, "plain", B, 30_000), (100, "mac", A, TTL_MS), (200, "plain", B, TTL_MS)],
        ["ok", "ok", busy(2900)],
    ),
    "nobody passes for the owner that has a MAC": (
        [(0, "mac", A, TTL_MS), (100, "plain", A, 30_000), (200, "plain", A, 0)],
        ["ok", NEEDED, NEEDED],
    ),
    "a MAC does not take over from a MAC": (
        [(0, "mac", A, TTL_MS), (100, "mac", B, TTL_MS), (3000, "mac", B, TTL_MS)],
        ["ok", busy(2900), "ok"],
    ),
    "a lease once sealed is open again after its end": (
        [(0, "mac", A, TTL_MS), (3000, "plain", B, TTL_MS), (3100, "plain", B, 0)],
        ["ok", "ok", "ok"],
    ),
    "owner seals the lease it holds": (
        [(0, "plain", A, TTL_MS), (100, "mac", A, TTL_MS), (200, "plain", A, TTL_MS)],
        ["ok", "ok", NEEDED],
    ),
}


@pytest.mark.parametrize(("asked", "answers"), TABLE.values(), ids=TABLE.keys())
def test_lease_has_one_owner(asked, answers):
    masters = Masters()
    assert [masters.lease(*request) for request in asked] == answers


def test_commands_under_a_sealed_lease_need_the_mac():
    masters = Masters()
    masters.lease(0, "mac", A)
    assert masters.say(100, "plain", m.SHED, b"\x02\0")[1] == NEEDED
    assert masters.say(200, "plain", m.FAN_FLOOR, b"\x02\0")[1] == NEEDED
    assert masters.say(300, "mac", m.SHED, b"\x02\0")[0] == "ACK"


def test_what_the_old_owner_asked_for_ends_when_another_takes_over():
    masters = Masters()
    masters.lease(0, "plain", B)
    masters.say(100, "plain", m.SHED, b"\x02\0")
    masters.lease(200, "mac", A)
    assert masters.board.lease.shed_off == 0
    assert [code for code, *_ in masters.board.note()] == [m.EV_LEASE, m.EV_LEASE]


def test_restarted_owner_keeps_what_it_had_asked_for():
    masters = Masters()
    masters.lease(0, "plain", A)
    masters.say(100, "plain", m.SHED, b"\x02\0")
    masters.say(200, "plain", m.HELLO, struct.pack("<IIH", A, 5, 240))
    masters.lease(300, "plain", A)
    assert masters.board.lease.shed_off == 2


REQUESTS = st.tuples(
    st.integers(0, 400),
    st.sampled_from([m.LEASE, m.SHED, m.FAN_FLOOR, m.PING, m.CLEAR_SAFE, m.MAINT, m.RESET, 0x55]),
    st.binary(max_size=8),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(REQUESTS, max_size=30))
def test_babbling_master_neither_renews_steals_nor_ends_a_sealed_lease(babble):
    masters = Masters()
    masters.lease(0, "mac", A, 30_000)
    masters.say(0, "mac", m.SHED, b"\x02\0")
    at_ms = 0
    for wait_ms, kind, payload in babble:
        at_ms += wait_ms
        masters.say(at_ms, "plain", kind, payload)
    lease = masters.board.lease
    assert (lease.owner, lease.shed_off) == (A, 2)
    assert lease.left_ms(masters.board.now_ms) == 30_000 - at_ms
    assert masters.board.state.reset == masters.board.state.maint_ms == -1
