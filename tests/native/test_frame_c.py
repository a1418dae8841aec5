# SPDX-License-Identifier: Apache-2.0
"""The codec as a C caller meets it: error codes, exact lengths, not a byte outside a buffer."""

import random
import zlib

import pytest

from edge._native import ffi, lib

GUARD = 0xA5
"""Fills what must not be written."""


def encode(out, payload=b"", flags=0, payload_bytes=None):
    count = len(payload) if payload_bytes is None else payload_bytes
    return lib.edge_frame_encode(flags, 1, 2, 3, payload, count, out)


def guarded(count):
    return ffi.new("uint8_t[]", [GUARD] * count)


@pytest.mark.parametrize("count", [*range(41), 255, 256, 4_099])
def test_crc_is_that_of_zlib_at_every_length(count):
    data = random.Random(count).randbytes(count)
    assert lib.edge_crc32(data, count) == zlib.crc32(data)


def test_crc_is_that_of_zlib_for_every_byte_in_every_place():
    for place in range(9):
        for value in range(256):
            data = bytes(place) + bytes([value]) + bytes(8 - place)
            assert lib.edge_crc32(data, 9) == zlib.crc32(data)


def test_every_refusal_has_its_own_code_and_writes_nothing():
    out = guarded(lib.EDGE_FRAME_MAX)
    assert encode(out, flags=16) == lib.EDGE_E_RANGE
    assert encode(out, bytes(300), payload_bytes=231) == lib.EDGE_E_TOO_LONG
    assert bytes(out) == bytes([GUARD]) * lib.EDGE_FRAME_MAX


@pytest.mark.parametrize("payload_bytes", [0, 1, 100, 230])
def test_a_frame_is_written_to_its_length_and_no_further(payload_bytes):
    length = 13 + payload_bytes
    out = guarded(length + 16)
    assert encode(out, bytes(payload_bytes)) == length
    assert bytes(out)[length - 1 :] == bytes([0]) + bytes([GUARD]) * 16


def test_no_payload_may_be_null():
    out, other = guarded(lib.EDGE_FRAME_MAX), guarded(lib.EDGE_FRAME_MAX)
    assert encode(out, ffi.NULL, payload_bytes=0) == encode(other) == 13
    assert bytes(out) == bytes(other)


def guarded_decoder():
    """Two decoders' worth of memory: the first is one, all after its encoded[] is guard."""
    memory = ffi.new("struct edge_decoder[2]")
    end = ffi.offsetof("struct edge_decoder", "encoded") + lib.EDGE_ENCODED_MAX
    after = ffi.buffer(memory)[end:]
    ffi.buffer(memory)[end:] = bytes([GUARD]) * len(after)
    return memory, end


def feed(decoder, data):
    batch = ffi.new("struct edge_batch *")
    return lib.edge_decoder_feed(decoder, data, len(data), batch), batch


@pytest.mark.parametrize("count", [240, 241, 242, 243, 1_000])
@pytest.mark.parametrize("chunk_bytes", [1, 100, 1_000])
def test_overlong_run_is_held_to_the_last_byte_and_no_further(count, chunk_bytes):
    memory, end = guarded_decoder()
    decoder, data = memory + 0, bytes([7]) * count
    for start in range(0, count, chunk_bytes):
        feed(decoder, data[start : start + chunk_bytes])
    assert set(ffi.buffer(memory)[end:]) == {GUARD}
    assert decoder.held == min(count, lib.EDGE_ENCODED_MAX + 1)
    feed(decoder, b"\0")
    assert (decoder.too_long, decoder.held) == (int(count > lib.EDGE_ENCODED_MAX), 0)


def test_init_forgets_everything():
    decoder = ffi.new("struct edge_decoder *")
    feed(decoder, bytes([9, 1, 0, 2, 1, 0]) + bytes([5]) * 17)
    lib.edge_decoder_init(decoder)
    assert bytes(ffi.buffer(decoder)) == bytes(ffi.sizeof("struct edge_decoder"))


def test_feed_stops_at_a_full_batch_and_says_where():
    out = guarded(lib.EDGE_FRAME_MAX)
    length = encode(out, b"x")
    frame = bytes(out)[:length]
    decoder = ffi.new("struct edge_decoder *")
    used, batch = feed(decoder, frame * (lib.EDGE_BATCH_FRAMES + 3))
    assert (used, batch.count) == (lib.EDGE_BATCH_FRAMES * len(frame), lib.EDGE_BATCH_FRAMES)
    used, batch = feed(decoder, frame * 3)
    assert (used, batch.count) == (3 * len(frame), 3)


def test_feed_reads_nothing_past_the_count():
    decoder = ffi.new("struct edge_decoder *")
    batch = ffi.new("struct edge_batch *")
    assert lib.edge_decoder_feed(decoder, bytes([1, 2, 3, 0, 4]), 3, batch) == 3
    assert (decoder.held, decoder.cobs_errors) == (3, 0)


def test_payloads_are_packed_from_the_start_and_fill_the_batch():
    out = guarded(lib.EDGE_FRAME_MAX)
    length = encode(out, bytes([6]) * lib.EDGE_PAYLOAD_MAX)
    used, batch = feed(ffi.new("struct edge_decoder *"), bytes(out)[:length] * 64)
    assert (used, batch.count) == (64 * length, 64)
    offsets = [frame.offset for frame in batch.frame]
    assert offsets == list(range(0, 64 * lib.EDGE_PAYLOAD_MAX, lib.EDGE_PAYLOAD_MAX))
    assert set(bytes(batch.payload)) == {6}
