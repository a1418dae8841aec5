# SPDX-License-Identifier: Apache-2.0
"""Energy meters by register map: every family, every trap."""

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link.wire import INVALID
from firmware_py.sense import meter, meter_values, words
from firmware_py.sense import meter_maps as maps
from firmware_py.sense.energy import Energy
from firmware_py.sense.meter import Meter
from firmware_py.sense.meter_values import (
    PROBE_NO_VOLTAGE,
    PROBE_NONE,
    PROBE_OK,
    PROBE_WORD_ORDER,
)
from firmware_py.sense.modbus_master import Master
from firmware_py.sense.modbus_reply import WORDS_MAX
from tests.firmware.fakes.fake_modbus_meter import FakeModbusMeter
from tests.firmware.small import Small

WRAP = (1 << 30) - 1
FAMILIES = {
    "SDM630": maps.SDM630,
    "SDM120": maps.SDM120,
    "EM24": maps.EM24,
    "IEM3000": maps.IEM3000,
}
TRUTH = {"v": (231.2, 229.9, 230.4), "a": (9.5, 12.75, 3.25), "w": 5432.5, "hz": 49.9}


def fields(table):
    blocks = [
        table[at : at + meter_values._BLOCK]
        for at in range(
            meter_values._BLOCKS_AT,
            meter_values._BLOCKS_AT + meter_values._BLOCK * table[1],
            meter_values._BLOCK,
        )
    ]
    first = meter_values._BLOCKS_AT + meter_values._BLOCK * table[1]
    for at in range(first, len(table), meter_values._FIELD):
        block, word, kind, scale, quantity = table[at : at + meter_values._FIELD]
        address = (blocks[block][1] << 8 | blocks[block][2]) + word
        yield address, kind, scale, quantity


class Bench:
    """A meter of a family on its bus, and a driver that is polled each 100 ms tick."""

    def __init__(self, family, table=None, now=5000, **options):
        self.table = FAMILIES[family]
        self.swapped = self.table[0]
        self.device = FakeModbusMeter(7, self.table[2], 3300)
        self.master = Master(self.device, 19_200, retries=0)
        self.meter = Meter(self.master, 7, table or self.table, 230_000, **options)
        self.now = now
        self.passed = 0
        self.kwh = 1234.5
        self.truth = dict(TRUTH)
        self.live = True  # the last digits move

    def put32(self, address, bits):
        hi, lo = bits >> 16 & 0xFFFF, bits & 0xFFFF
        self.device.put(address, *((lo, hi) if self.swapped else (hi, lo)))

    def load(self):
        """The truth into the registers, as the family does it."""
        wobble = self.passed // 100 % 7 if self.live else 0
        volts = [v + wobble / 10 for v in self.truth["v"]]
        values = [*volts, *self.truth["a"], self.truth["w"], self.truth["hz"]]
        for address, kind, scale, quantity in fields(self.table):
            if quantity == maps._COUNTER:
                self.load_counter(address, kind, scale)
            elif kind == maps._F32:
                value = values[quantity] / (1000 if scale == 6 else 1)
                self.put32(address, struct.unpack(">I", struct.pack(">f", value))[0])
            elif kind == maps._I32:
                self.put32(address, round(values[quantity] * 1000 / scale) & 0xFFFFFFFF)
            else:
                self.device.registers[address] = round(values[quantity] * 1000 / scale)

    def load_counter(self, address, kind, scale):
        if kind == maps._KWH_F32:
            self.put32(address, struct.unpack(">I", struct.pack(">f", self.kwh))[0])
        elif kind == maps._KWH_I32:
            self.put32(address, int(self.kwh * scale))
        else:
            for i, word in enumerate(struct.unpack(">4H", int(self.kwh * 1000).to_bytes(8, "big"))):
                self.device.registers[address + i] = word

    def run(self, ticks=60, load=True):
        for _ in range(ticks):
            if load:
                self.load()
            self.device.now_ms = self.passed
            self.meter.poll(self.now)
            self.now = (self.now + 100) & WRAP
            self.passed += 100
        return self

    def seen(self):
        meter = self.meter
        return meter.mv, meter.ma, meter.mw, meter.mhz


NOTHING = (INVALID,) * 4


@pytest.fixture(params=FAMILIES)
def bench(request):
    return Bench(request.param)


