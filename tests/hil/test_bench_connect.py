# SPDX-License-Identifier: Apache-2.0
"""A bench file, a board on two ptys, and what must happen before anything is driven."""

import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from array import array
from contextlib import suppress
from pathlib import Path

import pytest

from edge.board_client import BoardClient
from edge.core import FrameDecoder
from edge.errors import LinkError, LinkTimeout, PortError
from edge.link.serial import open_transport
from firmware_py import channels as ch
from firmware_py.link import messages as m
from firmware_py.store.reset import (
    BOOT_FIRST,
    BOOT_POWER_LOSS,
    BOOT_REQUESTED,
    BOOT_WATCHDOG,
    CAUSE_POWER_ON,
    CAUSE_WATCHDOG,
)
from hil.bench import discover as discovery
from hil.bench import identity
from hil.bench.connect import connect
from hil.bench.discover import discover, report
from hil.bench.file import load
from hil.bench.lock import Lock
from hil.drivers import serial_device
from hil.drivers.pty_board import quiet_readings
from hil.ports import HOST, LINE, POWER, STIMULUS, STORE, Unsupported
from tests.firmware.keyed import KEY
from tests.hil.pty_rig import PtyBoard, Stranger, command, wait_for

NO_PORTS = list


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Cache and locks of these tests alone."""
    folder = tmp_path_factory.mktemp("places")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        yield folder


@pytest.fixture(scope="module")
def board(places, tmp_path_factory):
    """One board for all tests that leave it as it was."""
    made = PtyBoard(tmp_path_factory.mktemp("board"))
    yield made
    made.close()


@pytest.fixture
def own_board(places, tmp_path):
    made = []

    def build(**options):
        folder = tmp_path / f"own{len(made)}"
        folder.mkdir()
        made.append(PtyBoard(folder, **options))
        return made[-1]

    yield build
    for each in made:
        each.close()


def bench_of(tmp_path, link, *, bus=None, more="", uid="pty-1", machine="sim"):
    text = f"bench: test\ndevices:\n  one:\n    transport: {{ url: {link} }}\n"
    if bus is not None:
        text += f"    bus: {{ url: {bus} }}\n"
    text += f'    identity: {{ machine: {machine}, uid: "{uid}" }}\n'
    text += textwrap.indent(textwrap.dedent(more), "    ")
    (tmp_path / "bench.yaml").write_text(text)
    return load(tmp_path / "bench.yaml")


@pytest.fixture
def device(board, tmp_path):
    made = connect(bench_of(tmp_path, board.link, bus=board.bus, more="features: [store]"), "one")
    yield made
    made.close()


# Identity


def test_the_right_board_is_known_by_what_it_says_of_itself(device):
    assert (device.identity.machine, device.identity.uid) == ("sim", "pty-1")
    assert device.identity.firmware == "0.1.0"
    assert device.capabilities == {LINE, HOST, STIMULUS, STORE}


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"uid": "other"}, r"uid is pty-1, not other"),
        ({"machine": "rp2"}, r"machine is sim, not rp2"),
    ],
)
def test_the_wrong_board_is_refused_with_both_names(board, tmp_path, more, wrong):
    bench = bench_of(tmp_path, board.link, **more)
    with pytest.raises(LinkError, match=rf"bench\.yaml:5: wrong board: .*{wrong}.*discover"):
        connect(bench, "one")
    connect(bench_of(tmp_path, board.link), "one").close()  # it was given back


def test_firmware_and_configuration_are_compared_where_they_are_given(device):
    found = device.identity
    wanted = {"machine": "sim", "uid": "pty-1"}
    identity.check(identity.Identity(**wanted, config_crc=found.config_crc), found, "f:1", "p")
    for more, text in (
        ({"firmware": "9.9.9"}, "firmware is 0.1.0, not 9.9.9"),
        ({"config_crc": 1}, f"config_crc is {found.config_crc:#010x}, not 0x00000001"),
    ):
        with pytest.raises(LinkError, match=text):
            identity.check(identity.Identity(**wanted, **more), found, "f:1", "p")


@pytest.mark.parametrize(
    ("reply", "first", "said"),
    [
        (lambda data: data, b"", "our own bytes come back"),
        (lambda _data: None, b"$GPGGA,,,,*47\r\n" * 20, "something else is on this port"),
        (lambda _data: b">>> ", b"", "a MicroPython prompt is on this port"),
        (lambda _data: b"hm", b"", "something else is on this port"),
    ],
    ids=["echo", "babble", "prompt", "few"],
)
def test_something_else_at_the_port_hears_nothing_but_hello(places, tmp_path, reply, first, said):
    stranger = Stranger(tmp_path / "port", reply, first)
    try:
        with pytest.raises(LinkError, match=rf"bench\.yaml:3: one at .*: {said}"):
            connect(bench_of(tmp_path, stranger.path), "one")
    finally:
        stranger.close()
    frames = FrameDecoder().feed(stranger.heard)
    assert {frame.type for frame in frames} == {m.HELLO}


def test_silence_is_a_timeout(places, tmp_path):
    stranger = Stranger(tmp_path / "port", lambda _data: None)
    transport = open_transport(str(stranger.path))
    with pytest.raises(LinkTimeout, match="check that it has power"):
        identity.greet(transport, 0.6)
    transport.close()
    stranger.close()
    assert len(FrameDecoder().feed(stranger.heard)) >= 2


# Ports and locks


HOLD = """
import sys
from edge.link.serial import open_transport
from hil.bench.lock import Lock
held = Lock("device", sys.argv[2]) if sys.argv[1] == "lock" else open_transport(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold(places, tmp_path):
    """Another process that holds a lock or a port."""
    script = tmp_path / "holder.py"
    script.write_text(HOLD)
    running = []

    def start(what, name):
        process = subprocess.Popen(
            [sys.executable, str(script), what, str(name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        running.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_a_locked_device_names_who_has_it_and_is_free_once_he_is_dead(board, tmp_path, hold):
    bench = bench_of(tmp_path, board.link)
    holder = hold("lock", board.link.resolve())
    said = rf"device {board.link.resolve()} is in use by `.*holder\.py.*` \(pid {holder.pid}, since"
    with pytest.raises(PortError, match=said):
        connect(bench, "one")
    holder.kill()
    holder.wait()
    connect(bench, "one").close()


def test_two_devices_of_one_process_cannot_share_a_port(board, tmp_path, device):
    with pytest.raises(PortError, match=rf"pid {os.getpid()}"):
        connect(bench_of(tmp_path, board.link), "one")
    with pytest.raises(PortError, match=rf"pid {os.getpid()}"):
        connect(bench_of(tmp_path, board.link.resolve()), "one")  # by its other name


def test_a_port_that_another_program_has_open_is_told_with_its_pid(own_board, tmp_path, hold):
    board = own_board()
    holder = hold("port", board.link)
    with pytest.raises(PortError, match=rf"is in use by .*\(pid {holder.pid}\)"):
        connect(bench_of(tmp_path, board.link), "one")


def test_an_absent_port_is_told(places, tmp_path):
    with pytest.raises(PortError, match=r"no port .*/nowhere"):
        connect(bench_of(tmp_path, tmp_path / "nowhere"), "one")
    Lock("device", str(tmp_path / "nowhere")).release()  # nothing stays locked


def test_a_child_process_does_not_keep_the_lock(places):
    lock = Lock("bench", "test")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock.release()
    Lock("bench", "test").release()
    child.communicate()


# Driving it


def test_readings_go_in_and_outputs_come_out(device):
    hot = quiet_readings()
    hot[ch.IN_LEAK] = 1

    def wet():
        device.push(hot)
        return device.pull() and device.outputs[ch.OUT_STATE] == m.STATE_SAFE

    wait_for(wet)
    assert device.outputs[ch.OUT_FAN_PERMILLE] == 1000


def test_a_host_talks_through_the_tap_and_every_byte_is_noted(device):
    with BoardClient(lambda: open_transport(device.port), key=None, want_lease=False) as client:
        assert client.board.tail == "sim pty-1"
        time.sleep(0.3)
    frames = device.frames()
    assert frames == sorted(frames, key=lambda frame: frame[0])
    down = FrameDecoder().feed(b"".join(data for _, up, data in frames if not up))
    up = FrameDecoder().feed(b"".join(data for _, up, data in frames if up))
    assert down[0].type == m.HELLO
    assert {m.HELLO_R, m.TELEMETRY} <= {frame.type for frame in up}
    assert device.measure()["mcu_heap_free"] > 20_000
    assert device.frames() == [] or device.frames()[0][1]


def test_what_it_has_not_got_is_unsupported(board, tmp_path):
    device = connect(bench_of(tmp_path, board.link), "one")
    try:
        assert device.capabilities == {LINE, HOST}
        with pytest.raises(Unsupported, match="no `bus`"):
            device.push(array("i", bytes(4 * ch.N_IN)))
        with pytest.raises(Unsupported, match="no `power`"):
            device.power(False)
        with pytest.raises(Unsupported, match="real board"):
            device.restart(CAUSE_WATCHDOG)
    finally:
        device.close()


class Bridge:
    """A TCP server in front of a tty, as serial servers are."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        client, _ = self._server.accept()
        with client:
            while True:
                ready, _, _ = select.select([client, self.fd], [], [], 20)
                if client in ready:
                    data = client.recv(4096)
                    if not data:
                        return
                    os.write(self.fd, data)
                if self.fd in ready:
                    client.sendall(os.read(self.fd, 4096))

    def close(self):
        self._thread.join(5)
        self._server.close()
        os.close(self.fd)


def test_a_board_behind_a_tcp_server_is_a_board_too(board, tmp_path):
    bridge = Bridge(board.link)
    device = connect(bench_of(tmp_path, f"socket://127.0.0.1:{bridge.port}"), "one")
    assert device.identity.uid == "pty-1"
    assert boots(device.port)[0] == 1
    device.close()
    bridge.close()


# A board that comes and goes


def test_power_by_command_takes_the_board_away_and_brings_it_back(places, tmp_path):
    folder = tmp_path / "cycled"
    folder.mkdir()
    pid = folder / "pid"
    start = tmp_path / "on.sh"
    line = " ".join(f"'{part}'" for part in command(folder, store=folder / "flash"))
    start.write_text(f"{line} >/dev/null 2>&1 &\necho $! > {pid}\n")
    stop = tmp_path / "off.sh"
    stop.write_text(f"kill $(cat {pid}) && rm {pid}\n")
    more = f"""
        power:
          driver: command
          on: sh {start}
          off: sh {stop}
    """
    bench = bench_of(tmp_path, folder / "link", bus=folder / "bus", more=more)
    subprocess.run(["sh", str(start)], check=True)
    wait_for(lambda: (folder / "link").exists() and (folder / "bus").exists(), 60)
    try:
        device = connect(bench, "one")
        try:
            assert POWER in device.capabilities
            port = Path(device.port)
            assert port.exists()
            wait_for(device.pull)
            device.power(False)
            wait_for(lambda: not port.exists())  # as a board on USB takes its port along
            device.power(True)
            wait_for(port.exists)
            wait_for(lambda: device.push(quiet_readings()) and device.pull(), 20)
            assert boots(port) == (2, BOOT_POWER_LOSS)
            device.restart(CAUSE_POWER_ON)
            wait_for(lambda: not port.exists())
            wait_for(port.exists)
        finally:
            device.close()
    finally:
        if pid.exists():
            subprocess.run(["sh", str(stop)], check=True)


def boots(link):
    """(boot count, BOOT_*); (0, -1) while it does not answer."""
    try:
        with BoardClient(lambda: open_transport(str(link)), key=None, want_lease=False) as client:
            return client.board.boot_count, client.board.reset_cause
    except LinkTimeout:
        return 0, -1


def test_the_pty_board_is_reset_as_a_watchdog_would_and_ends_on_sigterm(own_board, tmp_path):
    board = own_board(store=tmp_path / "flash", key=KEY.hex(), watchdog_s=2)
    assert boots(board.link) == (1, BOOT_FIRST)
    with BoardClient(lambda: open_transport(str(board.link)), key=KEY, want_lease=True) as client:
        client.command("RESET", reason=0)
    wait_for(lambda: boots(board.link) == (2, BOOT_REQUESTED))
    os.kill(board.vm, signal.SIGKILL)
    wait_for(lambda: boots(board.link) == (3, BOOT_WATCHDOG))
    os.kill(board.vm, signal.SIGSTOP)
    wait_for(lambda: boots(board.link)[0] > 3, 30)
    assert boots(board.link)[1] == BOOT_WATCHDOG
    assert board.close() == 143
    assert not board.link.is_symlink()
    assert not board.bus.is_symlink()
    assert "the board has crashed (exit -9)" in board.errors
    assert "the board hangs: reset by its watchdog" in board.errors


def test_another_board_that_comes_back_in_its_place_is_not_driven(places, tmp_path, monkeypatch):
    monkeypatch.setattr(serial_device, "GONE_S", 0.3)
    right = PtyBoard(tmp_path)
    device = connect(bench_of(tmp_path, right.link), "one")
    right.close()
    wrong = PtyBoard(tmp_path, uid="stranger")
    try:

        def told():
            with suppress(LinkError):
                device.frames()
                return False
            return "is sim stranger" in device._tap.why

        wait_for(told, 30)
        assert not Path(device.port).exists()
        with pytest.raises(LinkError, match=r"link of one .* gone .* wrong board: .*stranger"):
            device.frames()
    finally:
        device.close()
        wrong.close()


# Discovery


def test_discovery_prints_what_can_be_pasted_and_says_why_for_the_rest(
    board, places, tmp_path, hold
):
    silent = Stranger(tmp_path / "silent", lambda _data: None)
    echo = Stranger(tmp_path / "echo", lambda data: data)
    locked = tmp_path / "locked"
    hold("lock", locked)
    targets = [str(each) for each in (board.link, silent.path, echo.path, locked)]
    found = discover(targets, within_s=0.5, comports=NO_PORTS)
    silent.close()
    echo.close()
    text = report(found)
    assert [each.identity is not None for each in found] == [True, False, False, False]
    assert f"# {silent.path}: no answer from the board" in text
    assert f"# {echo.path}: our own bytes come back" in text
    assert f"# {locked}: device {locked} is in use by" in text
    (tmp_path / "bench.yaml").write_text("bench: found\ndevices:\n" + text)
    bench = load(tmp_path / "bench.yaml")
    assert list(bench.file.devices) == ["sim-pty1"]
    connect(bench, "sim-pty1").close()
    for stranger in (silent, echo):
        assert {frame.type for frame in FrameDecoder().feed(stranger.heard)} == {m.HELLO}


def test_discovery_without_ports_says_so():
    assert discovery.report(discover(comports=NO_PORTS)).startswith("# no serial port")
