# SPDX-License-Identifier: Apache-2.0
"""Boards: the VM and CPython behind one interface; the cable that can be unplugged."""

import gc
import os
import sys
import time
from array import array

import pytest

from edge.errors import ConfigError, LinkError, RuntimeMissing
from firmware_py.channels import N_IN, N_OUT, OUT_FAN_PERMILLE, OUT_RELAYS
from hil.demo import DemoOptions
from hil.drivers import vm as vm_driver
from hil.drivers.inprocess import CpythonBoard, CpythonLive
from hil.drivers.pty import PtyCable
from hil.drivers.vm import LiveVm, VmBoard, find_vm, pack_inputs, unpack_outputs
from hil.plant import io
from hil.rackfile import board_json
from tests.firmware.vm import vm_path
from tests.hil.lockstep_rig import rack_of


@pytest.fixture
def plant(tmp_path):
    rack, spec = rack_of(DemoOptions(seconds=20))
    config = tmp_path / "board.json"
    config.write_text(board_json(spec), encoding="utf-8")
    inputs = array("i", bytes(4 * N_IN))
    io.fill_inputs(rack, inputs)
    return rack, config, inputs


def wait_for(condition, seconds=5.0):
    end_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.01)


# Records


def test_records_carry_time_readings_and_bytes_at_fixed_places():
    inputs = array("i", range(N_IN))
    record = pack_inputs(1234, inputs, b"abc")
    assert len(record) == 4 * (2 + N_IN) + vm_driver.RX_BYTES
    words = array("i", record[: 4 * (2 + N_IN)])
    assert words[0] == 1234
    assert words[1] == 3
    assert words[2:] == inputs
    assert record.endswith(b"abc" + bytes(vm_driver.RX_BYTES - 3))
    answer = array("i", [77, 2, *range(N_OUT)]).tobytes() + b"xy" + bytes(vm_driver.TX_BYTES - 2)
    assert len(answer) == vm_driver.OUT_RECORD_BYTES
    assert unpack_outputs(answer) == (77, array("i", range(N_OUT)), b"xy")


# Which VM


def test_the_vm_beside_python_comes_before_the_one_on_path(tmp_path, monkeypatch):
    python, elsewhere = tmp_path / "bin" / "python", tmp_path / "path" / "micropython"
    for program in (python, python.with_name("micropython"), elsewhere):
        program.parent.mkdir(exist_ok=True)
        program.write_text("")
        program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", str(elsewhere.parent))
    assert find_vm() == python.with_name("micropython")
    python.with_name("micropython").unlink()
    assert find_vm() == elsewhere
    elsewhere.unlink()
    with pytest.raises(RuntimeMissing, match=r"pip install 'rackedge\[sim\]'.*--runtime cpython"):
        find_vm()


def test_a_program_that_is_no_vm_is_told_in_one_line(tmp_path, monkeypatch, plant):
    broken = tmp_path / "micropython"
    broken.write_bytes(b"\x7fELF not really")
    broken.chmod(0o755)
    monkeypatch.setattr(vm_driver, "find_vm", lambda: broken)
    with pytest.raises(RuntimeMissing, match=r"micropython cannot be started \(.*\): reinstall"):
        VmBoard(plant[1])
    gc.collect()  # an open file would be a warning, which is an error


# Virtual time


@pytest.mark.parametrize("kind", [VmBoard, CpythonBoard])
def test_a_board_runs_when_it_is_asked_and_says_when_it_wants_to_run_again(plant, kind):
    if kind is VmBoard:
        vm_path()
    _, config, inputs = plant
    board = kind(config)
    assert board.until_ms == 0
    assert board.exchange(100, inputs, b"") == b""  # silent before a HELLO
    assert board.until_ms == 200
    assert board.outputs[OUT_RELAYS] == 0b1111
    assert 0 <= board.outputs[OUT_FAN_PERMILLE] <= 1000
    board.exchange(150, inputs, b"noise")
    assert board.until_ms == 200
    board.close()


def test_both_boards_answer_the_same_bytes(plant):
    vm_path()
    rack, config, inputs = plant
    vm, cpython = VmBoard(config, 9, 3), CpythonBoard(config, 9, 3)
    hello = bytes.fromhex("00")
    for tick in range(1, 30):
        rack.step(100)
        io.fill_inputs(rack, inputs)
        assert vm.exchange(tick * 100, inputs, hello) == cpython.exchange(tick * 100, inputs, hello)
        assert vm.outputs == cpython.outputs
        assert vm.until_ms == cpython.until_ms
    vm.close()


@pytest.mark.parametrize("kind", [VmBoard, CpythonBoard])
def test_a_bad_configuration_names_its_file_and_key(tmp_path, kind):
    config = tmp_path / "board.json"
    config.write_text('{"version": 2, "loads": [0], "groups": [{}], "feeds": [{"rating_ma": 1}]}')
    if kind is VmBoard:
        vm_path()
    with pytest.raises((LinkError, ConfigError), match=r"board\.json.*feeds\[0\]\.rating_ma"):
        kind(config)
    gc.collect()


