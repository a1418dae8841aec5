# SPDX-License-Identifier: Apache-2.0
"""The golden files are fresh, and the C codec gives exactly what they say."""

import json

import pytest

from edge.core import Frame, FrameDecoder, encode_frame
from tests.reference import codec, write_golden

GOLDEN = json.loads((write_golden.FOLDER / "codec.json").read_text())


def frame_of(fields: dict[str, object]) -> Frame:
    payload = bytes.fromhex(str(fields["payload"]))
    return Frame(fields["flags"], fields["type"], fields["seq"], fields["session"], payload)


def counts_of(decoder: FrameDecoder) -> dict[str, int]:
    return {name: getattr(decoder, name) for name in codec.COUNTERS}


@pytest.mark.parametrize("name", sorted(write_golden.documents()))
def test_golden_file_is_what_the_reference_writes(name):
    assert (write_golden.FOLDER / name).read_text() == write_golden.documents()[name]


@pytest.mark.parametrize("case", GOLDEN["good"], ids=lambda case: case["name"])
def test_c_encodes_and_decodes_golden_frame(case):
    frame, encoded = frame_of(case), bytes.fromhex(case["frame"])
    assert encode_frame(*frame) == encoded
    assert FrameDecoder().feed(encoded) == [frame]


@pytest.mark.parametrize("case", GOLDEN["stream"], ids=lambda case: case["name"])
@pytest.mark.parametrize("chunk_bytes", [1, 7, 10_000])
def test_c_decodes_golden_stream_in_any_chunks(case, chunk_bytes):
    decoder, data, frames = FrameDecoder(), bytes.fromhex(case["bytes"]), []
    for start in range(0, len(data), chunk_bytes):
        frames += decoder.feed(data[start : start + chunk_bytes])
    assert frames == [frame_of(fields) for fields in case["frames"]]
    assert counts_of(decoder) == case["counts"]
    assert decoder.errors == sum(case["counts"].values()) - case["counts"]["frames"]


def test_golden_streams_reach_every_counter():
    seen = {name for case in GOLDEN["stream"] for name, count in case["counts"].items() if count}
    assert seen == set(codec.COUNTERS)
