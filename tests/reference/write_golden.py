# SPDX-License-Identifier: Apache-2.0
"""Write the golden vectors that C, host and firmware read.

    python -m tests.reference.write_golden

Everything comes from the references beside this file; `tests/parity/test_golden_fresh.py` fails
when the files and the references disagree.
"""

import json
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.reference import allocate, auth, breaker, codec

FOLDER = Path(__file__).resolve().parent.parent / "golden"
Document = dict[str, Any]


def codec_document() -> Document:
    return {
        "about": "frames of link v1; `stream` cases list what a decoder fed with `bytes` yields",
        "good": [_good(name, codec.Frame(*fields)) for name, *fields in _good_cases()],
        "stream": [_stream(name, data) for name, data in _stream_cases()],
    }


def _good_cases() -> list[tuple[str, int, int, int, int, bytes]]:
    ramp = bytes(range(256))
    return [
        ("empty payload", 0, 0x09, 1, 0xBEEF, b""),
        ("all header fields zero", 0, 0, 0, 0, b""),
        ("all header fields at their highest", 15, 0xFF, 0xFFFF, 0xFFFF, b""),
        ("one zero", 1, 0x07, 2, 3, b"\0"),
        ("all zeros", 4, 0x10, 256, 1, bytes(40)),
        ("no zeros", 4, 0x11, 257, 0x0101, b"\x01" * 40),
        ("all ones", 4, 0x11, 0xFFFE, 0x8000, b"\xff" * 40),
        ("ramp", 4, 0x10, 0x1234, 0x5678, ramp[:40]),
        ("zero first and last", 1, 0x08, 9, 9, b"\0" + ramp[1:30] + b"\0"),
        ("largest before HELLO is answered", 0, 0x09, 5, 0, ramp[1:55]),
        ("longest", 1, 0x03, 77, 0xABCD, ramp[:230]),
        ("longest without zeros", 1, 0x03, 78, 0xABCD, b"\x55" * 230),
        ("longest, all zeros", 1, 0x03, 79, 0, bytes(230)),
    ]


def _good(name: str, frame: codec.Frame) -> Document:
    encoded = codec.encode_frame(*frame)
    return {"name": name, **_as_document(frame), "frame": encoded.hex()}


def _as_document(frame: codec.Frame) -> Document:
    return {**frame._asdict(), "payload": frame.payload.hex()}


def _stream_cases() -> list[tuple[str, bytes]]:
    one = codec.encode_frame(1, 0x07, 10, 0x1111, b"\x09\0\0\0\0")
    two = codec.encode_frame(4, 0x10, 11, 0x1111, bytes(range(20)))
    body = codec.HEADER.pack(0x14, 0x10, 12, 0x1111)
    flipped = bytearray(two)
    flipped[9] ^= 0x20
    return [
        ("one frame", one),
        ("two frames", one + two),
        ("two frames share a delimiter", one + two[1:]),
        ("many empty runs", b"\0\0\0" + one + b"\0\0" + two + b"\0"),
        ("duplicated frame is delivered twice", two + two),
        ("boot text before a frame", b"MPY: soft reboot\r\n" + one),
        ("noise between frames", one + b"\xa5\x5a\x01" + two),
        ("no leading delimiter at the start of a stream", one[1:]),
        ("last delimiter missing", one[:-1]),
        ("truncated, then whole", two[:-6] + one),
        ("head lost, then whole", two[6:] + one),
        ("one bit flipped", bytes(flipped) + one),
        ("two frames run together", one[:-1] + two[1:] + one),
        ("code past the end", b"\0\x05\x01\x02\0" + one),
        ("code 255", b"\0\xff" + b"\x11" * 100 + b"\0" + one),
        ("too short: no body", b"\0\x01\0" + one),
        ("too short: 9 bytes with a valid CRC", codec.seal(b"\x10\x09\x01\x01\x01") + one),
        ("shortest body, all zeros: CRC wrong", b"\0" + b"\x01" * 11 + b"\0" + one),
        ("too long by one", b"\0\xf2" + b"\x22" * 241 + b"\0" + one),
        ("too long by far", b"\0" + b"\x02" * 1000 + b"\0" + one),
        ("too long with a valid CRC", codec.seal(body + bytes(231)) + one),
        ("version 0", codec.seal(codec.HEADER.pack(0x04, 0x10, 1, 1)) + one),
        ("version 2", codec.seal(codec.HEADER.pack(0x20, 0x00, 1, 0) + b"\x01") + one),
        ("CRC of zeros", b"\0" + codec.cobs_encode(body + bytes(4)) + b"\0" + one),
    ]