@pytest.mark.parametrize("table", FAMILIES.values(), ids=FAMILIES)
def test_a_map_is_sound(table):
    lengths = [
        table[meter_values._BLOCKS_AT + meter_values._BLOCK * i + 3] for i in range(table[1])
    ]
    assert len(set(lengths)) == len(lengths)  # a wrong block has a wrong length
    assert max(lengths) <= (11 if table is maps.EM24 else WORDS_MAX)
    assert table[meter_values._BLOCKS_AT + 4] == 1
    words_of = {maps._U16: 1, maps._WH_I64: 4}
    first = meter_values._BLOCKS_AT + meter_values._BLOCK * table[1]
    assert (len(table) - first) % meter_values._FIELD == 0
    quantities = []
    for at in range(first, len(table), meter_values._FIELD):
        block, word, kind, _, quantity = table[at : at + meter_values._FIELD]
        assert word + words_of.get(kind, 2) <= lengths[block]
        quantities.append(quantity)
    assert {maps._MV1, maps._MA1, maps._MW, maps._MHZ, maps._COUNTER} <= set(quantities)
    assert len(set(quantities)) == len(quantities)


def test_the_numbers_of_the_maps_stay():
    assert maps.MAPS == (maps.SDM630, maps.SDM120, maps.EM24, maps.IEM3000)


def test_the_constants_of_the_maps_are_the_same_in_their_readers():
    assert meter._BLOCK == meter_values._BLOCK
    assert meter._BLOCKS_AT == meter_values._BLOCKS_AT
    for reader in (meter, meter_values):
        shared = {name for name in vars(maps) if name[0] == "_" and name in vars(reader)}
        shared = {name for name in shared if isinstance(getattr(maps, name), int)}
        assert {"_MV1", "_MA1", "_MW"} <= shared
        for name in shared:
            assert getattr(reader, name) == getattr(maps, name)


def test_every_family_is_read_in_milli_units(bench):
    bench.run()
    phases = 1 if bench.table is maps.SDM120 else 3
    mv, ma, mw, mhz = bench.seen()
    assert abs(mv - 231_500) <= 300
    assert ma == (9_500 if phases == 1 else 12_750)
    assert (mw, mhz) == (5_432_500, 49_900)
    assert [bench.meter.value[maps._MA1 + i] != INVALID for i in range(3)] == [
        i < phases for i in range(3)
    ]
    assert bench.meter.probe() == PROBE_OK
    assert bench.meter.errors == bench.master.errors == 0


def test_currents_are_refreshed_within_a_second(bench):
    bench.run()
    bench.truth["a"] = (31.0, 1.0, 1.0)
    bench.run(10)
    assert bench.meter.ma == 31_000


def test_negative_power_keeps_its_sign_and_a_current_has_none(bench):
    bench.truth["w"] = -1500.5
    bench.truth["a"] = (-9.5, 1.0, 1.0)
    bench.run()
    assert (bench.meter.mw, bench.meter.ma) == (-1_500_500, 9_500)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_wrong_word_order_gives_nothing_and_is_reported(family):
    table = FAMILIES[family]
    bench = Bench(family, table=bytes((1 - table[0],)) + table[1:])
    assert bench.meter.probe() == PROBE_NONE
    for _ in range(60):
        bench.run(1)
        assert bench.seen() == NOTHING
    assert bench.meter.probe() == PROBE_WORD_ORDER
    assert (bench.meter.energy.kwh, bench.meter.energy.mwh) == (0, 0)


def test_a_dead_feed_is_no_voltage_not_a_wrong_map(bench):
    bench.run()
    bench.truth = {"v": (0, 0, 0), "a": (0, 0, 0), "w": 0, "hz": 0}
    bench.run()
    assert bench.meter.probe() == PROBE_NO_VOLTAGE
    assert bench.seen()[1:] == (0, 0, INVALID)
    assert bench.seen()[0] < 1000
    bench.truth = dict(TRUTH)
    assert bench.run().meter.probe() == PROBE_OK


ABSENT = 0xFFC00000  # NaN, Schneider's "no value"


@pytest.mark.parametrize("bits", [ABSENT, 0x7F800000, 0xFF800000, 0x7FFFFFFF, 0x80000000])
def test_sentinels_are_no_values(bench, bits):
    bench.run()
    bench.load()
    for address, kind, _, quantity in fields(bench.table):
        if quantity in {maps._MA1, maps._MW} and kind in {maps._F32, maps._I32}:
            bench.put32(address, bits)
    bench.run(40, load=False)
    if bits == 0x80000000 and bench.table is not maps.EM24:
        assert (bench.meter.mw, bench.meter.value[maps._MA1]) == (0, 0)  # it is -0.0
    else:
        assert (bench.meter.mw, bench.meter.ma) == (INVALID, INVALID)
    assert bench.meter.mv != INVALID


