# SPDX-License-Identifier: Apache-2.0
"""The C core, typed: frames of the link, the breaker model, the allocation of caps.

The only importer of the compiled module. What each call computes is written in
`native/include/*.h`.
"""

import struct
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from edge._native import ffi, lib

PAYLOAD_MAX_BYTES: int = lib.EDGE_PAYLOAD_MAX
"""Longest payload of one frame without authentication."""

NEVER_MS: int = lib.EDGE_NEVER_MS
"""Time-to-trip of a breaker that does not trip."""

_FRAME = struct.Struct("6H")  # struct edge_frame
_FRAME_BYTES = _FRAME.size
_unpack_frames = _FRAME.iter_unpack
_PPM = 1_000_000

_encode = lib.edge_frame_encode
_feed = lib.edge_decoder_feed
_new_tuple = tuple.__new__


class _Scratch(threading.local):
    """Where a frame is built; one per thread, because a call into C lets other threads run."""

    def __init__(self) -> None:
        frame = ffi.new(f"uint8_t[{lib.EDGE_FRAME_MAX}]")
        self.pair = frame, ffi.buffer(frame)


_scratch = _Scratch()


class Frame(NamedTuple):
    """One frame of the link, checked and unpacked; `type` and `payload` as in messages.py."""

    flags: int
    type: int
    seq: int
    session: int
    payload: bytes


def encode_frame(flags: int, type_: int, seq: int, session: int, payload: bytes) -> bytes:
    """One delimited frame, ready for the wire.

    ValueError if the payload does not fit or flags are not 0..15; OverflowError if another
    field leaves its unsigned range (type u8, seq and session u16).
    """
    out, view = _scratch.pair
    length: int = _encode(flags, type_, seq, session, payload, len(payload), out)
    if length < 0:
        raise ValueError(
            f"frame refused: flags {flags} (0..15), payload {len(payload)} B "
            f"(at most {PAYLOAD_MAX_BYTES})"
        )
    encoded: bytes = view[:length]
    return encoded


class FrameDecoder:
    """Streaming decoder: feed it bytes as they come, in any chunks."""

    __slots__ = ("_batch", "_decoder", "_fields", "_payloads")

    def __init__(self) -> None:
        self._decoder = ffi.new("struct edge_decoder *")
        self._batch = ffi.new("struct edge_batch *")
        self._fields = memoryview(ffi.buffer(self._batch.frame))
        self._payloads = ffi.buffer(self._batch.payload)

    def feed(self, data: bytes | bytearray | memoryview) -> list[Frame]:
        """The frames that `data` completes, oldest first; damaged ones are only counted."""
        chunk = data if data.__class__ is bytes else bytes(data)
        frames: list[Frame] = []
        payloads, batch = self._payloads, self._batch
        while True:
            used = _feed(self._decoder, chunk, len(chunk), batch)
            if count := batch.count:
                fields = self._fields[: count * _FRAME_BYTES]
                # _new_tuple: what Frame(...) does, at half its price.
                for flags, type_, seq, session, at, length in _unpack_frames(fields):
                    payload = payloads[at : at + length]
                    frames.append(_new_tuple(Frame, (flags, type_, seq, session, payload)))
            if used == len(chunk):
                return frames
            chunk = chunk[used:]

    @property
    def frames(self) -> int:
        """Frames accepted."""
        return int(self._decoder.frames)

    @property
    def crc_errors(self) -> int:
        """Frames whose bytes changed on the way."""
        return int(self._decoder.crc_errors)

    @property
    def cobs_errors(self) -> int:
        """Runs between delimiters that are not COBS."""
        return int(self._decoder.cobs_errors)

    @property
    def too_long(self) -> int:
        """Runs longer than any frame."""
        return int(self._decoder.too_long)

    @property
    def too_short(self) -> int:
        """Runs shorter than header and CRC."""
        return int(self._decoder.too_short)

    @property
    def version_errors(self) -> int:
        """Intact frames of a protocol version that is not ours."""
        return int(self._decoder.version_errors)

    @property
    def errors(self) -> int:
        """Every run that was not accepted."""
        d = self._decoder
        return int(d.crc_errors + d.cobs_errors + d.too_long + d.too_short + d.version_errors)