def _stream(name: str, data: bytes) -> Document:
    decoder = codec.FrameDecoder()
    frames = decoder.feed(data)
    return {
        "name": name,
        "bytes": data.hex(),
        "frames": [_as_document(frame) for frame in frames],
        "counts": decoder.counts,
    }


def auth_document() -> Document:
    return {
        "about": "one boot: challenges in turn, then bodies in turn with what a board says to each "
        "(-1 executed, else detail of ERR_AUTH)",
        **{name: value.hex() for name, value in _AUTH_SECRETS.items()},
        "boot_id": _AUTH_BOOT_ID,
        "challenges": _challenges(),
        "frames": [_judged(*case) for case in _auth_cases()],
    }


_AUTH_BOOT_ID = 0x89AB_4567
_AUTH_SECRETS = {"key": bytes(range(32)), "boot_nonce": bytes(range(32, 48))}


def _challenges() -> list[Document]:
    found = []
    for count, host in enumerate((bytes(16), b"\xff" * 16, bytes(range(16))), 1):
        board = auth.board_nonce(_AUTH_SECRETS["boot_nonce"], count)
        key = auth.session_key(_AUTH_SECRETS["key"], _AUTH_BOOT_ID, board, host)
        found.append(
            {
                "host_nonce": host.hex(),
                "board_nonce": board.hex(),
                "session_key": key.hex(),
                "proof": auth.proof(key).hex(),
            }
        )
    return found


def _auth_cases() -> list[tuple[str, int, int, int, bytes, int, int]]:
    """Name, challenge whose key signs, type, seq, payload, counter, verdict."""
    newest, wrong_mac, replay = 2, 3, 4
    return [
        ("challenged before, replaced since", 1, 0x22, 1, b"\x01", 1, wrong_mac),
        ("first", newest, 0x22, 2, b"\x01", 1, -1),
        ("no payload", newest, 0x09, 3, b"", 2, -1),
        ("counter far ahead", newest, 0x25, 4, bytes(4), 0x7FFF_FFFF, -1),
        ("counter stands still", newest, 0x25, 5, bytes(4), 0x7FFF_FFFF, replay),
        ("counter goes back", newest, 0x22, 6, b"\x01", 3, replay),
        ("longest payload", newest, 0x28, 7, bytes(range(218)), 0xFFFF_FFFE, -1),
        ("last counter", newest, 0x09, 8, b"\0", 0xFFFF_FFFF, -1),
    ]


def _judged(
    name: str, challenge: int, type_: int, seq: int, payload: bytes, counter: int, verdict: int
) -> Document:
    session, flag = _AUTH_BOOT_ID & 0xFFFF, 2
    key = bytes.fromhex(_challenges()[challenge]["session_key"])
    header = codec.HEADER.pack(codec.VERSION << 4 | flag, type_, seq, session)
    signed = payload + auth.seal(key, header, payload, counter)
    return {
        "name": name,
        "challenge": challenge,
        "type": type_,
        "seq": seq,
        "session": session,
        "payload": payload.hex(),
        "counter": counter,
        "frame": codec.encode_frame(flag, type_, seq, session, signed).hex(),
        "verdict": verdict,
    }


