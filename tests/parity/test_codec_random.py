# SPDX-License-Identifier: Apache-2.0
"""C codec against the reference on inputs nobody chose by hand."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import PAYLOAD_MAX_BYTES, Frame, FrameDecoder, encode_frame
from tests.parity.test_codec_golden import counts_of
from tests.reference import codec

# Zeros decide everything in COBS: make them as common as all other bytes together.
ZERO_RICH = st.lists(st.sampled_from([0, 0, 0, 1, 2, 255]), max_size=PAYLOAD_MAX_BYTES).map(bytes)
PAYLOADS = st.binary(max_size=PAYLOAD_MAX_BYTES) | ZERO_RICH
U8, U16 = st.integers(0, 255), st.integers(0, 65_535)
FRAMES = st.builds(Frame, st.integers(0, 15), U8, U16, U16, PAYLOADS)
NOISE = st.binary(max_size=300) | ZERO_RICH


def damage(frame: bytes, at: int, flip: int) -> bytes:
    at %= len(frame)
    return frame[:at] + bytes([frame[at] ^ flip]) + frame[at + 1 :]


@st.composite
def pieces(draw):
    """A frame, whole, cut, with one byte changed, or noise."""
    frame = codec.encode_frame(*draw(FRAMES))
    kind = draw(st.sampled_from(["whole", "cut", "damaged", "noise"]))
    if kind == "cut":
        return frame[draw(st.integers(0, 20)) : draw(st.integers(0, len(frame)))]
    if kind == "damaged":
        return damage(frame, draw(st.integers(0, 300)), draw(st.integers(1, 255)))
    return draw(NOISE) if kind == "noise" else frame


@given(FRAMES)
@settings(max_examples=300)
def test_c_encodes_as_reference(frame):
    assert encode_frame(*frame) == codec.encode_frame(*frame)


@given(st.lists(FRAMES, max_size=8))
@settings(max_examples=100)
def test_frames_come_back_as_sent(frames):
    assert FrameDecoder().feed(b"".join(encode_frame(*frame) for frame in frames)) == frames


@given(st.lists(pieces(), max_size=6), st.lists(st.integers(1, 400), min_size=1, max_size=5))
@settings(max_examples=400)
def test_c_decodes_any_stream_as_reference_in_any_chunks(parts, chunks_bytes):
    data, ours, reference = b"".join(parts), FrameDecoder(), codec.FrameDecoder()
    received, at = [], 0
    while at < len(data):
        size = chunks_bytes[at % len(chunks_bytes)]
        received += ours.feed(data[at : at + size])
        at += size
    assert received == reference.feed(data)
    assert counts_of(ours) == reference.counts


@given(FRAMES, st.integers(0, 7), st.data())
@settings(max_examples=300)
def test_one_flipped_bit_is_never_accepted(frame, bit, data):
    encoded = encode_frame(*frame)
    at = data.draw(st.integers(1, len(encoded) - 2))
    assert FrameDecoder().feed(damage(encoded, at, 1 << bit)) == []


@given(NOISE, FRAMES)
@settings(max_examples=200)
def test_frame_after_noise_is_received(noise, frame):
    received = FrameDecoder().feed(noise + encode_frame(*frame))
    assert received[-1:] == [frame]