FAULTS = [
    # fault of sensors, how, what the driver says afterwards
    ("open", {"mute": True}, "nothing"),  # wire off
    ("short", {"raises": True}, "nothing"),  # line shorted, UART raises
    ("short", {"babble": True}, "nothing"),
    ("late", {"delay_ms": 2000}, "nothing"),
    ("absurd", {"flip": 6}, "nothing"),  # corrupt: the CRC
    ("absurd", {"swap_crc": True}, "nothing"),
    ("absurd", {"as_unit": 9}, "nothing"),
    ("absurd", {"exception": 4}, "nothing"),
    ("stuck", {"lag": True}, "nothing_or_truth"),  # the request before: one block is itself
]


@pytest.mark.parametrize(("name", "fault", "expected"), FAULTS)
def test_fault_table(bench, name, fault, expected):
    bench.run()
    healthy = {key: getattr(bench.device, key) for key in fault}
    for key, value in fault.items():
        setattr(bench.device, key, value)
    bench.run(60)
    if expected == "nothing":
        assert bench.seen()[:3] == NOTHING[:3]
    bench.run(300)
    assert bench.seen()[1:3] in {(INVALID, INVALID), (9_500, 5_432_500), (12_750, 5_432_500)}
    for key, value in healthy.items():
        setattr(bench.device, key, value)
    bench.run(100)
    assert bench.seen()[2:] == (5_432_500, 49_900)


def test_stuck_a_meter_that_repeats_every_bit_under_load_is_frozen(bench):
    bench.run()
    bench.live = False
    bench.run(280)
    assert not bench.meter.frozen
    bench.run(60)
    assert bench.meter.frozen
    assert bench.seen() == NOTHING
    bench.live = True
    bench.run(20)
    assert bench.seen()[2] == 5_432_500


def test_an_idle_feed_may_repeat_itself(bench):
    bench.truth = {"v": (230, 230, 230), "a": (0, 0, 0), "w": 0, "hz": 50}
    bench.live = False
    bench.run(700)
    assert not bench.meter.frozen
    assert bench.meter.ma == 0


def test_spike_one_absurd_value_is_dropped_and_gone_with_the_next(bench):
    bench.run()
    bench.truth["a"] = (5e6, 5e6, 5e6)
    bench.run(10)
    assert bench.meter.ma == INVALID
    bench.truth = dict(TRUTH)
    bench.run(10)
    assert bench.meter.ma in {9_500, 12_750}


def test_drift_is_what_a_meter_alone_cannot_see(bench):
    """A gain that creeps looks like load; only a second meter or the loads' sum tells."""
    bench.truth["w"] *= 1.05
    bench.run()
    assert bench.meter.mw == pytest.approx(5_432_500 * 1.05, abs=100)


def test_power_up_while_the_meter_already_talks_is_survived(bench):
    bench.device.write(bytes(8))
    bench.device._out[:20] = bytes(range(20))
    bench.device._n, bench.device._sent, bench.device._ready_ms = 20, 0, 0
    bench.run(80)
    assert bench.meter.mw == 5_432_500


def test_two_meters_share_a_bus_by_turns():
    bench = Bench("SDM630")
    other = Meter(bench.master, 8, maps.SDM630, 230_000)  # is not there
    for _ in range(120):
        bench.load()
        bench.device.now_ms = bench.passed
        bench.meter.poll(bench.now)
        other.poll(bench.now)
        bench.now += 100
        bench.passed += 100
    assert bench.meter.mw == 5_432_500
    assert bench.meter.errors == 0
    assert other.mw == INVALID
    assert other.errors > 5


def test_board_time_may_wrap(bench):
    bench.now = WRAP - 3000
    bench.run(31)
    for _ in range(100):
        bench.run(1)
        assert bench.meter.mw == 5_432_500


# ---- numbers ----

bits32 = st.one_of(
    st.integers(0, 0xFFFFFFFF),
    st.integers(95 << 23, 165 << 23),
    st.integers(1 << 31 | 95 << 23, 1 << 31 | 165 << 23),
)


@settings(max_examples=800, deadline=None)
@given(bits32, st.sampled_from([3, 6]))
def test_floats_become_rounded_integers_without_leaving_30_bits(bits, power):
    value = struct.unpack(">f", bits.to_bytes(4, "big"))[0]
    hi, lo = Small(bits >> 16), Small(bits & 0xFFFF)
    got = words.float_scaled(hi, lo, 5**power, power)
    if not math.isfinite(value):
        assert got == INVALID
        return
    exact = abs(Fraction(value)) * 10**power
    want = math.floor(exact + Fraction(1, 2)) * (-1 if value < 0 else 1)
    assert got == (want if abs(want) < 1 << 30 else INVALID)