def breaker_document() -> Document:
    return {
        "about": "theta after each (current_ma, dt_ms) step and time-to-trip at current_ma then; "
        "largest currents for a time; resumed heat; derated ratings",
        "tolerance": {"theta_ppm": 1, "time_to_trip_ms": 1, "current_ma": 1},
        "never_ms": breaker.NEVER_MS,
        "families": {name: _family(*of) for name, of in breaker.FAMILIES.items()},
        "cases": [_breaker(*case) for case in [*_breaker_cases(), *_family_cases()]],
        "holds": [_hold(*case) for case in _hold_cases()],
        "resumed": [_resumed(*case) for case in _resumed_cases()],
        "derated": [_derated(*case) for case in _derated_cases()],
    }


def _family(mnt: float, fast_ms: int, slow_ms: int, low: float, high: float) -> Document:
    return {
        "mnt_ppm": round(mnt * 1e6),
        "tau_fast_ms": fast_ms,
        "tau_slow_ms": slow_ms,
        "magnetic_low_ppm": round(low * 1e6),
        "magnetic_high_ppm": round(high * 1e6),
    }


Steps = list[tuple[int, int]]


def _breaker_cases() -> list[tuple[str, int, str, int, Steps]]:
    return [
        ("cold at 2.55 In", 16_000, "iec60898_c", 0, [(40_800, 0), (40_800, 100)]),
        ("holds 1.125 In for an hour", 16_000, "iec60898_c", 0, [(18_000, 3_600_000)]),
        ("1.45 In from 1.0 In", 16_000, "iec60898_c", 783_147, [(23_200, 100), (23_200, 1_000)]),
        ("ticks at 1.5 In", 32_000, "iec60898_b", 200_000, [(48_000, 100)] * 20),
        ("cools when unloaded", 20_000, "iec60898_d", 900_000, [(0, 100), (0, 10_000)]),
        ("hot and over 1", 16_000, "iec60898_c", 1_200_000, [(0, 0), (16_000, 100)]),
        ("just below the fast gate", 16_000, "iec60898_c", 0, [(79_999, 0)]),
        ("at the fast gate", 16_000, "iec60898_c", 0, [(80_000, 0)]),
        ("just below the slow gate", 16_000, "iec60898_c", 0, [(159_999, 0)]),
        ("at the slow gate", 16_000, "iec60898_c", 0, [(160_000, 0)]),
        ("swing of a training job", 63_000, "iec60898_c", 500_000, _swing()),
        ("1 mA above the conventional current", 16_000, "iec60898_c", 0, [(18_081, 0)]),
        ("small rating", 1_000, "iec60898_d", 0, [(1_500, 100), (2_550, 900), (1_000, 60_000)]),
    ]


