# SPDX-License-Identifier: Apache-2.0
"""A slow reader gets fewer frames, and none that is torn."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers import whole
from hil.drivers.whole import TORN_MAX_BYTES, WholeFrames

FRAMES = st.lists(st.binary(min_size=1, max_size=9).map(lambda b: b.replace(b"\0", b"\1")))
CUTS = st.lists(st.integers(1, 12), min_size=1)
ROOMS = st.lists(st.one_of(st.just(0), st.integers(0, 30)), min_size=1)


def through(data, cuts, rooms):
    """What comes out, and how many bytes did not, of `data` in pieces, with so much room each."""
    one, out, at, turn = WholeFrames(), b"", 0, 0
    with pytest.MonkeyPatch.context() as patch:
        while at < len(data):
            room = rooms[turn % len(rooms)]
            patch.setattr(whole, "write_some", lambda _fd, block, room=room: min(room, len(block)))
            size = cuts[turn % len(cuts)]
            out += one.write(0, data[at : at + size])
            at, turn = at + size, turn + 1
        patch.setattr(whole, "write_some", lambda _fd, block: len(block))
        out += one.write(0, b"")
    return out, one.lost_bytes


def numbered(frames, ends):
    """Different frames, with a delimiter behind each, or on both sides."""
    named = [b"%d." % n + frame for n, frame in enumerate(frames)]
    return named, b"".join((b"\0" if ends else b"") + each + b"\0" for each in named)


@given(frames=FRAMES, ends=st.booleans(), cuts=CUTS, rooms=ROOMS)
def test_what_comes_is_whole_and_in_order(frames, ends, cuts, rooms):
    named, data = numbered(frames, ends)
    out, lost = through(data, cuts, rooms)
    came = [named.index(run) for run in out.split(b"\0") if run]
    assert all(a < b for a, b in pairwise(came))
    assert len(out) + lost == len(data)


@given(frames=FRAMES, cuts=CUTS)
def test_where_there_is_room_every_byte_comes(frames, cuts):
    _, data = numbered(frames, ends=True)
    assert through(data, cuts, [1 << 20]) == (data, 0)


def test_a_reader_that_is_back_gets_the_rest_of_its_frame_and_the_next_whole_one():
    frames = b"first\0second\0third\0"
    assert through(frames, [9, 6, 4], [2, 0, 100]) == (b"first\0", 13)
    assert through(frames + b"fourth\0", [9, 4, 6, 7], [2, 0, 100, 100]) == (
        b"first\0third\0fourth\0",
        7,
    )


def test_what_never_ends_is_not_kept():
    one = WholeFrames()
    endless = b"x" * (2 * TORN_MAX_BYTES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "write_some", lambda _fd, _block: 1)
        assert one.write(0, endless) == b"x"
    assert one.lost_bytes == len(endless) - 1


def test_another_reader_begins_with_a_whole_frame():
    one = WholeFrames()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "write_some", lambda _fd, _block: 2)
        assert one.write(0, b"first\0") == b"fi"
        one.reset()
        patch.setattr(whole, "write_some", lambda _fd, block: len(block))
        assert one.write(0, b"second\0") == b"second\0"
