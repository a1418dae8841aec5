# SPDX-License-Identifier: Apache-2.0
"""Authenticated requests from the host: golden vectors, and sessions with a keyed board."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import FrameDecoder, encode_frame
from edge.errors import ConfigError, LinkAuthError
from edge.link import Session
from edge.link import events as ev
from edge.link.auth import Authenticator, read_key
from firmware_py.link import messages as m
from tests.edge.link.fake_board import KINDS, FakeBoard, Fault, Rig, only
from tests.firmware.keyed import BOOT_NONCE, KEY, give_key

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "auth.json").read_text())
NONCE = bytes(range(50, 66))


class KeyedBoard(FakeBoard):
    """A board with a key; counts what it executes under it."""

    def __init__(self, key=KEY, **board) -> None:
        self.key = key
        super().__init__(**board)

    def _boot(self, boot_id: int, now_ms: int) -> None:
        super()._boot(boot_id, now_ms)
        self.state.state = m.STATE_HOSTED
        if self.key is not None:
            give_key(self.state, self.endpoint, self.key, BOOT_NONCE)


def bench(board=None, key=KEY, faults=(), back=(), **session):
    keys = None if key is None else Authenticator(key, NONCE)
    session = Session(**({"owner": 7, "nonce": 1, "authenticator": keys} | session))
    return Rig(session, KeyedBoard() if board is None else board, faults, back)


def command(rig, name, **values):
    """(Reply or CommandFailed) of one command."""
    token = rig.session.command(name, rig.now_ms, **values)
    (end,) = [e for e in rig.run(60) if getattr(e, "token", None) == token]
    return end


@pytest.mark.parametrize("challenge", range(len(GOLDEN["challenges"])))
def test_proof_and_frames_are_the_golden_ones(challenge):
    keys = Authenticator(bytes.fromhex(GOLDEN["key"]), NONCE)
    case = GOLDEN["challenges"][challenge]
    keys._nonce = bytes.fromhex(case["host_nonce"])
    keys.answered(GOLDEN["boot_id"], bytes.fromhex(case["board_nonce"] + case["proof"]))
    for frame in GOLDEN["frames"]:
        if frame["challenge"] == challenge:
            keys._counter = frame["counter"] - 1
            header = frame["type"], frame["seq"], frame["session"]
            sealed = keys.seal(*header, bytes.fromhex(frame["payload"]))
            assert encode_frame(m.AUTH, *header, sealed).hex() == frame["frame"]


def test_golden_frames_pass_the_decoder_of_the_host():
    decoder = FrameDecoder()
    for frame in GOLDEN["frames"]:
        (found,) = decoder.feed(bytes.fromhex(frame["frame"]))
        assert found.flags == m.AUTH
        assert len(found.payload) == len(frame["payload"]) // 2 + m.AUTH_BYTES


def test_session_proves_the_key_before_it_asks_for_the_lease():
    rig = bench()
    rig.run(30)
    order = [type(e) for e in rig.events if type(e) in (ev.KeyAccepted, ev.LeaseHeld)]
    assert order == [ev.KeyAccepted, ev.LeaseHeld]
    assert rig.board.state.sealed


def test_privileged_command_is_executed():
    rig = bench()
    rig.run(30)
    assert command(rig, "MAINT", ttl_ms=60_000).values.detail == 60_000
    assert rig.board.state.maint_ms == 60_000
    assert isinstance(command(rig, "RESET", reason=4), ev.Reply)
    assert rig.board.state.reset == 4


@pytest.mark.parametrize(
    ("board", "key", "says"),
    [
        (KEY, bytes(32), "another key"),
        (None, KEY, "holds no key"),
    ],
)
def test_without_a_common_key_all_but_privileged_commands_work(board, key, says):
    rig = bench(KeyedBoard(key=board), key)
    rig.run(30)
    (refused,) = only(rig.events, ev.KeyRefused)
    assert says in str(refused.error)
    assert isinstance(refused.error, LinkAuthError)
    assert isinstance(command(rig, "SHED", off=1), ev.Reply)
    failed = command(rig, "MAINT", ttl_ms=5000)
    assert isinstance(failed.error, LinkAuthError)


def test_host_without_a_key_is_told_what_to_do():
    rig = bench(key=None)
    rig.run(30)
    failed = command(rig, "MAINT", ttl_ms=5000)
    assert "give this host the key" in str(failed.error)
    assert (failed.code, failed.detail) == (m.ERR_AUTH, m.AUTH_NEEDED)


def test_board_that_forgot_the_session_is_challenged_again():
    rig = bench()
    rig.run(30)
    rig.board.state.auth._active = rig.board.state.auth._pending = None
    assert command(rig, "MAINT", ttl_ms=5000).detail == m.AUTH_NO_SESSION
    rig.run(60)
    assert len(only(rig.events, ev.KeyAccepted)) == 2
    assert isinstance(command(rig, "MAINT", ttl_ms=5000), ev.Reply)


def test_reboot_leads_to_a_new_authenticated_session():
    rig = bench()
    rig.run(30)
    rig.board.reboot(rig.now_ms)
    rig.run(60)
    assert len(only(rig.events, ev.KeyAccepted)) == 2
    assert isinstance(command(rig, "MAINT", ttl_ms=5000), ev.Reply)


FAULTS = st.lists(
    st.builds(Fault, st.integers(0, 250), st.sampled_from(KINDS), st.integers(0, 10**6)),
    max_size=25,
)


@settings(deadline=None, max_examples=20)
@given(FAULTS, FAULTS)
def test_faults_on_the_line_never_execute_a_command_twice_and_end_in_a_session(down, up):
    rig = bench(faults=down, back=up)
    executed = []
    tokens = {}

    def run(steps):
        for _ in range(steps):
            rig.run(1)
            if rig.board.state.maint_ms >= 0:
                executed.append(rig.board.state.maint_ms)
                rig.board.state.maint_ms = -1

    for _ in range(25):
        token = rig.session.command("MAINT", rig.now_ms, ttl_ms=1000 + len(tokens))
        tokens[token] = 1000 + len(tokens)
        run(10)
    run(400)
    assert len(executed) == len(set(executed))
    done = {tokens[e.token] for e in only(rig.events, ev.Reply) if e.token in tokens}
    assert done <= set(executed)
    assert isinstance(command(rig, "MAINT", ttl_ms=60_000), ev.Reply)


@pytest.mark.parametrize("text", [KEY.hex(), KEY.hex() + "\n", KEY.hex().upper()])
def test_key_file_is_hexadecimal(tmp_path, text):
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    assert read_key(path) == KEY


def test_key_file_may_be_the_bytes_themselves(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(KEY)
    path.chmod(0o640)
    assert read_key(path) == KEY


@pytest.mark.parametrize(
    ("data", "mode", "says"),
    [
        (b"00" * 31, 0o600, "64 hexadecimal digits"),
        (b"zz" * 32, 0o600, "64 hexadecimal digits"),
        (b"\xff" * 33, 0o600, "64 hexadecimal digits"),
        (KEY, 0o604, "chmod 600"),
        (None, 0, "give the key"),
    ],
)
def test_key_file_that_cannot_be_used_says_why(tmp_path, data, mode, says):
    path = tmp_path / "key"
    if data is not None:
        path.write_bytes(data)
        path.chmod(mode)
    with pytest.raises(ConfigError, match=says):
        read_key(path)


def test_two_runs_of_a_host_never_use_one_nonce():
    keys = Authenticator(KEY, NONCE)
    assert (
        len({keys.challenge() for _ in range(50)} | {Authenticator(KEY, KEY[:16]).challenge()})
        == 51
    )


def test_nothing_is_sealed_before_the_board_has_answered():
    with pytest.raises(LinkAuthError, match="connect first"):
        Authenticator(KEY, NONCE).seal(m.MAINT, 1, 1, b"")