def _family_cases() -> list[tuple[str, int, str, int, Steps]]:
    """Every family: an overload met by a shed, the fast gate from both sides, a cold hour."""
    cases = []
    for family, (mnt, _, _, low, _) in breaker.FAMILIES.items():
        for rating_ma in (16_000, 100_000):
            gate_ma, for_ever_ma = int(low * rating_ma), int(mnt * rating_ma)
            overload = [(2 * rating_ma, 300), (2 * rating_ma, 100), (rating_ma * 6 // 10, 5_000)]
            edges = [(gate_ma - 1, 0), (gate_ma, 0), (for_ever_ma, 3_600_000)]
            cases += [
                (f"{family} {rating_ma} mA: overload", rating_ma, family, 300_000, overload),
                (f"{family} {rating_ma} mA: gate", rating_ma, family, 0, edges),
            ]
    return cases


def _swing() -> Steps:
    return [(90_000, 2_300), (45_000, 700)] * 6


def _breaker(name: str, rating_ma: int, curve: str, theta_ppm: int, steps: Steps) -> Document:
    fast, slow = breaker.edges(rating_ma, curve)
    fast.theta = slow.theta = theta_ppm / 1e6
    expected = []
    for current_ma, dt_ms in steps:
        fast.step(current_ma, dt_ms)
        slow.step(current_ma, dt_ms)
        expected.append(
            {
                "current_ma": current_ma,
                "dt_ms": dt_ms,
                "theta_fast_ppm": round(fast.theta * 1e6, 3),
                "theta_slow_ppm": round(slow.theta * 1e6, 3),
                "ttt_fast_ms": fast.time_to_trip_ms(current_ma),
                "ttt_slow_ms": slow.time_to_trip_ms(current_ma),
            }
        )
    start = {"rating_ma": rating_ma, "curve": curve, "theta_ppm": theta_ppm}
    return {"name": name, **start, "steps": expected}


def _hold_cases() -> list[tuple[str, int, str, int, int, int, int]]:
    """Name, rating_ma, curve, theta_ppm, hold_ms, theta_max_ppm, share_ppm."""
    return [
        ("cold for a second", 16_000, "iec60898_c", 0, 1_000, 1_000_000, 500_000),
        ("cold to nine tenths", 16_000, "iec60898_c", 0, 1_000, 900_000, 500_000),
        ("warm for a relay's time", 32_000, "iec60898_b", 600_000, 300, 950_000, 400_000),
        ("for ever", 63_000, "iec60898_d", 100_000, 86_400_000, 1_000_000, 500_000),
        ("no time at all: the gate", 16_000, "iec60898_c", 500_000, 0, 900_000, 0),
        ("no time, from a steady state", 16_000, "iec60898_c", 0, 0, 640_000, 500_000),
        ("too hot", 16_000, "iec60898_c", 990_000, 100, 900_000, 500_000),
        ("hot, cools down to it", 16_000, "iec60898_c", 990_000, 2_000, 900_000, 500_000),
        ("a share of all", 16_000, "iec60898_c", 0, 5_000, 810_000, 1_000_000),
        *(
            (f"{family}: the survivor until a shed", 32_000, family, 250_000, 800, 900_000, 500_000)
            for family in breaker.FAMILIES
        ),
    ]


def _hold(
    name: str,
    rating_ma: int,
    curve: str,
    theta_ppm: int,
    hold_ms: int,
    theta_max_ppm: int,
    share_ppm: int,
) -> Document:
    fast, slow = breaker.edges(rating_ma, curve)
    fast.theta = slow.theta = theta_ppm / 1e6
    question = {"hold_ms": hold_ms, "theta_max_ppm": theta_max_ppm, "share_ppm": share_ppm}
    answer = {}
    for edge, image in (("fast", fast), ("slow", slow)):
        answer[f"hold_{edge}_ma"] = image.survivor_ma(hold_ms, theta_max_ppm / 1e6)
        total_ma = image.survivor_ma(hold_ms, theta_max_ppm / 1e6, share_ppm / 1e6)
        answer[f"survivor_{edge}_ma"] = total_ma
    start = {"rating_ma": rating_ma, "curve": curve, "theta_ppm": theta_ppm}
    return {"name": name, **start, **question, **answer}


def _resumed_cases() -> list[tuple[str, str, int, int, int, int]]:
    """Name, curve, theta_fast_ppm, theta_slow_ppm, away_ms, most_ma of a 16 A breaker."""
    return [
        ("restart of a second", "iec60898_c", 400_000, 300_000, 1_000, 16_000),
        ("cold, and full load meanwhile", "iec60898_c", 0, 0, 10_000, 16_000),
        ("hot, and a light load", "ul489_c", 950_000, 20_000, 2_000, 8_000),
        ("a night", "iec60947_mccb", 950_000, 500_000, 8 * 3_600_000, 12_000),
        ("a year", "iec60269_gg", 1, 999_999, 365 * 86_400_000, 20_000),
        ("no time", "iec60898_d", 123_456, 65_432, 0, 16_000),
    ]


def _resumed(
    name: str, curve: str, fast_ppm: int, slow_ppm: int, away_ms: int, most_ma: int
) -> Document:
    fast, slow = breaker.edges(16_000, curve)
    fast.theta, slow.theta = fast_ppm / 1e6, slow_ppm / 1e6
    fast.step(most_ma, away_ms)
    slow.step(0, away_ms)
    return {
        "name": name,
        "curve": curve,
        "rating_ma": 16_000,
        "state": [fast_ppm, slow_ppm],
        "away_ms": away_ms,
        "most_ma": most_ma,
        "theta_fast_ppm": round(fast.theta * 1e6, 3),
        "theta_slow_ppm": round(slow.theta * 1e6, 3),
    }


def _derated_cases() -> list[tuple[int, int, int, int]]:
    """rating_ma, ambient_mc, reference_mc, trip_mc."""
    return [
        (16_000, 45_000, 30_000, 97_000),
        (100_000, 70_000, 40_000, 97_000),
        (20_000, -10_000, 40_000, 97_000),
        (20_000, 40_000, 40_000, 97_000),
        (20_000, 40_001, 40_000, 97_000),
        (32_000, 96_999, 40_000, 97_000),
        (32_000, 97_000, 40_000, 97_000),
        (4_000_000, 50_000, 40_000, 105_000),
        ((1 << 30) - 1, 60_000, 40_000, 120_000),
    ]


def _derated(rating_ma: int, ambient_mc: int, reference_mc: int, trip_mc: int) -> Document:
    return {
        "rating_ma": rating_ma,
        "ambient_mc": ambient_mc,
        "reference_mc": reference_mc,
        "trip_mc": trip_mc,
        "derated_ma": breaker.derated_ma(rating_ma, ambient_mc, reference_mc, trip_mc),
    }


def allocate_document() -> Document:
    return {
        "about": "exact grants; row coef_ppm is [[load, ppm], ...]",
        "cases": [_allocation(name, *case) for name, case in _allocate_cases().items()],
    }


# The lowest grant that weight 10 000 reaches exactly one level before weight 9 999 does.
NEXT_LEVEL_MW = next(
    mw
    for mw in range(1, 10_000)
    if allocate.Load(0, mw, 9_999).level_of(mw) == allocate.Load(0, mw, 10_000).level_of(mw) + 1
)

Problem = tuple[list[allocate.Load], list[allocate.Row]]


def _allocate_cases() -> dict[str, Problem]:
    load, row = allocate.Load, allocate.Row
    whole = {0: 1_000_000, 1: 1_000_000, 2: 1_000_000}
    equal = [load(100, 1_000), load(100, 1_000), load(100, 1_000)]
    stepped = [load(100, 1_000, step_mw=70), load(150, 900, step_mw=110), load(0, 400)]
    ranked = [load(100, 500, priority=2), load(100, 500, priority=0), load(100, 500, priority=1)]
    weighted = [load(0, 1_000, weight=1), load(0, 1_000, weight=2), load(0, 1_000, weight=5)]
    whole_two = {0: 1_000_000, 1: 1_000_000}
    feeds = {0: 500_000, 1: 600_000, 2: 400_000}
    heavy = [load(300, 600, 1), load(200, 600, 1), load(250, 600, 2), load(90, 300, priority=1)]
    return {
        "room for all": (equal, [row(3_000, whole)]),
        "equal shares": (equal, [row(1_000, whole)]),
        "minimum above the share": ([load(700, 900), *equal[1:]], [row(1_000, whole)]),
        "steps leave a remainder": (stepped, [row(1_111, whole)]),
        "strict priority": (ranked, [row(800, whole)]),
        "weights": (weighted, [row(801, whole)]),
        "two feeds, one short": (equal, [row(900, feeds), row(2_000, feeds)]),
        "bottleneck freezes only its own": (equal, [row(300, {0: 1_000_000}), row(2_000, whole)]),
        "nothing left": (equal, [row(0, whole)]),
        "negative limit is none": ([load(0, 10)], [row(-5, {0: 1_000_000})]),
        "shed the one that is enough": (heavy, [row(540, dict.fromkeys(range(4), 1_000_000))]),
        "shed most where one is not enough": (heavy, [row(260, dict.fromkeys(range(4), 10**6))]),
        "shed one that is exactly enough": (
            [load(200, 600), load(100, 600), load(300, 600)],
            [row(500, whole)],
        ),
        "shed the largest first where two must go": (
            [load(100, 600), load(90, 600), load(80, 600)],
            [row(150, whole)],
        ),
        "levels apart by the least there is": (
            [load(0, 900, 9_999), load(0, 900, 10_000), load(0, 900, 10_000)],
            [row(2 * NEXT_LEVEL_MW - 1, whole_two), row(NEXT_LEVEL_MW - 1, {2: 1_000_000})],
        ),
        "put back what fits after all": (
            [load(300, 600), load(500, 600), load(0, 900, priority=1)],
            [row(600, whole), row(400, {1: 1_000_000})],
        ),
        "two rows full at one step": _full_together(),
        "tree": _tree(),
        "no rows": (equal, []),
        "no loads": ([], [row(5, {})]),
        "random 1": _random_problem(1),
        "random 2": _random_problem(2),
        "random 3": _random_problem(3),
    }


def _full_together() -> Problem:
    """The step that stops a load for one row fills another, on a level where more steps fall."""
    load, whole = allocate.Load, 1_000_000
    steps = [(3, 1), (3, 3), (9, 1), (3, 2), (9, 2), (3, 3)]
    shares = [
        (58, {0: 1, 1: 5, 2: 10, 3: 5, 4: 5, 5: 2}),
        (54, {0: 1, 1: 5, 3: 5, 4: 10, 5: 10}),
        (29, {0: 10, 2: 2, 3: 5, 5: 10}),
    ]
    rows = [
        allocate.Row(limit_mw, {i: share * whole for i, share in row.items()})
        for limit_mw, row in shares
    ]
    return [load(0, request_mw, step_mw=step_mw) for request_mw, step_mw in steps], rows


def _tree() -> Problem:
    """A site of two racks with two phases each; every row binds someone."""
    loads = [
        allocate.Load(20 * (i % 3), 300 + 90 * (i % 5), 1 + i % 2, 1, int(i % 4 == 3))
        for i in range(16)
    ]
    ranges = [(0, 16, 4_050), (0, 8, 2_300), (0, 4, 900), (4, 8, 1_450), (8, 16, 2_000)]
    ranges += [(8, 12, 1_300), (12, 16, 1_210)]
    rows = [
        allocate.Row(limit_mw, dict.fromkeys(range(begin, end), 1_000_000))
        for begin, end, limit_mw in ranges
    ]
    return loads, rows


def _random_problem(seed: int) -> Problem:
    rng = random.Random(seed)
    loads = []
    for _ in range(12):
        minimum = rng.choice([0, rng.randrange(400)])
        request = minimum + rng.randrange(1_500)
        weight, step = rng.choice([1, 1, 2, 7]), rng.choice([1, 5, 100])
        loads.append(allocate.Load(minimum, request, weight, step, rng.randrange(3)))
    rows = []
    for _ in range(5):
        members = sorted(rng.sample(range(12), 7))
        coefs = {i: rng.choice([1_000_000, 500_000, 333_333]) for i in members}
        rows.append(allocate.Row(rng.randrange(500, 4_000), coefs))
    return loads, rows


def _allocation(name: str, loads: list[allocate.Load], rows: list[allocate.Row]) -> Document:
    return {
        "name": name,
        "loads": [asdict(load) for load in loads],
        "rows": [{"limit_mw": r.limit_mw, "coef_ppm": sorted(r.coef_ppm.items())} for r in rows],
        **asdict(allocate.allocate(loads, rows)),
    }


def documents() -> dict[str, str]:
    """File name -> text of every golden file."""
    made = {
        "codec.json": codec_document(),
        "auth.json": auth_document(),
        "breaker.json": breaker_document(),
        "allocate.json": allocate_document(),
    }
    return {name: json.dumps(document, indent=1) + "\n" for name, document in made.items()}


def main() -> None:
    for name, text in documents().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
