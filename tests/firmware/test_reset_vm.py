# SPDX-License-Identifier: Apache-2.0
"""A board on the real VM, as bytecode, over a folder as its flash, taken down with SIGKILL."""

import json
import os
import struct
import subprocess
from binascii import crc32

import pytest

from firmware_py import channels as ch
from firmware_py.link import messages as m
from firmware_py.store.compile import compile_json
from hil.drivers.boardfile import write_binary
from hil.drivers.vm import HEAP, OUT_RECORD_BYTES, pack_inputs, unpack_outputs
from tests.firmware.keyed import KEY, Host
from tests.firmware.rig import RACK, bodies, frame, inputs, unpack, wire
from tests.firmware.vm import bytecode, vm_path

NONCE = bytes(range(64, 80))
SHED = {"min_off_ms": 2000, "stagger_ms": 500, "lockout_count": 1}


class Board:
    """In virtual time; `kill` cuts the power, `boot` gives it back."""

    def __init__(self, folder, **sections):
        self.bytecode = bytecode()
        self.config = folder / "board.json"
        self.config.write_text(json.dumps(RACK | {"shed": SHED} | sections))
        write_binary(self.config)
        self.store = folder / "flash"
        self.store.mkdir()
        self.boots = 0
        self.now_ms = 5_000
        self.load_w = [1500] * 8
        self.readings = inputs()
        self.leak = 0
        self.boot()

    def boot(self, cause=1):
        self.boots += 1
        self.boot_id = 0x77770000 + self.boots
        more = ("--store", str(self.store), "--key", KEY.hex(), "--nonce", NONCE.hex())
        binary = self.config.with_suffix(".bin")
        command = [vm_path(), "-X", f"heapsize={HEAP}", "-m", "firmware_py.main", binary, *more]
        command += ["--boot-id", self.boot_id, "--cause", cause]
        self.vm = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"MICROPYPATH": str(self.bytecode)},
            cwd=self.bytecode,  # -m looks here first
        )
        self.host = Host()
        self.seq = 0
        self.events = []
        self.last = None
        self._take()
        self.outputs = [0, 0b1111]

    def _take(self):
        block = self.vm.stdout.read(OUT_RECORD_BYTES)
        assert len(block) == OUT_RECORD_BYTES, "the board has stopped"
        _, self.outputs, tx = unpack_outputs(block)
        answer = None
        for body in bodies(tx):
            if body[0] & m.RESP:
                answer = body
            elif body[1] == m.TELEMETRY:
                self.last = unpack(body)[1]
            elif body[1] == m.BOARD_EVENT:
                event = unpack(body)[1]
                self.events.append((event["code"], event["group"], event["reason"]))
        return answer

    def step(self, rx=b""):
        r = self.readings
        relays = self.outputs[ch.OUT_RELAYS]
        total_w = 0
        for i, g in enumerate(RACK["loads"]):
            watts = self.load_w[i] * (relays >> g & 1)
            r[ch.IN_LOAD0_MW + i] = watts * 1000
            total_w += watts
        for feed in (0, 1):
            r[ch.IN_FEED_A_MA + feed] = total_w * 500 // 690
            r[ch.IN_FEED_A_MW + feed] = total_w * 500
            r[ch.IN_FEED_A_MV + feed] = 230_000
        r[ch.IN_INLET_MC], r[ch.IN_OUTLET_MC] = 24_000, 36_000
        r[ch.IN_LEAK], r[ch.IN_FAN0_RPM] = self.leak, 3000
        self.vm.stdin.write(pack_inputs(self.now_ms, r, rx))
        self.vm.stdin.flush()
        return self._take()

    def run(self, ticks):
        for _ in range(ticks):
            self.step()
            self.now_ms += 100

    def kill(self):
        self.vm.kill()
        self.vm.communicate()

    def say(self, kind, payload=b"", sealed=False):
        self.seq += 1
        session = 0 if kind == m.HELLO else self.boot_id & 0xFFFF
        if sealed:
            data = wire(self.host.seal(kind, self.seq, payload, session))
        else:
            data = frame(kind, self.seq, payload, session)
        return self.step(data)

    def open(self):
        self.say(m.HELLO, struct.pack("<IIH", 7, 1, 240))
        answer = self.say(m.CHALLENGE, self.host.nonce)
        assert self.host.opened(self.boot_id, answer[m.HEADER_BYTES :])
        return self.say(m.LEASE, struct.pack("<IH", 7, 30_000), sealed=True)

    def push(self, **sections):
        """A configuration over the link; for the next boot."""
        data = bytes(compile_json(json.dumps(RACK | {"shed": SHED} | sections))[0])
        self.say(m.CONFIG_BEGIN, struct.pack("<HI", len(data), crc32(data)), sealed=True)
        for at in range(0, len(data), 200):
            piece = data[at : at + 200]
            answer = self.say(m.CONFIG_DATA, struct.pack("<H", at) + piece, sealed=True)
            assert answer[1] == m.ACK
        answer = self.say(m.CONFIG_COMMIT, b"\0", sealed=True)
        assert unpack(answer)[0] == "ACK"
        return crc32(data[12:], crc32(data[:8]))

    def in_force(self):
        answer = self.say(m.HELLO, struct.pack("<IIH", 7, 1, 240))
        return unpack(answer)[1]["config_crc"]