@settings(max_examples=400, deadline=None)
@given(bits32)
def test_a_float_counter_splits_into_kwh_and_mwh(bits):
    value = struct.unpack(">f", bits.to_bytes(4, "big"))[0]
    hi, lo = Small(bits >> 16), Small(bits & 0xFFFF)
    kwh = words.float_kwh(hi, lo)
    if not math.isfinite(value) or value >= 1 << 30 or value <= -1e-37:
        assert kwh == INVALID
    elif value >= 0:
        assert kwh == int(value)
        rest = (Fraction(value) - kwh) * 1_000_000
        assert 0 <= rest - words.float_rest_mwh(hi, lo) < 2


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 0xFFFFFFFF), st.sampled_from([1, 10, 100, 1000]))
def test_integers_are_scaled_or_refused(bits, scale):
    value = bits - (1 << 32) if bits >> 31 else bits
    got = words.int_scaled(Small(bits >> 16), Small(bits & 0xFFFF), scale)
    assert got == (value * scale if abs(value * scale) < 1 << 30 else INVALID)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.integers(0, 1 << 41), st.integers(0, (1 << 64) - 1)))
def test_a_64_bit_counter_splits_into_kwh_and_wh(wh):
    data = [Small(byte) for byte in b"xx" + wh.to_bytes(8, "big")]
    fits = wh // 1000 < 1 << 30
    assert words.long_kwh(data, 2) == (wh // 1000 if fits else INVALID)
    assert words.long_rest_wh(data, 2) == wh % 1000


# ---- energy ----


def total_mwh(energy):
    return energy.kwh * 1_000_000 + energy.mwh


def test_energy_follows_the_counter(bench):
    bench.run(80)
    start = bench.kwh
    for _ in range(60):
        bench.kwh += 0.05
        bench.run(60)
    assert total_mwh(bench.meter.energy) == pytest.approx((bench.kwh - start) * 1e6, abs=210_000)
    assert bench.meter.energy.jumps == 0


@pytest.mark.parametrize("modulus", [10**4, 10**5, 10**6, 10**7, 10**8])
def test_a_rollover_is_counted_through(modulus):
    energy = Energy(50_000)
    energy.count(modulus - 1, 990_000)
    energy.wait(10_000)
    energy.count(0, 30_000)
    assert total_mwh(energy) == 40_000
    assert energy.jumps == 0


def test_a_reset_counts_nothing_and_goes_on_from_there():
    energy = Energy(50_000)
    energy.count(4321, 500_000)
    for mwh in (0, 5_000, 10_000):
        energy.wait(10_000)
        energy.count(0, mwh)
    assert energy.jumps == 1
    assert total_mwh(energy) == 5_000


def test_one_corrupt_counter_reading_leaves_no_trace():
    energy = Energy(50_000)
    energy.count(4321, 0)
    energy.wait(10_000)
    energy.count(9999, 0)
    energy.wait(10_000)
    energy.count(4321, 100_000)
    assert (energy.jumps, total_mwh(energy)) == (0, 100_000)


@pytest.mark.parametrize("hours", [1, 10, 24, 24 * 14])
def test_a_gap_is_filled_if_the_feed_could_have_carried_it(hours):
    for kw, counted in ((45, True), (70, False)):
        energy = Energy(50_000)
        energy.count(0, 0)
        for _ in range(hours * 4):
            energy.wait(900_000)
        energy.count(kw * hours, 0)
        energy.wait(1000)
        energy.count(kw * hours, 1000)
        assert total_mwh(energy) == (kw * hours * 1_000_000 + 1000 if counted else 0)
        assert energy.jumps == (0 if counted else 1)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, (1 << 30) - 1), st.integers(0, 999_999), st.integers(0, 1_000_000)
        ),
        max_size=12,
    ),
    st.integers(1, 1_000_000),
)
def test_energy_never_falls_nor_outruns_the_feed_nor_30_bits(readings, most_w):
    energy = Energy(Small(most_w))
    last = 0
    seconds = Fraction(0)
    for kwh, mwh, ms in readings:
        energy.wait(Small(ms))
        seconds += Fraction(ms, 1000)
        energy.count(Small(kwh), Small(mwh))
        assert total_mwh(energy) >= last
        last = total_mwh(energy)
    most_wh = (most_w + 100) * (seconds + 120) * Fraction(12, 36_000)
    assert last <= (most_wh + 201 * len(readings)) * 1000