@dataclass(frozen=True, slots=True)
class Curve:
    """Tripping band of a breaker family; `native/include/edge_breaker.h` has the model."""

    mnt_ppm: int
    """Conventional non-tripping current ÷ rating, ppm."""
    tau_fast_ms: int
    tau_slow_ms: int
    magnetic_low_ppm: int
    """Lowest current ÷ rating that may trip at once, ppm."""
    magnetic_high_ppm: int
    """Lowest current ÷ rating that must trip at once, ppm."""


def _iec60898(magnetic_low: int, magnetic_high: int) -> Curve:
    # IEC 60898-1 table 7: 1.13 In holds for 1 h; 2.55 In trips within 1 s .. 60 s from cold,
    # which gives tau = t / ln(m^2 / (m^2 - 1)) with m = 2.55 / 1.13.
    return Curve(1_130_000, 4_570, 274_000, magnetic_low * _PPM, magnetic_high * _PPM)


CURVES: dict[str, Curve] = {
    "iec60898_b": _iec60898(3, 5),
    "iec60898_c": _iec60898(5, 10),
    "iec60898_d": _iec60898(10, 20),
}
"""Breaker families by the name used in configuration files (IEC 60898-1 types B, C, D)."""


class Breaker:
    """Thermal image of one breaker pole, on both edges of its curve band; starts cold."""

    __slots__ = ("_image",)

    def __init__(self, rating_ma: int, curve: Curve) -> None:
        self._image = ffi.new(
            "struct edge_breaker *",
            {
                "rating_ma": rating_ma,
                "mnt_ppm": curve.mnt_ppm,
                "tau_fast_ms": curve.tau_fast_ms,
                "tau_slow_ms": curve.tau_slow_ms,
                "magnetic_low_ppm": curve.magnetic_low_ppm,
                "magnetic_high_ppm": curve.magnetic_high_ppm,
            },
        )
        if lib.edge_breaker_check(self._image) < 0:
            raise ValueError(f"breaker out of range: rating {rating_ma} mA, {curve}")

    def step(self, current_ma: int, dt_ms: int) -> None:
        """Carry current_ma for dt_ms; exact at constant current."""
        if lib.edge_breaker_step(self._image, current_ma, dt_ms) < 0:
            raise ValueError(f"breaker step out of range: {current_ma} mA for {dt_ms} ms")

    def time_to_trip_ms(self, current_ma: int, edge: Literal["fast", "slow"] = "fast") -> int:
        """ms until it trips at this current, rounded down; 0 tripped; NEVER_MS if never."""
        code = lib.EDGE_SLOW if edge == "slow" else lib.EDGE_FAST
        left_ms: int = lib.edge_breaker_time_to_trip_ms(self._image, current_ma, code)
        if left_ms < 0:
            raise ValueError(f"current must not be negative: {current_ma} mA")
        return left_ms

    @property
    def theta_fast_ppm(self) -> int:
        """Heat on the fast edge, ppm of the heat that trips, to the nearest; settable."""
        return _heat_ppm(self._image.theta_fast)

    @theta_fast_ppm.setter
    def theta_fast_ppm(self, ppm: int) -> None:
        self._image.theta_fast = _heat(ppm)

    @property
    def theta_slow_ppm(self) -> int:
        """Heat on the slow edge, ppm of the heat that trips, to the nearest; settable."""
        return _heat_ppm(self._image.theta_slow)

    @theta_slow_ppm.setter
    def theta_slow_ppm(self, ppm: int) -> None:
        self._image.theta_slow = _heat(ppm)


