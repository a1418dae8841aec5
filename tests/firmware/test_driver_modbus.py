# SPDX-License-Identifier: Apache-2.0
"""The Modbus RTU master against a meter that misbehaves."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link.modbus_crc import crc16
from firmware_py.sense import modbus_master as mm
from firmware_py.sense import modbus_reply as mr
from tests.firmware.fakes.fake_modbus_meter import FakeModbusMeter

WRAP = (1 << 30) - 1


class Bench:
    """One master, one meter; time passes in steps of `step` ms from `now`."""

    def __init__(self, now=1000, step=10, retries=0, **options):
        self.meter = FakeModbusMeter(1, 4, 100)
        for i in range(100):
            self.meter.registers[i] = 0x1100 + i
        self.master = mm.Master(self.meter, 9600, retries=retries, **options)
        self.master.join()
        self.now = now
        self.step = step
        self.passed = 0

    def run(self, ms):
        for _ in range(ms // self.step):
            self.meter.now_ms = self.passed
            self.master.poll(self.now)
            self.now = (self.now + self.step) & WRAP
            self.passed += self.step
            if self.master.state in (mm.DONE, mm.FAILED):
                return
        assert self.master.state == mm.WAITING

    def ask(self, address=2, count=3, ms=3000):
        self.master.start(1, 4, address, count)
        self.run(ms)
        return self.master.state

    def words(self, count=3):
        rx = self.master.rx
        return [rx[3 + 2 * i] << 8 | rx[4 + 2 * i] for i in range(count)]


@pytest.mark.parametrize(
    "frame",
    [
        "01040000000271cb",  # Eastron's manual
        "01040000002a71d5",
        "01030000002ec5d6",
        "01020100a188",
    ],
)
def test_crc_of_frames_from_manuals_low_byte_first(frame):
    data = bytes.fromhex(frame)
    assert crc16(data, 0, len(data) - 2).to_bytes(2, "little") == data[-2:]
    assert crc16(b"xx" + data, 2, len(data)) == 0


def test_registers_arrive():
    bench = Bench()
    assert bench.ask() == mm.DONE
    assert bench.words() == [0x1102, 0x1103, 0x1104]
    assert bytes(bench.meter.request[:6]) == bytes((1, 4, 0, 2, 0, 3))
    assert bench.master.errors == 0


@pytest.mark.parametrize(
    ("fault", "value", "why"),
    [
        ("mute", True, mm.TIMEOUT),
        ("raises", True, mm.BUS),
        ("cut", 1, mm.TIMEOUT),
        ("cut", 9, mm.TIMEOUT),
        ("flip", 0, mr.BAD_FRAME),
        ("flip", 1, mr.BAD_FRAME),
        ("flip", 2, mr.BAD_FRAME),
        ("flip", 3, mr.BAD_CRC),
        ("flip", 10, mr.BAD_CRC),
        ("swap_crc", True, mr.BAD_CRC),
        ("extra", 1, mr.BAD_FRAME),
        ("as_unit", 2, mr.BAD_FRAME),
        ("exception", 2, mr.EXCEPTION),
        ("delay_ms", 5000, mm.TIMEOUT),
    ],
)
def test_a_bad_answer_is_refused_and_the_next_good_one_taken(fault, value, why):
    bench = Bench()
    good = getattr(bench.meter, fault)
    setattr(bench.meter, fault, value)
    assert bench.ask() == mm.FAILED
    assert bench.master.why == why
    assert bench.master.errors == 1
    setattr(bench.meter, fault, good)
    assert bench.ask() == mm.DONE
    assert bench.words() == [0x1102, 0x1103, 0x1104]


@pytest.mark.parametrize(
    ("fault", "value"), [("echo", True), ("noise", 1), ("noise", 3), ("delay_ms", 300)]
)
def test_what_a_half_duplex_line_does_is_tolerated(fault, value):
    bench = Bench()
    setattr(bench.meter, fault, value)
    assert bench.ask() == mm.DONE
    assert bench.words() == [0x1102, 0x1103, 0x1104]
    assert bench.master.errors == 0


def test_an_echo_with_one_register_is_not_the_answer():
    bench = Bench(step=1)
    bench.meter.echo = True
    assert bench.ask(address=2, count=1) == mm.DONE
    bench.meter.mute = True  # only the echo comes back
    assert bench.ask(address=2, count=1) == mm.FAILED
    assert bench.master.why == mm.TIMEOUT


def test_seven_bytes_of_an_echo_are_not_an_answer_of_seven_bytes():
    reply = mr.Reply()
    reply.ask(1, 4, 0x0200, 1)  # the high address byte equals the byte count of the answer
    for byte in reply.request[:7]:
        assert reply.take(byte) == 0
        assert not reply.whole()
    assert reply.take(reply.request[7]) == 0
    answer = bytes.fromhex("0104021234")
    for byte in answer + crc16(answer, 0, 5).to_bytes(2, "little"):
        assert reply.take(byte) == 0
    assert reply.whole()


def test_a_retry_is_made_after_silence_and_counts_an_error():
    bench = Bench(retries=2)
    bench.meter.flip = 3
    bench.master.start(1, 4, 2, 3)
    sent = []
    for _ in range(300):
        before = bench.meter.requests
        bench.meter.now_ms = bench.passed
        bench.master.poll(bench.now)
        if bench.meter.requests > before:
            sent.append(bench.now)
        bench.now += 1
        bench.passed += 1
    assert bench.master.state == mm.FAILED
    assert bench.master.errors == bench.meter.requests == 3
    assert all(b - a > bench.meter.delay_ms + 4 for a, b in pairwise(sent))


def test_an_exception_is_not_asked_again_and_its_code_kept():
    bench = Bench(retries=3)
    assert bench.ask(address=98, count=5) == mm.FAILED
    assert (bench.master.why, bench.master.exception()) == (mr.EXCEPTION, 2)
    assert bench.meter.requests == 1


def test_a_slow_line_has_the_time_that_its_bytes_take():
    bench = Bench()
    bench.master = mm.Master(bench.meter, 1200, retries=0)
    bench.master.join()
    bench.meter.delay_ms = 75 + 200 + 125 * 11_000 // 1200  # request, its thinking, 60 registers
    assert bench.ask(count=60) == mm.DONE


def test_a_late_answer_is_not_taken_for_the_next_one():
    bench = Bench()
    bench.meter.delay_ms = 450  # timeout 300
    assert bench.ask(count=3) == mm.FAILED
    bench.meter.delay_ms = 40
    assert bench.ask(address=50, count=3) == mm.DONE
    assert bench.words() == [0x1132, 0x1133, 0x1134]


def test_a_meter_that_answers_the_request_before_is_noticed_by_the_length():
    bench = Bench()
    bench.meter.lag = True
    assert bench.ask(address=2, count=3) == mm.DONE  # nothing before: its own
    assert bench.ask(address=50, count=2) == mm.FAILED
    assert bench.master.why == mr.BAD_FRAME


def test_a_babbling_line_ends_every_poll_and_starts_no_request():
    bench = Bench()
    bench.meter.babble = True
    bench.master.start(1, 4, 2, 3)
    bench.run(1000)
    assert bench.meter.requests == 0
    bench.meter.babble = False
    bench.run(1000)
    assert bench.master.state == mm.DONE


def test_the_wrap_of_board_time_is_a_time_like_any_other():
    for before in range(0, 400, 7):
        bench = Bench(now=WRAP - before, retries=1)
        assert bench.ask() == mm.DONE
        bench.meter.mute = True
        assert bench.ask() == mm.FAILED


def test_a_bus_that_rested_for_half_the_clocks_circle_still_asks():
    bench = Bench()
    for now in range(0, 1 << 29, 1 << 24):
        bench.master.poll(now)
    bench.now = (1 << 29) + 5000
    assert bench.ask() == mm.DONE


def test_the_driver_is_enabled_for_the_request_only():
    levels = []
    bench = Bench(step=1, de=levels.append)
    bench.master.start(1, 4, 2, 3)
    for _ in range(2):
        bench.run(1)
    assert levels == [1]
    bench.run(bench.master.tx_ms)
    assert levels == [1, 0]
    assert not bench.master.driving
    bench.run(3000)
    assert bench.master.state == mm.DONE
    bench.master.start(1, 4, 2, 3)
    bench.run(10)
    bench.master.release()  # from a timer
    assert levels == [1, 0, 1, 0]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120), st.integers(1, 60), st.integers(0, 40))
def test_no_bytes_at_all_make_an_answer_without_its_crc(noise, count, address):
    reply = mr.Reply()
    reply.ask(1, 4, address, count)
    for byte in noise:
        if reply.take(byte):
            return
    assert not reply.whole() or crc16(reply.rx, 0, 5 + 2 * count) == 0
