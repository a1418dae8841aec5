# SPDX-License-Identifier: Apache-2.0
"""Privileged requests: what a key protects, request by request, and what forgers get."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link import auth
from firmware_py.link import messages as m
from tests.firmware.keyed import HOST_NONCE, KEY, Board, Host
from tests.firmware.rig import OWNER, bodies, frame, unpack, wire
from tests.reference import auth as reference

GOOD = -1


class Line:
    """A board, a host that knows its key, and what each says to the other."""

    def __init__(self, **board):
        self.board = Board(**board)
        self.host = Host()

    def plain(self, kind, payload=b"", session=None):
        self.board.seq += 1
        session = self.board.session if session is None else session
        return self.answer(frame(kind, self.board.seq, payload, session))

    def answer(self, data):
        (body,) = bodies(self.board.hear(data))
        name, values, tail = unpack(body)
        return (name, values.get("code", 0), values.get("detail", 0), tail)

    def challenge(self, nonce=None):
        return self.plain(m.CHALLENGE, self.host.nonce if nonce is None else nonce)[3]

    def open(self):
        assert self.host.opened(self.board.state.info.boot_id, self.challenge())
        return self

    def leased(self):
        assert self.open().sealed(m.LEASE, struct.pack("<IH", OWNER, 30_000))[0] == "ACK"
        return self

    def body(self, kind, payload=b"", **how):
        self.board.seq += 1
        how.setdefault("session", self.board.session)
        return self.host.seal(kind, self.board.seq, payload, **how)

    def sealed(self, kind, payload=b"", **how):
        return self.answer(wire(self.body(kind, payload, **how)))


def refused(answer):
    name, code, detail, _ = answer
    assert name == "ERR"
    assert code == m.ERR_AUTH
    return detail


PRIVILEGED = [
    (m.CLEAR_SAFE, b"\1"),
    (m.MAINT, struct.pack("<I", 60_000)),
    (m.RESET, b"\1"),
    (m.CONFIG_BEGIN, struct.pack("<HI", 10, 0)),
    (m.CONFIG_DATA, struct.pack("<H", 0) + b"x"),
    (m.CONFIG_COMMIT, b"\0"),
    (m.CONFIG_READ, struct.pack("<HB", 0, 10)),
]


@pytest.mark.parametrize(("kind", "payload"), PRIVILEGED)
def test_privileged_requests_need_a_key_then_a_mac_then_the_lease(kind, payload):
    blank = Line(key=None)
    assert refused(blank.plain(kind, payload)) == m.AUTH_NO_KEY
    line = Line()
    assert refused(line.plain(kind, payload)) == m.AUTH_NEEDED
    assert refused(line.sealed(kind, payload)) == m.AUTH_NO_SESSION
    assert line.open().sealed(kind, payload)[:2] == ("ERR", m.ERR_NO_LEASE)
    assert line.leased().sealed(kind, payload)[1] not in (m.ERR_AUTH, m.ERR_NO_LEASE)


def test_shed_and_fan_floor_need_the_lease_only():
    line = Line()
    line.plain(m.LEASE, struct.pack("<IH", OWNER, 3000))
    assert line.plain(m.SHED, b"\x02\0")[0] == "ACK"
    assert line.plain(m.FAN_FLOOR, b"\x02\0")[0] == "ACK"


def test_board_proves_its_key_and_draws_a_new_nonce_each_time():
    line = Line()
    first, second = line.challenge(), line.challenge()
    assert first != second
    assert line.host.opened(0x1234_5678, second)
    assert not Host(key=bytes(32)).opened(0x1234_5678, second)


@pytest.mark.parametrize("nonce", [b"", bytes(15), bytes(17)])
def test_nonce_of_another_length_is_refused(nonce):
    assert Line().plain(m.CHALLENGE, nonce)[:2] == ("ERR", m.ERR_LENGTH)


@settings(deadline=None, max_examples=150)
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7), payload=st.binary(max_size=40))
def test_no_bit_of_an_authenticated_request_can_be_changed(at, bit, payload):
    line = Line().open()
    body = bytearray(line.body(m.PING, payload))
    covered = len(body) - m.CRC_BYTES
    body[at % covered] ^= 1 << bit
    assert line.board.state.auth.refusal(body, 0) == m.AUTH_WRONG_MAC


def test_replay_reordering_other_session_and_other_board_are_refused():
    line = Line().leased()
    maint = line.body(m.MAINT, struct.pack("<I", 5000))
    older = line.body(m.MAINT, struct.pack("<I", 6000), counter=50)
    assert line.answer(wire(older))[0] == "ACK"
    line.board.state.maint_ms = -1
    assert refused(line.answer(wire(maint))) == m.AUTH_REPLAY  # overtaken
    line.sealed(m.PING, counter=51)
    assert refused(line.answer(wire(older))) == m.AUTH_REPLAY  # no longer the last request
    twin = Line(nonce=bytes(16)).open()  # the same key and session number, another boot
    assert refused(twin.answer(wire(older))) == m.AUTH_WRONG_MAC
    other = Line(key=bytes(reversed(KEY)))
    other.challenge()
    assert refused(other.answer(wire(older))) == m.AUTH_WRONG_MAC
    line.open()  # a new session of the same host
    line.sealed(m.PING)
    assert refused(line.answer(wire(older))) == m.AUTH_WRONG_MAC
    assert line.board.state.maint_ms == -1


def test_recorded_challenge_does_not_bring_an_old_session_back():
    line = Line().leased()
    recorded = line.body(m.MAINT, struct.pack("<I", 5000))
    line.answer(wire(recorded))
    line.board.state.maint_ms = -1
    line.challenge(HOST_NONCE)  # the attacker repeats what the host once said
    line.plain(m.PING)
    assert refused(line.answer(wire(recorded))) == m.AUTH_REPLAY
    assert line.board.state.maint_ms == -1


def test_session_of_another_boot_is_refused_even_if_its_nonce_came_again():
    line = Line().leased()
    recorded = line.body(m.MAINT, struct.pack("<I", 5000))
    other = Line(boot_id=0x9999_5678).open()  # by chance the same 16 bits of session
    assert refused(other.answer(wire(recorded))) == m.AUTH_WRONG_MAC


def test_retry_is_answered_alike_and_executed_once():
    line = Line().leased()
    maint = wire(line.body(m.MAINT, struct.pack("<I", 5000)))
    first = line.board.hear(maint)
    line.board.state.maint_ms = -1
    assert line.board.hear(maint) == first
    assert line.board.state.maint_ms == -1


def test_forger_between_request_and_retry_cannot_have_it_executed_twice():
    line = Line().leased()
    maint = wire(line.body(m.MAINT, struct.pack("<I", 5000)))
    first = line.board.hear(maint)
    line.board.state.maint_ms = -1
    line.answer(wire(Host(key=bytes(32)).seal(m.RESET, 1, b"\1", line.board.session)))
    assert line.board.hear(maint) == first
    assert line.board.state.maint_ms == -1


def test_whoever_can_only_challenge_cannot_end_a_session():
    line = Line().leased()
    for _ in range(20):
        line.plain(m.CHALLENGE, bytes(16))
    assert line.sealed(m.PING)[0] == "ACK"


def forge(line, n=1):
    forger = Host(key=bytes(32))
    return [
        refused(line.answer(wire(forger.seal(m.RESET, i, b"\1", line.board.session))))
        for i in range(n)
    ]


def test_refusals_are_counted_and_told_but_do_not_flood_the_journal():
    line = Line().open()
    line.board.note()
    assert forge(line, 5) == [m.AUTH_WRONG_MAC] * 5
    assert line.board.note() == [(m.EV_AUTH, m.AUTH_WRONG_MAC, 1)]
    assert line.board.endpoint.rx_errors() == 5
    line.board.now_ms += 10_000
    forge(line)
    assert line.board.note() == [(m.EV_AUTH, m.AUTH_WRONG_MAC, 6)]


def test_guessing_is_locked_out_for_longer_and_longer_and_ends_by_itself():
    line = Line().open()
    forge(line, 8)
    assert line.board.note()[-1] == (m.EV_AUTH, m.AUTH_LOCKED, 8)
    waits = []
    for _ in range(9):
        (left_ms,) = forge(line)
        waits.append(left_ms)
        assert refused(line.sealed(m.PING)) == left_ms  # nobody gets in meanwhile
        line.board.now_ms += left_ms
        assert forge(line) == [m.AUTH_WRONG_MAC]
    assert waits == [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 64_000, 64_000]
    line.board.now_ms += 64_000
    assert line.sealed(m.PING)[0] == "ACK"
    assert forge(line) == [m.AUTH_WRONG_MAC]  # the count begins anew


def test_lock_out_ends_even_if_nobody_asks_for_half_a_turn_of_the_clock():
    line = Line().open()
    forge(line, 8)
    line.board.now_ms = (line.board.now_ms + (1 << 29) + 5000) & ((1 << 30) - 1)
    assert line.sealed(m.PING)[0] == "ACK"


def test_lock_out_stops_nothing_but_authenticated_requests():
    line = Line()
    line.plain(m.LEASE, struct.pack("<IH", OWNER, 30_000))
    line.open()
    forge(line, 20)
    assert line.plain(m.SHED, b"\x02\0")[0] == "ACK"
    assert line.plain(m.PING)[0] == "ACK"


def test_short_authenticated_frames_are_refused():
    line = Line().open()
    for length in range(12):
        (body,) = bodies(line.board.hear(frame(m.PING, 1, bytes(length), 0x5678, m.AUTH)))
        assert unpack(body)[1]["detail"] in (m.AUTH_WRONG_MAC, 1000, 2000, 4000)


def test_hmac_is_that_of_the_standard_library():
    for length in (0, 1, 32, 63, 64):
        key, message = bytes(range(length)), bytes(range(200))
        want = reference.hmac.digest(key, message, "sha256")
        assert auth.Hmac(key).digest(message) == want


@pytest.mark.parametrize(("key", "nonce"), [(bytes(31), bytes(16)), (bytes(32), bytes(15))])
def test_weak_key_or_nonce_is_a_configuration_error(key, nonce):
    board = Board(key=None)
    board.state.info.nonce = nonce
    with pytest.raises(ValueError, match="32 bytes"):
        auth.Auth(key, board.state.info, board.events)


@pytest.mark.parametrize(
    ("state", "ttl_ms", "code"),
    [
        (m.STATE_HOSTED, 60_000, 0),
        (m.STATE_DEGRADED, 3_600_000, 0),
        (m.STATE_MAINT, 1000, 0),
        (m.STATE_HOSTED, 0, 0),
        (m.STATE_SAFE, 0, 0),
        (m.STATE_HOSTED, 999, m.ERR_RANGE),
        (m.STATE_HOSTED, 3_600_001, m.ERR_RANGE),
        (m.STATE_SAFE, 60_000, m.ERR_STATE),
        (m.STATE_SELFTEST, 60_000, m.ERR_STATE),
    ],
)
def test_maintenance_is_for_a_time_and_not_from_safe(state, ttl_ms, code):
    line = Line().leased()
    line.board.state.state = state
    assert line.sealed(m.MAINT, struct.pack("<I", ttl_ms))[1] == code
    assert line.board.state.maint_ms == (-1 if code else ttl_ms)


def test_reset_waits_for_its_answer():
    line = Line().leased()
    assert line.sealed(m.RESET, b"\x07")[0] == "ACK"
    assert line.board.state.reset == 7
