# SPDX-License-Identifier: Apache-2.0
"""Framing of 40-byte payloads: ours against what one would otherwise use on a serial line.

Every case starts from header fields and payload and ends with bytes on the wire, or the other
way round. The Modbus peers carry the same 40 bytes as 20 registers; they take one frame a call.
"""

import struct
from binascii import crc32
from collections.abc import Callable
from itertools import repeat

from edge.core import FrameDecoder, encode_frame
from tests.bench._table import Report, Row, Target, interleave

PAYLOAD = bytes(range(40))
STREAM_FRAMES = 1_000
HEADER = struct.Struct("<BBHH")
CRC = struct.Struct("<I")
PEERS = ("cobs + binascii.crc32", "pymodbus RTU", "minimalmodbus RTU")
CASES = ("encode", "decode, one frame a call", f"decode, stream of {STREAM_FRAMES} frames")
ENCODE, DECODE, STREAM = CASES
Case = Callable[[int], object]


def ours() -> dict[str, Case]:
    frame = encode_frame(4, 0x10, 7, 0x1234, PAYLOAD)
    stream = frame * STREAM_FRAMES
    feed = FrameDecoder().feed
    assert feed(frame)[0].payload == PAYLOAD

    def encode(loops: int) -> None:
        for _ in repeat(None, loops):
            encode_frame(4, 0x10, 7, 0x1234, PAYLOAD)

    def decode(loops: int) -> None:
        for _ in repeat(None, loops):
            feed(frame)

    def decode_stream(loops: int) -> None:
        for _ in repeat(None, loops // STREAM_FRAMES):
            assert len(feed(stream)) == STREAM_FRAMES

    return {ENCODE: encode, DECODE: decode, STREAM: decode_stream}


def cobs_and_crc32() -> dict[str, Case]:
    """The same frame from the C extension `cobs`, binascii and struct."""
    from cobs import cobs

    def encode_one() -> bytes:
        body = HEADER.pack(0x14, 0x10, 7, 0x1234) + PAYLOAD
        return b"\0" + cobs.encode(body + CRC.pack(crc32(body))) + b"\0"

    def decode_run(run: bytes) -> tuple[int, int, int, int, bytes] | None:
        body = cobs.decode(run)
        if crc32(body[:-4]) != CRC.unpack_from(body, len(body) - 4)[0]:
            return None
        start, type_, seq, session = HEADER.unpack_from(body)
        return start & 15, type_, seq, session, body[6:-4]

    def receive(data: bytes) -> list[tuple[int, int, int, int, bytes] | None]:
        return [decode_run(run) for run in data.split(b"\0") if run]

    frame = encode_one()
    assert frame == encode_frame(4, 0x10, 7, 0x1234, PAYLOAD)
    stream = frame * STREAM_FRAMES

    def encode(loops: int) -> None:
        for _ in repeat(None, loops):
            encode_one()

    def decode(loops: int) -> None:
        for _ in repeat(None, loops):
            receive(frame)

    def decode_stream(loops: int) -> None:
        for _ in repeat(None, loops // STREAM_FRAMES):
            assert len(receive(stream)) == STREAM_FRAMES

    return {ENCODE: encode, DECODE: decode, STREAM: decode_stream}


def pymodbus_rtu() -> dict[str, Case]:
    from pymodbus.framer import FramerRTU
    from pymodbus.pdu import DecodePDU
    from pymodbus.pdu.register_message import ReadHoldingRegistersResponse

    framer = FramerRTU(DecodePDU(False))
    registers = list(struct.unpack(">20H", PAYLOAD))
    message = ReadHoldingRegistersResponse(dev_id=1, registers=registers)
    frame = framer.buildFrame(message)
    assert framer.handleFrame(frame, 1, 0)[1].registers == registers

    def encode(loops: int) -> None:
        for _ in repeat(None, loops):
            framer.buildFrame(message)

    def decode(loops: int) -> None:
        for _ in repeat(None, loops):
            framer.handleFrame(frame, 1, 0)

    return {ENCODE: encode, DECODE: decode}


def minimalmodbus_rtu() -> dict[str, Case]:
    from minimalmodbus import _embed_payload, _extract_payload

    payload = bytes([len(PAYLOAD)]) + PAYLOAD
    frame = _embed_payload(1, "rtu", 3, payload)
    assert _extract_payload(frame, 1, "rtu", 3) == payload

    def encode(loops: int) -> None:
        for _ in repeat(None, loops):
            _embed_payload(1, "rtu", 3, payload)

    def decode(loops: int) -> None:
        for _ in repeat(None, loops):
            _extract_payload(frame, 1, "rtu", 3)

    return {ENCODE: encode, DECODE: decode}


def peers() -> dict[str, dict[str, Case] | None]:
    """Name -> cases; None where the library is not installed."""
    found: dict[str, dict[str, Case] | None] = {}
    makers = (cobs_and_crc32, pymodbus_rtu, minimalmodbus_rtu)
    for name, make in zip(PEERS, makers, strict=True):
        try:
            found[name] = make()
        except ImportError:
            found[name] = None
    return found


def run(quick: bool) -> Report:
    """Medians over interleaved rounds."""
    our_cases, their_cases = ours(), peers()
    loops, rounds = (1_000, 5) if quick else (20_000, 15)
    rows: list[Row] = []
    for case in CASES:
        sides = {"ours": our_cases[case]}
        sides |= {
            name: found[case] for name, found in their_cases.items() if found and case in found
        }
        taken_us = interleave(sides, loops, rounds)
        for name, found in their_cases.items():
            label = name if found is not None else f"{name} (absent)"
            if found is None or case in found:
                rows.append(Row(case, "us/frame", taken_us["ours"], label, taken_us.get(name)))
    targets = [
        Target(f"{row.case}: {row.peer} ÷ ours", row.ratio, 1.0, at_least=True)
        for row in rows
        if row.ratio is not None
    ]
    return Report("codec", rows, targets, ["pip install 'rackedge[bench]' brings the peers"])
