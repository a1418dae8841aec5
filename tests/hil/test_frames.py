# SPDX-License-Identifier: Apache-2.0
"""The passive decoder: any bytes, any chunks, both directions."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.frame import encode_frame
from edge.link import fields
from edge.link.messages import OWN
from firmware_py.link import messages as m
from hil.frame_text import document_of, event_line, line_of
from hil.frames import RUN_MAX_BYTES, Sniffer

TELEMETRY = {
    name: 0 for name, _, _ in next(row for row in m.MESSAGES if row[1] == "TELEMETRY")[4]
} | {"state": m.STATE_LOCAL, "feed_a_mw": 1_200_000, "feed_b_mw": m.INVALID, "ttt_a_ms": m.NEVER_MS}
SHED = {
    "t_ms": 900,
    "code": m.EV_SHED,
    "group": 2,
    "reason": m.SHED_BREAKER,
    "count": 1,
    "arg": 812,
}


def frame(name, seq=12, bits=0, extra=b"", **values):
    type_, payload = OWN.pack(name, **values)
    return encode_frame(bits, type_, seq, 0x1234, payload + extra)


def damaged(data, at=8):
    return data[:at] + bytes((data[at] ^ 1 or 3,)) + data[at + 1 :]


GOOD = (
    frame("TELEMETRY", **TELEMETRY),
    frame("BOARD_EVENT", bits=m.EVENT, **SHED),
    frame("LEASE", owner=7, ttl_ms=3000),
    frame("LOADS", tail=(5, m.INVALID)),
)
any_bytes = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(GOOD),
        st.sampled_from(GOOD).map(damaged),
        st.integers(1, 1500).map(lambda n: b"\x07" * n),
    ),
    max_size=8,
).map(b"".join)


@given(any_bytes, st.lists(st.integers(0, 3000), max_size=12), st.booleans())
def test_entries_do_not_depend_on_the_chunks_and_no_byte_is_lost(data, cuts, up):
    whole = Sniffer()
    expected = whole.take(up, data, 5) + whole.finish(5)
    parts = Sniffer()
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    got = []
    for begin, end in pairwise(edges):
        got += parts.take(up, data[begin:end], 5)
    got += parts.finish(5)
    assert got == expected
    assert (parts.up, parts.down) == (whole.up, whole.down)
    assert parts.telemetry == whole.telemetry
    assert parts.board_events == whole.board_events
    assert b"".join(entry.raw for entry in got) == data.replace(b"\0", b"")
    for entry in got:
        assert len(entry.raw) <= RUN_MAX_BYTES
        assert json.loads(json.dumps(document_of(entry)))["hex"] == entry.raw.hex()


@given(any_bytes)
def test_every_entry_is_counted_once(data):
    sniffer = Sniffer()
    entries = sniffer.take(True, data, 0) + sniffer.finish(0)
    garbage = sum(len(e.raw) for e in entries if e.name == "garbage")
    damaged_frames = sum(e.name == "crc" for e in entries)
    assert sniffer.garbage_bytes == sniffer.up.garbage_bytes == garbage
    assert sniffer.crc_errors == damaged_frames
    assert sniffer.frames == len(entries) - damaged_frames - sum(
        e.name == "garbage" for e in entries
    )
    assert sniffer.down.frames == 0


def test_directions_are_apart_and_the_newest_telemetry_is_at_hand():
    sniffer = Sniffer()
    up, down = GOOD[0], GOOD[2]
    assert sniffer.take(True, up[:9], 10) == []
    assert [e.name for e in sniffer.take(False, down, 11)] == ["LEASE"]
    (entry,) = sniffer.take(True, up[9:], 12)
    assert (entry.t_ms, entry.up, entry.name) == (12, True, "TELEMETRY")
    assert sniffer.telemetry == fields.Telemetry(**TELEMETRY)
    assert sniffer.telemetry_ms == 12
    assert (sniffer.up.frames, sniffer.down.frames) == (1, 1)


def test_a_copy_made_by_the_line_is_no_second_event():
    sniffer = Sniffer()
    again = frame("BOARD_EVENT", seq=13, bits=m.EVENT, **SHED)
    assert len(sniffer.take(True, GOOD[1] + GOOD[1] + again, 1000)) == 3
    assert [t for t, _ in sniffer.board_events] == [1000, 1000]
    # An echo of the host's side is no event of the board.
    sniffer.take(False, frame("BOARD_EVENT", seq=14, **SHED), 1001)
    assert len(sniffer.board_events) == 2


def texts(data, up=True):
    return [line_of(entry) for entry in Sniffer().take(up, data, 0)]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (GOOD[0], "TELEMETRY seq 12 t_ms=0 state=LOCAL "),
        (GOOD[0], " feed_a_mw=1200000 feed_b_mw=invalid ttt_a_ms=never "),
        (GOOD[1], "BOARD_EVENT seq 12 t_ms=900 code=SHED group=2 reason=BREAKER count=1 arg=812"),
        (GOOD[2], "LEASE seq 12 owner=7 ttl_ms=3000"),
        (GOOD[3], "LOADS seq 12 tail=[5 invalid]"),
        (frame("LOG", level=2, tail="a 'b'"), "LOG seq 12 level=2 tail=\"a 'b'\""),
        (frame("ERR", request=m.SHED, code=m.ERR_BUSY, detail=9), "request=SHED code=BUSY "),
        (frame("PING", tail=bytes(30)), "PING seq 12 tail=" + "00 " * 24 + "…"),
        (encode_frame(0, 0xEE, 3, 0, b"ab"), "unknown type 0xee seq 3 61 62"),
        (encode_frame(0, m.LEASE, 3, 0, b"a"), "unknown type 0x06 seq 3 61"),
        (damaged(GOOD[2]), "crc 17 bytes, damaged frame: "),
        (b"\x01\x02\x03\0", "garbage 3 bytes, no frame: 01 02 03"),
        # An authenticated request: counter and MAC are no values.
        (frame("SHED", bits=m.AUTH, extra=bytes(12), off=5), "SHED seq 12 off=5"),
    ],
)
def test_a_person_can_read_every_entry(data, text):
    (line,) = texts(data)
    assert text in line
    assert line.startswith(text.split()[0]) or text.startswith((" ", "request"))


def test_json_has_header_values_and_bytes():
    (entry,) = Sniffer().take(True, GOOD[1], 77)
    assert document_of(entry) == {
        "t_ms": 77,
        "dir": "up",
        "name": "BOARD_EVENT",
        "type": m.BOARD_EVENT,
        "seq": 12,
        "session": 0x1234,
        "flags": ["EVENT"],
        "values": SHED,
        "text": "BOARD_EVENT seq 12 t_ms=900 code=SHED group=2 reason=BREAKER count=1 arg=812",
        "hex": GOOD[1].strip(b"\0").hex(),
    }
    (loads,) = Sniffer().take(True, GOOD[3], 0)
    assert document_of(loads)["values"] == {"tail": [5, None]}


def test_board_events_have_a_line_of_their_own():
    values = fields.BoardEvent(**SHED)
    assert event_line(values) == "SHED group 2, reason BREAKER, arg 812"
    state = values._replace(code=m.EV_STATE, group=m.STATE_HOSTED, reason=m.STATE_DEGRADED)
    assert event_line(state) == "STATE HOSTED to DEGRADED"
    assert event_line(values._replace(code=99)).startswith("code 99 ")


def test_a_run_without_an_end_is_not_kept_for_ever():
    sniffer = Sniffer()
    pieces = [entry for _ in range(1000) for entry in sniffer.take(True, b"\x55" * 100, 0)]
    assert sum(len(p.raw) for p in pieces) > 100_000 - RUN_MAX_BYTES
    assert {p.name for p in pieces} == {"garbage"}
    # Its last piece is garbage even if it would pass for a frame.
    tail = GOOD[2].strip(b"\0")
    assert [e.name for e in sniffer.take(True, tail + b"\0" + GOOD[2], 0)][-2:] == [
        "garbage",
        "LEASE",
    ]
