# SPDX-License-Identifier: Apache-2.0
"""What the rows of the fault table ask of a run."""

from typing import NamedTuple

from edge.link.messages import OWN
from firmware_py.link import messages as m
from tests.hil.faults_rig import Options

TELEMETRY, LOADS = m.TELEMETRY, m.LOADS


def well(_hit):
    return True


class Row(NamedTuple):
    values: dict
    bites: object
    options: Options = Options()
    back: object = well
    board: object = None


def now(rig, channel):
    return rig.series(channel, 3, 6)


def later(rig, channel):
    return rig.series(channel, 6, 9.1)


def telemetry(rig, from_s, to_s):
    frames = rig.frames(from_s, to_s)
    return [OWN.unpack(f.type, f.payload).values for f in frames if f.type == TELEMETRY]


def count(rig, kind, from_s=3.1, to_s=6):
    return sum(f.type == kind for f in rig.frames(from_s, to_s))


DAEMON = Options(host="daemon")


def still_talks(hit):
    return count(hit, TELEMETRY, 7, 9) >= 19


def down_frames(rig, from_s, to_s):
    from edge.core import FrameDecoder

    return FrameDecoder().feed(b"\0" + b"".join(each.down for each in rig.during(from_s, to_s)))