def test_a_vm_that_dies_says_so_with_its_exit(plant):
    vm_path()
    _, config, inputs = plant
    board = VmBoard(config)
    board.exchange(100, inputs, b"")
    board._vm._process.kill()
    board._vm._process.wait()
    with pytest.raises(LinkError, match=r"the MicroPython VM has stopped \(exit -9\): no message"):
        board.exchange(200, inputs, b"")
    board.close()


def test_a_vm_that_hangs_is_given_up(plant, monkeypatch):
    vm_path()
    _, config, inputs = plant
    board = VmBoard(config)
    monkeypatch.setattr(vm_driver, "ANSWER_S", 0.2)
    os.kill(board._vm._process.pid, 19)  # SIGSTOP
    with pytest.raises(LinkError, match=r"has not answered for 0\.2 s"):
        board.exchange(100, inputs, b"")
    board._vm.kill()


def test_closing_ends_the_vm(plant):
    vm_path()
    board = VmBoard(plant[1])
    board.close()
    assert board._vm._process.returncode == 0


# Real time


@pytest.mark.parametrize("kind", [LiveVm, CpythonLive])
def test_a_live_board_drives_its_outputs_from_the_readings(tmp_path, plant, kind):
    if kind is LiveVm:
        vm_path()
    _, config, inputs = plant
    cable = PtyCable(tmp_path / "tty")
    board = kind(config, cable.board_path)
    assert not board.pull() or kind is LiveVm

    def drives():
        board.push(inputs)
        time.sleep(0.05)
        return board.pull() and board.outputs[OUT_RELAYS] == 0b1111

    wait_for(drives)
    board.close()
    cable.close()


def test_a_live_vm_that_dies_is_noticed_in_both_directions(tmp_path, plant):
    vm_path()
    _, config, inputs = plant
    cable = PtyCable(tmp_path / "tty")
    board = LiveVm(config, cable.board_path)
    board._vm._process.kill()
    board._vm._process.wait()
    with pytest.raises(LinkError, match=r"exit -9"):
        board.push(inputs)
    with pytest.raises(LinkError, match=r"exit -9"):
        board.pull()
    board.kill()
    cable.close()


def test_a_vm_that_does_not_read_makes_push_return_false_instead_of_waiting(tmp_path, plant):
    vm_path()
    _, config, inputs = plant
    cable = PtyCable(tmp_path / "tty")
    board = LiveVm(config, cable.board_path)
    os.kill(board._vm._process.pid, 19)  # SIGSTOP
    pushed = [board.push(inputs) for _ in range(400)]
    assert pushed[0]
    assert not pushed[-1]
    board.kill()
    cable.close()


# The cable


def test_bytes_go_both_ways_and_the_path_stays_the_same(tmp_path):
    cable = PtyCable(tmp_path / "tty")
    board = os.open(cable.board_path, os.O_RDWR | os.O_NOCTTY)
    for _ in range(3):
        host = os.open(cable.host_path, os.O_RDWR | os.O_NOCTTY)
        os.write(host, b"\x00\x03\x04\x11\x13\r\n\xff")  # nothing is special on a raw line
        assert os.read(board, 64) == b"\x00\x03\x04\x11\x13\r\n\xff"
        os.write(board, b"back")
        assert os.read(host, 64) == b"back"
        os.close(host)
        cable.unplug()
        assert not cable.host_path.exists()
        cable.unplug()  # twice is once
        os.write(board, b"falls off")
        time.sleep(0.1)
        cable.plug()
        cable.plug()
    os.close(board)
    cable.close()
    assert not cable.host_path.is_symlink()
    assert cable.overflow_bytes == 0


def test_plugging_wildly_never_stops_the_pump(tmp_path):
    cable = PtyCable(tmp_path / "tty")
    board = os.open(cable.board_path, os.O_RDWR | os.O_NOCTTY)
    for _ in range(300):
        os.write(board, b"x")
        cable.unplug()
        cable.plug()
    host = os.open(cable.host_path, os.O_RDWR | os.O_NOCTTY)
    os.write(host, b"alive")
    assert os.read(board, 64) == b"alive"
    for fd in (board, host):
        os.close(fd)
    cable.close()


def test_an_open_port_hangs_up_when_the_cable_is_pulled(tmp_path):
    cable = PtyCable(tmp_path / "tty")
    host = os.open(cable.host_path, os.O_RDWR | os.O_NOCTTY)
    cable.unplug()

    def hung_up():
        try:
            return os.read(host, 10) == b""
        except OSError:
            return True

    wait_for(hung_up)
    os.close(host)
    cable.close()


def test_a_reader_that_sleeps_costs_bytes_not_the_pump(tmp_path):
    cable = PtyCable(tmp_path / "tty")
    board = os.open(cable.board_path, os.O_RDWR | os.O_NOCTTY)
    host = os.open(cable.host_path, os.O_RDWR | os.O_NOCTTY)
    for _ in range(40):
        os.write(board, bytes(1000))
    wait_for(lambda: cable.overflow_bytes > 0)
    os.write(host, b"still here")
    assert os.read(board, 64) == b"still here"
    for fd in (board, host):
        os.close(fd)
    cable.close()
