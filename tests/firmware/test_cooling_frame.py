# SPDX-License-Identifier: Apache-2.0
"""The frame COOLING: every field in its place, absent readings, its rhythm and its price."""

import struct
from types import SimpleNamespace

import pytest

from firmware_py import channels as ch
from firmware_py.link import messages as m
from firmware_py.link.cooling import EVERY, Cooling
from firmware_py.link.endpoint import Endpoint
from firmware_py.link.messages import MESSAGES
from firmware_py.link.outbox import Outbox
from tests.firmware.rig import Rig, bodies, frame, unpack


def app(value=None):
    """Stages whose readings are all different, or all `value`."""
    numbers = iter(range(100, 200))

    def next_():
        return next(numbers) if value is None else value

    sense = SimpleNamespace(
        supply_mc=next_(),
        return_mc=next_(),
        flow_mlm=next_(),
        dp_pa=next_(),
        rh_permille=next_(),
        pump_rpm=next_(),
        reservoir_permille=next_(),
        zone_mc=[next_() for _ in range(4)],
        fan_rpm=[next_() for _ in range(8)],
    )
    outputs = [0] * ch.N_OUT
    outputs[ch.OUT_PUMP_PERMILLE], outputs[ch.OUT_VALVE_PERMILLE] = 701, 302
    return SimpleNamespace(
        sense=sense, act=SimpleNamespace(outputs=outputs), cooler=SimpleNamespace(failed=0b100)
    )


def sent(cooling, of):
    cooling.fill(of)
    cooling.frame.seal(m.EVENT, 0, 1)
    return unpack(bytes(cooling.frame.body[: -m.CRC_BYTES]))[1]


def test_every_field_is_in_its_place():
    stages, cooling = app(), Cooling()
    cooling.dew_mc, cooling.latched, cooling.welded, cooling.stuck_open = 12_345, 6, 2, 8
    values = sent(cooling, stages)
    sense = stages.sense
    for name in ("supply_mc", "return_mc", "flow_mlm", "dp_pa", "rh_permille", "pump_rpm"):
        assert values[name] == getattr(sense, name)
    assert values["reservoir_permille"] == sense.reservoir_permille
    assert [values[f"zone{z}_mc"] for z in (1, 2, 3)] == sense.zone_mc[1:]
    assert [values[f"fan{f}_rpm"] for f in range(8)] == sense.fan_rpm
    assert (values["pump_permille"], values["valve_permille"]) == (701, 302)
    masks = [values[name] for name in ("latched", "failed", "welded", "stuck_open")]
    assert (values["dew_mc"], masks) == (12_345, [6, 0b100, 2, 8])


@pytest.mark.parametrize(
    ("reading", "as_u16"), [(m.INVALID, m.NO_U16), (-1, m.NO_U16), (70_000, 65_534)]
)
def test_a_reading_that_is_absent_or_absurd_is_told_from_one(reading, as_u16):
    values = sent(Cooling(), app(reading))
    assert values["supply_mc"] == reading
    assert {values[n] for n in ("rh_permille", "pump_rpm", "fan0_rpm", "fan7_rpm")} == {as_u16}


def test_it_is_sent_each_fifth_tick_and_only_where_there_is_one():
    rig = Rig()
    rig.run(10)
    rig.hello()
    rig.run(20)
    assert rig.sent("COOLING") == []
    cooling = rig.app._telemetry.cooling = Cooling()
    cooling.fill_of, cooling.fill = cooling.fill, lambda _app: cooling.fill_of(app())
    rig.run(50)
    assert len(rig.sent("COOLING")) == 50 // EVERY


def test_a_tick_takes_less_than_60_percent_of_115200_baud():
    fixed = {
        name: size for name, size in _sizes() if name in ("TELEMETRY", "BOARD_EVENT", "COOLING")
    }
    loads = 4 * ch.MAX_LOADS
    overhead = m.HEADER_BYTES + m.CRC_BYTES + 3
    longest_answer = m.FRAME_MAX
    total = sum(fixed.values()) + loads + 4 * overhead + longest_answer
    assert total <= 0.6 * 115_200 / 10 / 10


def _sizes():
    return [(row[1], struct.calcsize(row[3])) for row in MESSAGES]


def test_frames_are_filled_before_a_hello_only_if_somebody_else_reads_them():
    rig = Rig()
    rig.run(3)
    main = rig.app._telemetry.main.body
    assert bytes(main[m.HEADER_BYTES : -m.CRC_BYTES]) == bytes(56)
    rig.app._telemetry.always = True
    rig.run(1)
    assert bytes(main[m.HEADER_BYTES : -m.CRC_BYTES]) != bytes(56)
    assert rig.frames == []


def test_two_streams_get_the_same_frames_each_after_its_own_hello():
    rig = Rig()
    rig.run(10)
    rig.hello()
    app, box = rig.app, Outbox(bytearray(1024))
    second = Endpoint(app.state, box)
    app._telemetry.endpoints.append(second)
    rig.run(1)
    assert box.n == 0
    hello = frame(m.HELLO, 1, struct.pack("<IIH", 8, 1, 240), 0)
    second.receive(hello, len(hello), rig.now_ms)
    box.clear()
    rig.frames.clear()
    rig.run(1)
    assert bodies(bytes(box.buf[: box.n])) == rig.frames
    assert len(rig.frames) >= 2
