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

COOLANT = {
    "supply_mc": ch.IN_SUPPLY_MC,
    "return_mc": ch.IN_RETURN_MC,
    "flow_mlm": ch.IN_FLOW_MLM,
    "dp_pa": ch.IN_DP_PA,
    "rh_permille": ch.IN_RH_PERMILLE,
    "pump_rpm": ch.IN_PUMP_RPM,
    "reservoir_permille": ch.IN_RESERVOIR_PERMILLE,
    "zone1_mc": ch.IN_ZONE1_MC,
    "zone2_mc": ch.IN_ZONE2_MC,
    "zone3_mc": ch.IN_ZONE3_MC,
} | {f"fan{f}_rpm": ch.IN_FAN0_RPM + f for f in range(8)}


def stages(reading=None, liquid=True):
    """Stages whose readings are all different, or all `reading`."""
    value = [100 + i if reading is None else reading for i in range(ch.N_IN)]
    outputs = [0] * ch.N_OUT
    outputs[ch.OUT_PUMP_PERMILLE], outputs[ch.OUT_VALVE_PERMILLE] = 701, 302
    return SimpleNamespace(
        sense=SimpleNamespace(trust=SimpleNamespace(value=value)),
        act=SimpleNamespace(outputs=outputs),
        liquid=SimpleNamespace(dew_mc=12_345, latched=6) if liquid else None,
        cooler=SimpleNamespace(failed=0b100),
        contacts=SimpleNamespace(welded=2, stuck_open=8),
    )


def sent(of):
    cooling = Cooling()
    cooling.fill(of)
    cooling.frame.seal(m.EVENT, 0, 1)
    return unpack(bytes(cooling.frame.body[: -m.CRC_BYTES]))[1]


def test_every_field_is_in_its_place():
    values = sent(stages())
    assert {name: values[name] for name in COOLANT} == {n: 100 + i for n, i in COOLANT.items()}
    assert (values["pump_permille"], values["valve_permille"]) == (701, 302)
    masks = [values[name] for name in ("latched", "failed", "welded", "stuck_open")]
    assert (values["dew_mc"], masks) == (12_345, [6, 0b100, 2, 8])


def test_a_board_without_liquid_says_so():
    values = sent(stages(liquid=False))
    assert (values["pump_permille"], values["valve_permille"]) == (m.NO_U16, m.NO_U16)
    assert (values["dew_mc"], values["latched"]) == (m.INVALID, 0)


@pytest.mark.parametrize(
    ("reading", "as_u16"), [(m.INVALID, m.NO_U16), (-1, m.NO_U16), (70_000, 65_534)]
)
def test_a_reading_that_is_absent_or_absurd_is_told_from_one(reading, as_u16):
    values = sent(stages(reading))
    assert values["supply_mc"] == reading
    assert {values[n] for n in ("rh_permille", "pump_rpm", "fan0_rpm", "fan7_rpm")} == {as_u16}


@pytest.mark.parametrize("sections", [{}, {"liquid": {}}])
def test_a_real_board_sends_it_each_fifth_tick_only_where_there_is_one(sections):
    rig = Rig(**sections)
    rig.run(10)
    rig.hello()
    rig.app.telemetry.cooling = None
    rig.run(20)
    assert rig.sent("COOLING") == []
    rig.app.telemetry.cooling = Cooling()
    rig.run(50)
    frames = rig.sent("COOLING")
    assert len(frames) == 50 // EVERY
    assert frames[-1]["fan0_rpm"] == rig.sent("TELEMETRY")[-1]["fan_rpm"] == 3000


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
    main = rig.app.telemetry.main.body
    assert bytes(main[m.HEADER_BYTES : -m.CRC_BYTES]) == bytes(56)
    rig.app.telemetry.always = True
    rig.run(1)
    assert bytes(main[m.HEADER_BYTES : -m.CRC_BYTES]) != bytes(56)
    assert rig.frames == []


def test_two_streams_get_the_same_frames_each_after_its_own_hello():
    rig = Rig()
    rig.run(10)
    rig.hello()
    app, box = rig.app, Outbox(bytearray(1024))
    second = Endpoint(app.state, box)
    app.telemetry.endpoints.append(second)
    rig.run(1)
    assert box.n == 0
    hello = frame(m.HELLO, 1, struct.pack("<IIH", 8, 1, 240), 0)
    second.receive(hello, len(hello), rig.now_ms)
    box.clear()
    rig.frames.clear()
    rig.run(1)
    assert bodies(bytes(box.buf[: box.n])) == rig.frames
    assert len(rig.frames) >= 2