@pytest.fixture
def make(tmp_path):
    made = []

    def build(**sections):
        made.append(Board(tmp_path, **sections))
        return made[-1]

    yield build
    for board in made:
        board.kill()


def test_a_group_that_was_off_comes_up_off_and_returns_by_rest_and_headroom(make):
    board = make()
    board.run(10)
    board.open()
    board.say(m.SHED, struct.pack("<H", 0b0100), sealed=True)
    board.run(8)
    assert board.outputs[ch.OUT_RELAYS] == 0b1011
    board.load_w = [5600] * 8
    board.kill()
    board.boot()
    board.outputs = [0, 0b1011]
    for _ in range(20):
        board.run(1)
        assert board.outputs[ch.OUT_RELAYS] == 0b1011
    board.run(60)
    assert board.outputs[ch.OUT_RELAYS] == 0b1011  # what it drew is not known, so no headroom
    board.load_w = [1000] * 8
    board.run(150)
    assert board.outputs[ch.OUT_RELAYS] == 0b1111


def test_safe_and_its_cause_outlive_a_kill_until_the_key_says_otherwise(make):
    board = make(liquid={})
    board.leak = 1
    board.run(12)
    assert board.outputs[ch.OUT_STATE] == m.STATE_SAFE
    board.leak = 0
    for _ in range(2):  # the second reset within the minimum off time
        board.kill()
        board.boot(cause=3)
        board.outputs = [0, 0b0001]
        board.run(10)
        assert board.outputs[ch.OUT_STATE] == m.STATE_SAFE
        assert board.outputs[ch.OUT_RELAYS] == 0b0001
        assert board.outputs[ch.OUT_FAN_PERMILLE] == 1000
        assert board.outputs[ch.OUT_PUMP_PERMILLE] == 0  # the leak is latched as well
    board.open()
    board.say(m.CLEAR_SAFE, b"\0")
    board.run(2)
    assert board.outputs[ch.OUT_STATE] == m.STATE_SAFE
    board.say(m.CLEAR_SAFE, b"\0", sealed=True)
    board.run(10)
    assert board.outputs[ch.OUT_STATE] != m.STATE_SAFE


def test_a_lock_out_outlives_two_kills(make):
    board = make()
    board.run(60)
    board.load_w = [14_000] * 8
    board.run(4)
    off = 0b1111 & ~board.outputs[ch.OUT_RELAYS]
    assert off
    board.load_w = [500] * 8
    board.run(40)
    for _ in range(2):
        board.kill()
        board.boot(cause=3)
        board.outputs = [0, 0b1111 & ~off]
        board.run(5)
    board.run(100)
    assert 0b1111 & ~board.outputs[ch.OUT_RELAYS] == off
    board.open()
    board.run(2)
    assert board.last["flags"] & m.FLAG_LOCKOUT


def test_a_pushed_configuration_is_in_force_after_a_kill_and_a_damaged_one_falls_back(make):
    board = make()
    board.run(10)
    before = board.in_force()
    board.open()
    crcs = [board.push(air={"slew_up_permille": n}) for n in (40, 60)]
    board.run(5)
    assert board.in_force() == before  # not yet
    board.kill()
    board.boot()
    board.run(1)
    assert board.in_force() == crcs[1] != crcs[0]
    board.run(3)
    assert not board.last["flags"] & m.FLAG_CONFIG_FALLBACK
    board.kill()
    newest = max(board.store.glob("config.*"), key=lambda path: path.read_bytes()[4:8])
    data = bytearray(newest.read_bytes())
    data[40] ^= 1
    newest.write_bytes(data)
    board.boot()
    board.run(1)
    assert board.in_force() == crcs[0]
    board.run(8)
    assert board.last["flags"] & m.FLAG_CONFIG_FALLBACK
    assert (m.EV_CONFIG, 0, 3) in board.events


def test_an_older_firmware_falls_back_from_a_configuration_that_it_does_not_know(make):
    board = make()
    board.run(10)
    board.open()
    crcs = [board.push(air={"slew_up_permille": n}) for n in (40, 60)]
    board.kill()
    newest = max(board.store.glob("config.*"), key=lambda path: path.read_bytes()[4:8])
    seq = int.from_bytes(newest.read_bytes()[4:8], "little")
    unknown = b"RKC\xff" + bytes(40)  # of a schema that is not there yet
    head = newest.read_bytes()[:4] + struct.pack("<II", seq, len(unknown))
    crc = crc32(b"config" + head + unknown)
    newest.write_bytes(head + unknown + struct.pack("<I", crc))
    board.boot()
    board.run(1)
    assert board.in_force() == crcs[0]
    board.run(8)
    assert board.last["flags"] & m.FLAG_CONFIG_FALLBACK


def test_boots_that_do_not_last_end_in_safe(make):
    board = make()
    states = []
    for _ in range(6):
        board.run(8)
        states.append(board.outputs[ch.OUT_STATE])
        board.kill()
        board.boot(cause=3)
    board.run(8)
    states.append(board.outputs[ch.OUT_STATE])
    assert states[:5] == [m.STATE_LOCAL] * 5
    assert states[5:] == [m.STATE_SAFE] * 2
