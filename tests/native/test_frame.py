# SPDX-License-Identifier: Apache-2.0
"""What the typed wrapper adds to the C codec: limits, buffer types, long streams."""

import pytest

from edge.core import PAYLOAD_MAX_BYTES, Frame, FrameDecoder, encode_frame
from firmware_py.link import messages


def test_longest_frame_is_the_one_messages_declare():
    longest = encode_frame(0, 0, 0, 0, b"\xff" * PAYLOAD_MAX_BYTES)
    assert len(longest) == messages.FRAME_MAX
    assert messages.BODY_MAX == messages.HEADER_BYTES + PAYLOAD_MAX_BYTES + messages.CRC_BYTES


def test_version_on_the_wire_is_the_one_messages_declare():
    assert encode_frame(5, 9, 0, 0, b"")[2] == messages.VERSION << 4 | 5


def test_payload_too_long_is_refused_and_says_the_limit():
    with pytest.raises(ValueError, match="at most 230"):
        encode_frame(0, 0, 0, 0, bytes(PAYLOAD_MAX_BYTES + 1))


@pytest.mark.parametrize("flags", [16, 255])
def test_flags_outside_their_nibble_are_refused(flags):
    with pytest.raises(ValueError, match="flags"):
        encode_frame(flags, 0, 0, 0, b"")


@pytest.mark.parametrize("fields", [(0, 256, 0, 0), (0, 0, 65_536, 0), (0, 0, 0, -1)])
def test_header_field_outside_its_width_is_refused(fields):
    with pytest.raises(OverflowError):
        encode_frame(*fields, b"")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_feed_takes_any_byte_buffer(kind):
    frame = Frame(1, 2, 3, 4, b"five")
    assert FrameDecoder().feed(kind(encode_frame(*frame))) == [frame]


def test_feed_of_nothing_yields_nothing():
    assert FrameDecoder().feed(b"") == []


def test_stream_longer_than_one_batch_is_received_whole():
    frames = [Frame(4, 16, seq, 7, bytes([seq % 256]) * (seq % 231)) for seq in range(1_000)]
    stream = b"".join(encode_frame(*frame) for frame in frames)
    assert FrameDecoder().feed(stream) == frames


def test_earlier_frames_survive_later_feeds():
    decoder = FrameDecoder()
    first = decoder.feed(encode_frame(0, 1, 1, 0, b"first"))
    decoder.feed(encode_frame(0, 2, 2, 0, b"later"))
    assert first[0].payload == b"first"


def test_decoders_share_nothing():
    one, other = FrameDecoder(), FrameDecoder()
    frame = encode_frame(0, 1, 1, 0, b"split")
    one.feed(frame[:5])
    assert other.feed(frame[5:]) == []
    assert len(one.feed(frame[5:])) == 1
