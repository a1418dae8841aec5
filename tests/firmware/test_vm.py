# SPDX-License-Identifier: Apache-2.0
"""The firmware on the real MicroPython VM, in virtual time."""

import json
import random
import subprocess

import pytest

from firmware_py import channels as ch
from firmware_py.link import messages as m
from hil.drivers.boardfile import write_binary
from hil.drivers.inprocess import CpythonBoard
from hil.drivers.vm import HEAP, VmBoard
from tests.firmware import vm
from tests.firmware.rig import OWNER, RACK, bodies, frame, inputs, unpack
from tests.firmware.vm import FIRMWARE, ROOT, live_heap, run_script, vm_path

QUICK = {"min_off_ms": 1000, "stagger_ms": 500}


@pytest.fixture
def config(tmp_path):
    vm_path()
    path = tmp_path / "board.json"
    path.write_text(json.dumps(RACK | {"shed": QUICK}))
    return write_binary(path)


@pytest.fixture(scope="module")
def bytecode():
    return vm.bytecode()


@pytest.mark.parametrize("module", FIRMWARE, ids=str)
def test_every_module_compiles_to_portable_bytecode(module, bytecode):
    head = (bytecode / module).with_suffix(".mpy").read_bytes()[:3]
    assert head[:2] == b"M\x06"  # .mpy version 6
    assert head[2] >> 2 == 0  # no native code: one artefact for every port


def test_a_tick_allocates_nothing(config):
    measured = run_script("tests/firmware/vm_tick.py", config, 2000)
    assert measured["bytes_per_tick"] == 0
    assert measured["moves"] >= 2  # the way through shed and restore was part of it
    assert measured["tx_bytes"] > 100  # so was telemetry


def test_live_heap_with_64_bit_words_stays_within_78_kib(config, bytecode):
    """What a board has, 32-bit words within 60 KiB, is test_vm32.py's. Here every word is twice
    as long; the bound is the figure measured (76.9 KiB) and guards where there is no node."""
    vm_path()
    assert live_heap(config, firmware=bytecode) <= 78 * 1024


def _walk(rng, readings, relays):
    """Random readings: mostly plausible, sometimes missing or absurd."""
    load_w = rng.choice((1000, 3000, 5000, 7000, 12_000))
    live = rng.choice(((1, 1), (1, 1), (1, 1), (1, 0), (0, 1)))
    for feed in (0, 1):
        ma = rng.randint(0, load_w * 8 * 1000 // 690 // sum(live)) * live[feed]
        readings[ch.IN_FEED_A_MA + feed] = ma
        readings[ch.IN_FEED_A_MW + feed] = ma * 690
        readings[ch.IN_FEED_A_MV + feed] = 230_000 * live[feed]
    readings[ch.IN_INLET_MC] = rng.randint(18_000, 40_000)
    readings[ch.IN_OUTLET_MC] = rng.randint(25_000, 60_000)
    readings[ch.IN_FAN0_RPM] = rng.randint(0, 6000)
    readings[ch.IN_LEAK] = 0
    for i in range(8):
        on = relays >> RACK["loads"][i] & 1  # an open group draws nothing
        readings[ch.IN_LOAD0_MW + i] = rng.randint(0, load_w * 1000) * on
    if rng.random() < 0.1:
        bad = rng.randrange(ch.IN_LOAD0_MW + 8)
        readings[bad] = rng.choice((m.INVALID, -1, (1 << 30) - 1))


def _request(rng, seq):
    kind, payload = rng.choice(
        (
            (m.HELLO, (OWNER).to_bytes(4, "little") + bytes(4) + (240).to_bytes(2, "little")),
            (m.LEASE, (OWNER).to_bytes(4, "little") + (3000).to_bytes(2, "little")),
            (m.SHED, rng.randrange(16).to_bytes(2, "little")),
            (m.FAN_FLOOR, rng.randrange(1100).to_bytes(2, "little")),
            (m.CLEAR_SAFE, b"\1"),
            (m.TIME, rng.randbytes(8)),
            (m.DICT_READ, rng.randbytes(2)[:1] + b"\0\xff"),
            (m.PING, rng.randbytes(rng.randrange(60))),
            (0x55, b""),
        )
    )
    built = frame(kind, seq & 0xFFFF, payload, session=1)
    return built if rng.random() < 0.9 else rng.randbytes(20) + built[: rng.randrange(len(built))]


def _comparable(tx):
    """Frames without what the runtimes may differ in: heap_free."""
    found = []
    for body in bodies(tx):
        if body[1] == m.TELEMETRY:
            name, values, _ = unpack(body)
            found.append((name, body[:6], values | {"heap_free": 0}))
        else:
            found.append(body)
    return found


def test_vm_and_cpython_decide_bit_for_bit_alike(config):
    rng = random.Random(20)
    boards = VmBoard(config, 1, 1), CpythonBoard(config, 1, 1)
    readings = inputs()
    states, offs = set(), set()
    now_ms = (1 << 30) - 200_000  # the wrap of board time is on the way
    for seq in range(5000):
        if seq % rng.choice((3, 7, 20)) == 0:
            _walk(rng, readings, boards[0].outputs[ch.OUT_RELAYS])
        rx = _request(rng, seq) if rng.random() < 0.3 else b""
        mine, theirs = (board.exchange(now_ms, readings, rx) for board in boards)
        assert _comparable(mine) == _comparable(theirs)
        assert list(boards[0].outputs) == list(boards[1].outputs)
        assert boards[0].until_ms == boards[1].until_ms
        states.add(boards[0].outputs[ch.OUT_STATE])
        offs.add(boards[0].outputs[ch.OUT_RELAYS])
        now_ms = (now_ms + rng.choice((30, 70, 100, 100, 100, 350))) & ((1 << 30) - 1)
    for board in boards:
        board.close()
    assert {m.STATE_LOCAL, m.STATE_HOSTED, m.STATE_DEGRADED} <= states
    assert len(offs) > 3


def _start(config, *more, **pipes):
    command = [str(vm_path()), "-X", f"heapsize={HEAP}", "-m", "firmware_py.main", str(config)]
    return subprocess.run(
        command + list(more), env={"MICROPYPATH": str(ROOT)}, timeout=20, check=False, **pipes
    )


def test_end_of_file_on_the_bus_is_a_clean_exit(config):
    done = _start(config, stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout) == 4 * (2 + ch.N_OUT) + 1024  # the record that says: begin
    assert done.stdout[:4] == bytes(4)


def test_a_wrong_configuration_is_one_line_and_exit_code_2(config):
    config.write_bytes(config.read_bytes()[:-1])
    done = _start(config, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2
    assert "board.bin: is damaged" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
