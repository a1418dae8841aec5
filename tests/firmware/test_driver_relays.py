# SPDX-License-Identifier: Apache-2.0
"""Relay banks on pins and on an expander, with auxiliary contacts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.act.mcp23017 import McpContacts, McpRelays
from firmware_py.act.relays import PinPort, RelayBank
from firmware_py.link.wire import INVALID
from tests.firmware.fakes.fake_i2c import FakeI2c
from tests.firmware.fakes.fake_relay_bank import FakeContacts, FakeMcp23017, FakePin

ALL = 0b1111


class PinBench:
    def __init__(self, active_low=0, boot_mask=0b0101, contacts=None):
        self.flip = ALL if active_low else 0
        self.pins = [FakePin() for _ in range(4)]
        for pin in self.pins:
            pin.level = 1 if active_low else 0
        self.bank = RelayBank(PinPort(self.pins, active_low), ALL, boot_mask, contacts)

    def on(self):
        return sum(pin.level << g for g, pin in enumerate(self.pins)) ^ self.flip

    def glitch(self):
        for pin in self.pins:
            pin.level ^= 1


class McpBench:
    def __init__(self, active_low=0, boot_mask=0b0101, contacts=None):
        self.flip = 0xFFFF if active_low else 0
        self.i2c = FakeI2c()
        self.chip = FakeMcp23017()
        self.i2c.attach(0x20, self.chip)
        self.bank = RelayBank(McpRelays(self.i2c, 0x20, active_low), ALL, boot_mask, contacts)

    def on(self):
        """An input drives no relay."""
        outputs = ~(self.chip.registers[0] | self.chip.registers[1] << 8)
        return (self.chip.driven() ^ self.flip) & outputs & ALL

    def glitch(self):
        self.chip.reset()


@pytest.fixture(params=[(PinBench, 0), (PinBench, 1), (McpBench, 0), (McpBench, 1)], ids=str)
def bench(request):
    make, active_low = request.param
    return make(active_low)


def test_what_was_off_before_a_reset_stays_off(bench):
    assert bench.on() == 0b0101


def test_a_command_reaches_the_relays(bench):
    for mask in (0b1111, 0b0000, 0b1010, 0b11111):
        bench.bank.write(mask)
        bench.bank.poll(0)
        assert bench.on() == mask & ALL
        assert (bench.bank.rewrites, bench.bank.stuck, bench.bank.errors) == (0, 0, 0)


def test_outputs_that_were_lost_are_written_again_by_the_next_poll(bench):
    bench.bank.write(0b0110)
    bench.glitch()
    assert bench.on() != 0b0110
    bench.bank.poll(0)
    assert bench.on() == 0b0110
    assert (bench.bank.rewrites, bench.bank.stuck) == (1, 0)
    bench.bank.poll(0)
    assert bench.bank.rewrites == 1


def test_the_fast_path_opens_and_only_the_tick_closes(bench):
    bench.bank.write(ALL)
    bench.bank.open_mask(0b1100)
    bench.bank.poll(0)
    assert bench.on() == 0b0011
    bench.bank.write(ALL)
    assert bench.on() == 0b0011
    bench.bank.write(0b0111)  # the tick has learned of group 3 only
    bench.bank.write(ALL)
    assert bench.on() == 0b1011


def test_a_group_without_a_relay_has_no_pin():
    pins = [FakePin(), None, FakePin()]
    bank = RelayBank(PinPort(pins), 0b101, boot_mask=0b111)
    bank.poll(0)
    assert (pins[0].level, pins[2].level, bank.rewrites) == (1, 1, 0)


def test_pins_open_in_the_isr_itself_and_an_expander_with_the_flush():
    pins = PinBench()
    pins.bank.write(ALL)
    pins.bank.open_mask(0b1000)
    assert pins.on() == 0b0111
    mcp = McpBench()
    mcp.bank.write(ALL)
    transfers = mcp.i2c.transfers
    mcp.bank.open_mask(0b1000)
    assert mcp.i2c.transfers == transfers  # none inside an ISR
    mcp.bank.flush(0)  # micropython.schedule
    assert mcp.on() == 0b0111


def test_an_isr_closes_nothing_that_the_tick_is_about_to_close():
    bench = PinBench(boot_mask=0)
    bench.bank.on_mask = ALL  # inside write(), before the port
    bench.bank.open_mask(0b1000)
    assert bench.on() == 0


@pytest.mark.parametrize("fault", ["nak", "low", "high"])
def test_a_bus_that_comes_back_gets_the_newest_mask(fault):
    bench = McpBench()
    bench.i2c.fault = fault
    bench.bank.write(ALL)
    for _ in range(5):
        bench.bank.poll(0)
    assert bench.bank.errors or bench.bank.stuck
    bench.i2c.fault = ""
    bench.bank.poll(0)
    bench.bank.poll(0)
    assert bench.on() == ALL


def test_an_expander_that_lost_its_register_layout_is_brought_back():
    bench = McpBench()
    bench.bank.write(0b1001)
    bench.chip.registers[0x0A] = 0x80  # IOCON.BANK
    bench.chip.registers[0x14] = 0
    bench.bank.poll(0)
    assert bench.on() == 0b1001


def test_a_power_up_of_the_expander_never_pulses_a_relay():
    """The latch has its levels before a pin becomes an output."""
    bench = McpBench(active_low=1, boot_mask=0b0001)
    seen = []
    original = bench.chip.take

    def watch(register, buf):
        original(register, buf)
        seen.append(bench.on())

    bench.chip.take = watch
    bench.chip.reset()
    bench.bank.poll(0)
    assert set(seen) <= {0, 0b0001}


def test_an_output_that_does_not_follow_is_reported():
    bench = PinBench()
    bench.bank.write(ALL)
    bench.pins[2].held = 0
    bench.bank.poll(0)
    assert bench.bank.stuck == 0
    bench.bank.poll(0)
    assert bench.bank.stuck == 0b0100
    bench.pins[2].held = -1
    bench.bank.poll(0)
    assert bench.bank.stuck == 0


class TestContacts:
    def bench(self):
        self.aux = FakeContacts()
        self.aux.coils = 0b0101
        bench = PinBench(contacts=self.aux)
        bench.bank.poll(0)
        assert bench.bank.contacts == INVALID
        bench.bank.poll(0)
        return bench.bank

    def test_they_are_seen_after_two_polls(self):
        assert self.bench().contacts == 0b0101

    def test_one_bounce_is_not_seen_and_holds_up_no_other_contact(self):
        bank = self.bench()
        seen = []
        for n in range(6):
            self.aux.coils = 0b0111 if n < 3 else 0b0110
            self.aux.welded = 0b1000 * (n & 1)  # chatters
            bank.poll(0)
            seen.append(bank.contacts)
        assert seen == [0b0101, 0b0111, 0b0111, 0b0111, 0b0110, 0b0110]

    def test_a_bus_that_is_gone_says_nothing(self):
        bank = self.bench()
        self.aux.raises = True
        bank.poll(0)
        assert (bank.contacts, bank.errors) == (INVALID, 1)
        self.aux.raises = False
        bank.poll(0)
        assert bank.contacts == INVALID
        bank.poll(0)
        assert bank.contacts == 0b0101

    def test_an_expander_reads_contacts_to_ground(self):
        i2c = FakeI2c()
        chip = FakeMcp23017()
        i2c.attach(0x21, chip)
        port = McpContacts(i2c, 0x21)
        chip.inputs = 0xFFFF ^ 0b0011
        assert port.read() == 0b0011
        chip.reset()
        assert port.read() == 0b0011
        assert chip.registers[0x0C] == chip.registers[0x0D] == 0xFF


@settings(max_examples=100, deadline=None)
@given(
    st.booleans(),
    st.lists(
        st.tuples(
            st.sampled_from(["write", "open", "poll", "glitch", "nak", "heal"]), st.integers(0, 15)
        ),
        max_size=40,
    ),
)
def test_no_sequence_keeps_a_relay_closed_that_was_opened(mcp, steps):
    bench = (McpBench if mcp else PinBench)(boot_mask=0)
    wanted = forced = 0
    for what, mask in steps:
        if what == "write":
            bench.bank.write(mask)
            wanted, forced = mask, forced & mask
        elif what == "open":
            bench.bank.open_mask(mask)
            forced |= mask
        elif what == "poll":
            bench.bank.poll(0)
        elif what == "glitch":
            bench.glitch()
        elif mcp:
            bench.i2c.fault = what if what == "nak" else ""
    if mcp:
        bench.i2c.fault = ""
    bench.bank.poll(0)
    bench.bank.poll(0)
    assert bench.on() == wanted & ~forced
