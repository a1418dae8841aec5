# SPDX-License-Identifier: Apache-2.0
import binascii
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link import messages as m
from firmware_py.link.codec import Decoder, Frame, encode
from tests.firmware.rig import bodies, frame, wire

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "codec.json").read_text())

any_body = st.binary(min_size=0, max_size=m.BODY_MAX - 10).map(
    lambda payload: bytes.fromhex("110000000000") + payload
)


@pytest.mark.parametrize("case", GOLDEN["good"], ids=lambda c: c["name"])
def test_golden_frames_are_encoded_and_decoded(case):
    payload = bytes.fromhex(case["payload"])
    built = frame(case["type"], case["seq"], payload, case["session"], case["flags"])
    assert built.hex() == case["frame"]
    (body,) = bodies(built)
    assert body[m.HEADER_BYTES :] == payload


@pytest.mark.parametrize("case", GOLDEN["stream"], ids=lambda c: c["name"])
def test_golden_streams_yield_the_same_frames_and_refusals(case):
    decoder = Decoder()
    found = bodies(bytes.fromhex(case["bytes"]), decoder)
    v1 = [body for body in found if body[0] >> 4 == m.VERSION]
    assert [body[m.HEADER_BYTES :].hex() for body in v1] == [f["payload"] for f in case["frames"]]
    # the endpoint, not the codec, refuses other versions: it may have to answer a HELLO
    assert decoder.errors + len(found) - len(v1) == _refused(case)


def _refused(case):
    return sum(case["counts"].values()) - case["counts"]["frames"]


@settings(max_examples=150)
@given(st.binary(max_size=700))
def test_any_bytes_give_frames_or_counted_errors(data):
    decoder = Decoder()
    found = bodies(data, decoder)
    chunks = [chunk for chunk in data.split(b"\0")[:-1] if chunk]
    assert len(found) + decoder.errors == len(chunks)


@settings(max_examples=100)
@given(st.lists(any_body, max_size=6), st.data())
def test_round_trip_in_any_chunks_even_with_shared_delimiters(sent, data):
    built = []
    for body in sent:
        one = Frame(body[1], len(body) - m.HEADER_BYTES)
        one.body[m.HEADER_BYTES : len(body)] = body[m.HEADER_BYTES :]
        one.seal(0, 0, 0)
        built.append(wire(bytes(one.body)))
    stream = b"".join(built)
    if data.draw(st.booleans()):
        stream = b"\0".join(f[1:-1] for f in built)
        stream = b"\0" + stream + b"\0"
    decoder = Decoder()
    found = []
    while stream:
        n = data.draw(st.integers(1, len(stream)))
        found += bodies(stream[:n], decoder)
        stream = stream[n:]
    assert [f[m.HEADER_BYTES :] for f in found] == [f[m.HEADER_BYTES :] for f in sent]
    assert decoder.errors == 0


@settings(max_examples=100)
@given(any_body, st.data())
def test_no_changed_bit_passes(body, data):
    built = bytearray(frame(m.PING, 1, body))
    at = data.draw(st.integers(1, len(built) - 2))
    built[at] ^= 1 << data.draw(st.integers(0, 7))
    assert all(found[m.HEADER_BYTES :] != body for found in bodies(bytes(built)))


def test_noise_and_a_torn_frame_cost_only_themselves():
    good = frame(m.PING, 1, b"hello")
    decoder = Decoder()
    found = bodies(b"boot text" + good[:-4] + good + b"\0\0" + good, decoder)
    assert len(found) == 2
    assert decoder.errors == 2


def test_a_body_longer_than_the_limit_is_refused_and_the_next_is_taken():
    long = bytes([0xF1]) + b"x" * 240 + b"\x05yyyy"
    decoder = Decoder()
    assert len(bodies(b"\0" + long + frame(m.PING, 1, b"ok"), decoder)) == 1
    assert decoder.errors == 1


def test_encoding_agrees_with_cobs_from_pypi():
    cobs = pytest.importorskip("cobs.cobs")
    for n in (0, 1, 100, 230):
        body = bytes((i * 7) % 5 for i in range(n))
        out = bytearray(n + 3)
        encode(body, out, 0)
        assert bytes(out) == b"\0" + cobs.encode(body) + b"\0"


def test_seal_covers_header_and_payload():
    one = Frame(m.PING, 2)
    one.seal(0, 1, 2)
    assert int.from_bytes(one.body[-4:], "little") == binascii.crc32(one.body[:-4])
