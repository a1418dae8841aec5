# SPDX-License-Identifier: Apache-2.0
"""A port without our board gives one sentence that says what is wrong."""

import binascii

import pytest

from edge.core import FrameDecoder, encode_frame
from edge.link import Session
from edge.link import events as ev
from edge.link.messages import OWN
from firmware_py.link import messages as m

from .fake_board import FakeBoard

BANNER = b"\r\nMicroPython v1.29.0 on 2026-06-09; Raspberry Pi Pico with RP2040\r\n>>> "


def problems(answer, steps=600) -> list[ev.Problem]:
    """Events of a session whose port answers `answer(what was sent, now_ms)`."""
    session = Session(owner=1, nonce=1)
    session.start(0)
    events = []
    for now_ms in range(0, steps * 10, 10):
        events += session.receive(answer(session.data_to_send(), now_ms), now_ms)
        events += session.poll(now_ms)
    return events


def version_two(sent: bytes, _now_ms: int) -> bytes:
    """What a board of link version 2 would send."""
    if not sent:
        return b""
    body = bytes([2 << 4 | m.RESP, m.ERR, 1, 0, 0, 0]) + bytes(6)
    body += binascii.crc32(body).to_bytes(4, "little")
    encoded, block = bytearray(), bytearray()
    for byte in [*body, 0]:
        if byte:
            block.append(byte)
        else:
            encoded += bytes([len(block) + 1]) + block
            block.clear()
    return b"\0" + bytes(encoded) + b"\0"


def refuse_version(sent: bytes, _now_ms: int) -> bytes:
    out = b""
    for frame in FrameDecoder().feed(sent):
        type_, payload = OWN.pack("ERR", request=frame.type, code=m.ERR_VERSION, detail=3)
        out += encode_frame(m.RESP, type_, frame.seq, 0, payload)
    return out


def silent(_sent: bytes, _now_ms: int) -> bytes:
    return b""


def echo(sent: bytes, _now_ms: int) -> bytes:
    return sent


def wrong_baud(_sent: bytes, _now_ms: int) -> bytes:
    return b"\xf0\x0e\x1c" * 9


def gps(_sent: bytes, now_ms: int) -> bytes:
    return b"$GPGGA,0915\r\n" if now_ms == 0 else b""


def repl(_sent: bytes, now_ms: int) -> bytes:
    return BANNER if now_ms == 50 else b""


def heard_but_deaf(_sent: bytes, now_ms: int) -> bytes:
    board = FakeBoard()
    return board.event(m.LOG, b"\1hello") if now_ms % 100 == 0 else b""


@pytest.mark.parametrize(
    ("answer", "trouble", "says"),
    [
        (silent, ev.Trouble.SILENT, "baud"),
        (heard_but_deaf, ev.Trouble.SILENT, "from host to board"),
        (repl, ev.Trouble.REPL, "firmware_py"),
        (wrong_baud, ev.Trouble.FOREIGN, "baud"),
        (gps, ev.Trouble.FOREIGN, "GPGGA"),
        (echo, ev.Trouble.ECHO, "RX and TX"),
        (version_two, ev.Trouble.VERSION, "version"),
        (refuse_version, ev.Trouble.VERSION, "version 3"),
    ],
    ids=["silent", "deaf", "repl", "wrong baud", "gps", "echo", "version", "refused"],
)
def test_trouble_is_named_once_and_says_what_to_do(answer, trouble, says):
    events = problems(answer)
    assert [event.trouble for event in events] == [trouble]
    assert says in events[0].message


def test_silent_port_is_asked_on_once_a_second_for_ever():
    sent_ms = []

    def note(sent: bytes, now_ms: int) -> bytes:
        if sent:
            sent_ms.append(now_ms)
        return b""

    problems(note, steps=3000)
    late = [now_ms for now_ms in sent_ms if now_ms > 5000]
    assert len(late) == 25


def test_board_that_comes_up_late_is_taken():
    board = FakeBoard()
    events = problems(lambda sent, now_ms: board.exchange(sent, now_ms) if now_ms > 4000 else b"")
    assert [type(event) for event in events[:3]] == [ev.Problem, ev.Connected, ev.LeaseHeld]
