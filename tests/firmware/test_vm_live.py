# SPDX-License-Identifier: Apache-2.0
"""The firmware on the VM in real time, its link on a pty that stalls and hangs up."""

import json
import os
import pty
import select
import struct
import subprocess
import time
import tty

import pytest

from firmware_py import channels as ch
from firmware_py.link import messages as m
from firmware_py.link.codec import Decoder
from hil.drivers.boardfile import write_binary
from hil.drivers.vm import HEAP, OUT_RECORD_BYTES, pack_inputs
from tests.firmware.rig import OWNER, RACK, bodies, frame, inputs, unpack
from tests.firmware.vm import ROOT, vm_path

PATIENCE_S = 10


class Board:
    """A VM with its link on a pty; what it sends is decoded as it comes."""

    def __init__(self, folder):
        config = folder / "board.json"
        config.write_text(json.dumps(RACK))
        self.path = folder / "link"
        self.decoder = Decoder()
        self.plug()
        command = [str(vm_path()), "-X", f"heapsize={HEAP}", "-m", "firmware_py.main"]
        self.vm = subprocess.Popen(
            [*command, str(write_binary(config)), "--boot-id", "1", "--link", str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"MICROPYPATH": str(ROOT)},
            process_group=0,  # a session leader would die of SIGHUP with its tty
        )
        self.readings = inputs()
        for channel, value in enumerate((0, 0, 0, 0, 230_000, 230_000, 24_000, 36_000, 3000, 0)):
            self.readings[channel] = value
        self.push()

    def plug(self):
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(slave))
        self.slave = slave

    def unplug(self):
        self.path.unlink()
        os.close(self.slave)
        os.close(self.master)

    def push(self):
        self.vm.stdin.write(pack_inputs(0, self.readings))
        self.vm.stdin.flush()

    def say(self, kind, payload=b"", seq=1):
        os.write(self.master, frame(kind, seq, payload, session=1))

    def hear(self, name):
        """Wait for a frame of that name; returns its values."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            for body in bodies(os.read(self.master, 4096), self.decoder):
                found, values, _ = unpack(body)
                if found == name:
                    return values
        raise AssertionError(f"no {name} within {PATIENCE_S} s")

    def hello(self):
        self.say(m.HELLO, struct.pack("<IIH", OWNER, 5, 240))
        return self.hear("HELLO_R")

    def outputs(self, records):
        """The last of the next `records` records on the bus."""
        data = b""
        while len(data) < records * OUT_RECORD_BYTES:
            assert select.select([self.vm.stdout], [], [], PATIENCE_S)[0], "the board has stopped"
            data += os.read(self.vm.stdout.fileno(), records * OUT_RECORD_BYTES - len(data))
        return struct.unpack_from(f"<{2 + ch.N_OUT}i", data, (records - 1) * OUT_RECORD_BYTES)

    def close(self):
        self.vm.stdin.close()
        code = self.vm.wait(timeout=PATIENCE_S)
        self.vm.stdout.close()
        return code


@pytest.fixture
def board(tmp_path):
    vm_path()
    board = Board(tmp_path)
    yield board
    if board.vm.poll() is None:
        board.close()


def test_answers_and_telemetry_come_over_the_tty_and_outputs_over_the_bus(board):
    assert board.hello()["boot_id"] == 1
    assert board.hear("TELEMETRY")["inlet_mc"] == 24_000
    board.readings[ch.IN_INLET_MC] = 25_000
    board.push()
    while board.hear("TELEMETRY")["inlet_mc"] != 25_000:
        pass
    _, n_tx, fan_permille, relays, state, *_ = board.outputs(1)
    assert (n_tx, relays) == (0, 0b1111)
    assert 300 <= fan_permille <= 1000
    assert state in (m.STATE_SELFTEST, m.STATE_LOCAL)
    assert board.decoder.errors == 0


def _fill(fd):
    """Fill the pty with empty frames. The kernel moves bytes on for a while: fill what it frees."""
    os.set_blocking(fd, False)
    for _ in range(20):
        try:
            while os.write(fd, bytes(256)):
                pass
        except BlockingIOError:
            time.sleep(0.01)


def test_a_host_that_does_not_read_blocks_nothing_and_costs_whole_old_frames(board):
    board.hello()
    _fill(board.slave)
    board.outputs(20)  # the board ticks on
    heard = [board.hear("TELEMETRY") for _ in range(15)]
    assert heard[-1]["tx_dropped"] > 0
    assert heard[-1]["missed"] <= 2
    assert board.decoder.errors == 0


def test_the_board_outlives_a_hang_up_and_comes_back_on_the_same_path(board):
    board.hello()
    board.say(m.LEASE, struct.pack("<IH", OWNER, 1000), seq=2)
    board.hear("ACK")
    board.unplug()
    assert board.outputs(40)[2 + ch.OUT_STATE] == m.STATE_LOCAL
    board.plug()
    board.decoder = Decoder()
    assert board.hear("TELEMETRY")["state"] == m.STATE_LOCAL
    assert board.decoder.errors == 0


def test_the_bus_closing_ends_it_cleanly(board):
    board.hello()
    assert board.close() == 0