def _heat_ppm(theta: float) -> int:
    # NEVER_MS is also the largest small int of a 32-bit board, which carries this figure.
    return min(round(theta * _PPM), NEVER_MS)


def _heat(ppm: int) -> float:
    if ppm < 0:
        raise ValueError(f"theta must not be negative: {ppm} ppm")
    return ppm / _PPM


class Allocator:
    """Caps for a rack: strict priority, weighted max-min, whole-load shed, exact integers.

    `rows` gives per row {load index: coef_ppm}. The caller writes the inputs in place:
    `min_mw`, `request_mw`, `weight` (1..10 000), `step_mw` (>= 1), `class_` (0 is kept longest,
    ..255), all int32[loads], and `limit_mw`, int64[rows] (negative means 0). They start at
    0, 0, 1, 1, 0 and 0.
    """

    def __init__(self, loads: int, rows: Sequence[Mapping[int, int]]) -> None:
        entries = [(load, row[load]) for row in rows for load in sorted(row)]
        starts = [0]
        for row in rows:
            starts.append(starts[-1] + len(row))
        count = len(entries)
        words = lib.edge_alloc_workspace_words(loads, len(rows), count)
        self.loads, self.rows = loads, len(rows)
        self.min_mw: Any = ffi.new("int32_t[]", loads)
        self.request_mw: Any = ffi.new("int32_t[]", loads)
        self.weight: Any = ffi.new("int32_t[]", [1] * loads)
        self.step_mw: Any = ffi.new("int32_t[]", [1] * loads)
        self.class_: Any = ffi.new("int32_t[]", loads)
        self.limit_mw: Any = ffi.new("int64_t[]", len(rows))
        self.grant_mw: Any = ffi.new("int32_t[]", loads)
        """int32[loads], mW, written by solve; 0 if shed."""
        self.shed: Any = ffi.new("uint8_t[]", loads)
        """uint8[loads], 1 if its minimum does not fit."""
        self.binding_row: Any = ffi.new("int32_t[]", loads)
        """int32[loads], the row that refused its next step or its minimum; -1 if none did."""
        # cffi keeps no reference from a struct to what it points at.
        self._owned = {
            "row_start": ffi.new("int32_t[]", starts),
            "entry_load": ffi.new("int32_t[]", [load for load, _ in entries]),
            "entry_coef_ppm": ffi.new("int32_t[]", [coef for _, coef in entries]),
            "limit_mw": self.limit_mw,
            "min_mw": self.min_mw,
            "request_mw": self.request_mw,
            "weight": self.weight,
            "step_mw": self.step_mw,
            "priority": self.class_,
            "grant_mw": self.grant_mw,
            "shed": self.shed,
            "binding_row": self.binding_row,
            "workspace": ffi.new("int64_t[]", words),
        }
        self._alloc = ffi.new(
            "struct edge_alloc *", {"loads": loads, "rows": len(rows), **self._owned}
        )
        if lib.edge_alloc_prepare(self._alloc) < 0:
            row_index = self._alloc.fault
            raise ValueError(f"row {row_index}: not {{load 0..{loads - 1}: coef_ppm >= 0}}")

    def solve(self) -> None:
        """Fill grant_mw, shed and binding_row; ValueError names the load or row at fault."""
        if lib.edge_alloc_solve(self._alloc) < 0:
            raise ValueError(self._explain())

    def _explain(self) -> str:
        index = self._alloc.fault
        if self._alloc.fault_is_row:
            return f"row {index}: limit {self.limit_mw[index]} mW or its minimums are absurd"
        return (
            f"load {index}: min {self.min_mw[index]}, request {self.request_mw[index]}, "
            f"step {self.step_mw[index]} mW, weight {self.weight[index]}, "
            f"class {self.class_[index]}: needs 0 <= min <= request, step >= 1, "
            "weight 1..10000, class 0..255"
        )
