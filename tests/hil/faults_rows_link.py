# SPDX-License-Identifier: Apache-2.0
"""Rows of the fault table: the line."""

from firmware_py.link import messages as m
from tests.hil.faults_look import (
    DAEMON,
    LOADS,
    TELEMETRY,
    Row,
    count,
    down_frames,
    still_talks,
    telemetry,
)
from tests.hil.faults_rig import Options


def silent(direction):
    return lambda hit, base: not count(hit, TELEMETRY) and count(base, TELEMETRY) >= 28


LINK = {
    "link.drop": Row(
        {"only": ["LOADS"], "direction": "up"},
        lambda hit, _: not count(hit, LOADS) and count(hit, TELEMETRY) >= 28,
        back=lambda hit: count(hit, LOADS, 6.2, 9) >= 27,
    ),
    "link.duplicate": Row(
        {"only": ["TELEMETRY"], "times": 3, "direction": "up"},
        lambda hit, base: count(hit, TELEMETRY) == 3 * count(base, TELEMETRY)
        and count(hit, LOADS) == count(base, LOADS),
        back=still_talks,
    ),
    "link.reorder": Row(
        {"direction": "up", "probability": 0.5, "by_ms": 150},
        lambda hit, base: (seqs := [f.seq for f in hit.frames(3.1, 6)]) != sorted(seqs)
        and (own := [f.seq for f in base.frames(3.1, 6)]) == sorted(own),
        back=still_talks,
    ),
    "link.flip": Row(
        {"only": ["TELEMETRY"], "direction": "up"},
        lambda hit, _: hit.host_stats.crc_errors + hit.host_stats.frame_errors >= 20,
        back=still_talks,
    ),
    "link.truncate": Row(
        {"only": ["TELEMETRY"], "direction": "up", "lost_b": 5},
        lambda hit, base: not count(hit, TELEMETRY) and count(hit, LOADS) >= 28
        and len(hit.bytes_up(3.2, 5.9)) == len(base.bytes_up(3.2, 5.9)) - 27 * 5,
        back=still_talks,
    ),
    "link.merge": Row(
        {"only": ["TELEMETRY"], "direction": "up"},
        lambda hit, _: count(hit, TELEMETRY) + count(hit, LOADS) <= 2,
        back=still_talks,
    ),
    "link.replay": Row(
        {"only": ["TELEMETRY"], "direction": "up", "ago_s": 2},
        lambda hit, base: [t.t_ms for t in telemetry(hit, 3.2, 3.3)]
        == [telemetry(base, 3.2, 3.3)[0].t_ms, telemetry(base, 1.2, 1.3)[0].t_ms],
        back=lambda hit: count(hit, TELEMETRY, 7, 9) <= 21,
    ),
    "link.stranger": Row(
        {"direction": "up"},
        lambda hit, base: len({f.session for f in hit.frames(3.1, 6)}) == 2
        and hit.host_stats.wrong_session >= 28 and not base.host_stats.wrong_session,
        back=lambda hit: len({f.session for f in hit.frames(6.3, 9)}) == 1,
    ),
    "link.forge": Row(
        {"message": "SHED", "payload": "0e00", "mac": "wrong", "period_ms": 200},
        lambda hit, base: count(hit, m.ERR) >= 14 and not count(base, m.ERR)
        and count(hit, TELEMETRY) >= 28,
        DAEMON,
        back=lambda hit: not count(hit, m.ERR, 6.3, 9),
    ),
    "link.babble": Row(
        {"direction": "up", "bytes_per_tick": 30},
        lambda hit, base: len(hit.bytes_up(3, 6)) - len(base.bytes_up(3, 6)) == 30 * 30
        and hit.host_stats.frame_errors > 0 and count(hit, TELEMETRY) >= 28,
        back=lambda hit: len(hit.bytes_up(7, 8)) < 10 * 260,
    ),
    "link.latency": Row(
        {"direction": "up", "ms": 400},
        lambda hit, base: not count(hit, TELEMETRY, 3.1, 3.4)
        and telemetry(hit, 4.5, 4.6)[0].t_ms == telemetry(base, 4.1, 4.2)[0].t_ms,
        back=still_talks,
    ),
    "link.stall": Row(
        {"direction": "up"},
        lambda hit, _: hit.bytes_up(3.1, 6) == b"" and count(hit, TELEMETRY, 6, 6.6) >= 32,
        back=still_talks,
    ),
    "link.throttle": Row(
        {"direction": "up", "baud": 7200},
        lambda hit, base: len(hit.bytes_up(3.2, 5.8)) <= 72 * 28 < len(base.bytes_up(3.2, 5.8)),
        back=lambda hit: count(hit, TELEMETRY, 8.2, 9.1) >= 9,
    ),
    "link.silence": Row({}, silent("up"), back=still_talks),
    "link.baud_mismatch": Row(
        {"direction": "up"},
        lambda hit, _: len(hit.bytes_up(3.1, 6)) > 500 and not hit.frames(3.1, 6)
        and hit.host_stats.frame_errors + hit.host_stats.crc_errors > 0,
        back=still_talks,
    ),
    "link.echo": Row(
        {},
        lambda hit, base: m.LEASE in {f.type for f in hit.frames(3, 6)}
        and m.LEASE not in {f.type for f in base.frames(3, 6)}
        and hit.host_stats.unexpected > 0,
        Options(host="lease"),
        lambda hit: m.LEASE not in {f.type for f in hit.frames(6.3, 9)},
    ),
    "link.unplug": Row(
        {},
        lambda hit, base: not down_frames(hit, 3.1, 6) and down_frames(base, 3.1, 6),
        DAEMON,
        lambda hit: m.HELLO in {f.type for f in down_frames(hit, 6, 9.1)},
    ),
}  # fmt: skip
