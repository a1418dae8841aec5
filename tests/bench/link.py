# SPDX-License-Identifier: Apache-2.0
"""Round trip of one request for 40 bytes over a pty, one outstanding, in microseconds.

Ours is the real firmware on the MicroPython VM, with its control loop and telemetry running;
the peers are a raw echo and a pymodbus RTU server (20 registers = 40 bytes), each in a process
of its own. All share the same kind of cable: two ptys with a thread copying between them.
A pty has no baud rate and no USB frames; at 115200 baud the 60 bytes alone take 5.2 ms.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import serial

from edge.core import FrameDecoder, encode_frame
from firmware_py.channels import N_IN
from firmware_py.link import messages as m
from hil.drivers.pty import PtyCable
from hil.drivers.vm import LiveVm
from tests.bench._table import Report, Row, Target, percentile

REQUEST_BYTES = 40
TIMEOUT_S = 2.0
CONFIG = {
    "version": 2,
    "loads": [0] * 8,
    "groups": [{"never": False}],
    "feeds": [{"rating_ma": 63_000, "nominal_mv": 230_000}] * 2,
}


class Vm:
    """The firmware at the other end; DICT_READ asks for 40 bytes."""

    def __init__(self, directory: Path) -> None:
        config = directory / "board.json"
        config.write_text(json.dumps(CONFIG))
        self._cable = PtyCable(directory / "vm")
        self._board = LiveVm(config, self._cable.board_path)
        self._board.push(array("i", [m.INVALID] * N_IN))
        self._port = serial.Serial(str(self._cable.host_path), 115200, timeout=0.1)
        self._decoder = FrameDecoder()
        self._seq = 0
        self._session = self._hello()

    def _hello(self) -> int:
        payload = (1).to_bytes(4, "little") + bytes(4) + m.BODY_MAX.to_bytes(2, "little")
        for _ in range(50):
            self._port.write(encode_frame(0, m.HELLO, 0, 0, payload))
            frame = self._answer(m.HELLO_R, 0, time.perf_counter() + 0.2)
            if frame is not None:
                return int.from_bytes(frame[4:6], "little")
        raise TimeoutError("the VM does not answer HELLO")

    def _answer(self, type_: int, seq: int, until: float) -> bytes | None:
        while time.perf_counter() < until:
            data = self._port.read(max(1, self._port.in_waiting))
            for frame in self._decoder.feed(data):
                if frame.type == type_ and frame.seq == seq:
                    return frame.payload
        return None

    def round_trip(self) -> None:
        self._seq = (self._seq + 1) & 0xFFFF
        payload = bytes((0, 0, REQUEST_BYTES))
        self._port.write(encode_frame(0, m.DICT_READ, self._seq, self._session, payload))
        answer = self._answer(m.DICT_DATA, self._seq, time.perf_counter() + TIMEOUT_S)
        if answer is None or len(answer) != 2 + REQUEST_BYTES:
            raise TimeoutError("the VM did not answer DICT_READ")

    def keep_alive(self) -> None:
        self._board.pull()

    def close(self) -> None:
        self._port.close()
        self._board.close()
        self._cable.close()


@contextmanager
def _peer(kind: str, directory: Path) -> Iterator[PtyCable]:
    cable = PtyCable(directory / kind)
    process = subprocess.Popen([sys.executable, "-m", "tests.bench._echo", kind, cable.board_path])
    try:
        yield cable
    finally:
        process.kill()
        process.wait()
        cable.close()


def _raw_round_trip(path: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    block = bytes(range(1, 49))

    def call() -> None:
        os.write(fd, block)
        left = len(block)
        while left:
            left -= len(os.read(fd, left))

    return call, lambda: os.close(fd)


def _pymodbus_sync(path: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    from pymodbus.client import ModbusSerialClient

    client = ModbusSerialClient(str(path), baudrate=115200, timeout=TIMEOUT_S)
    client.connect()

    def call() -> None:
        if client.read_holding_registers(0, count=20, device_id=1).isError():
            raise OSError("pymodbus sync: error reply")

    return call, client.close


def _times(call: Callable[[], None], count: int) -> list[float]:
    out = []
    for _ in range(count):
        start = time.perf_counter_ns()
        call()
        out.append((time.perf_counter_ns() - start) / 1e3)
    return out


async def _pymodbus_async(path: Path, rounds: int, count: int) -> list[float]:
    from pymodbus.client import AsyncModbusSerialClient

    client = AsyncModbusSerialClient(str(path), baudrate=115200, timeout=TIMEOUT_S)
    await client.connect()
    out = []
    for _ in range(rounds * count):
        start = time.perf_counter_ns()
        reply = await client.read_holding_registers(0, count=20, device_id=1)
        out.append((time.perf_counter_ns() - start) / 1e3)
        if reply.isError():
            raise OSError("pymodbus async: error reply")
    client.close()
    return out


def _until_it_answers(call: Callable[[], None]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            return call()
        except Exception:  # a server that is still starting fails in its own way
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _measure(directory: Path, rounds: int, count: int) -> dict[str, list[float] | None]:
    found: dict[str, list[float] | None] = {"ours": [], "raw": []}
    vm = Vm(directory)
    try:
        with _peer("raw", directory) as echo:
            time.sleep(0.3)  # bytes sent before it listens come back late, not never
            raw, close_raw = _raw_round_trip(echo.host_path)
            for call in (vm.round_trip, raw):
                _times(call, count // 5)
            for _ in range(rounds):
                found["ours"] = [*(found["ours"] or []), *_times(vm.round_trip, count)]
                found["raw"] = [*(found["raw"] or []), *_times(raw, count)]
                vm.keep_alive()
            close_raw()
        found |= _modbus(directory, rounds, count)
    finally:
        vm.close()
    return found


def _modbus(directory: Path, rounds: int, count: int) -> dict[str, list[float] | None]:
    try:
        import pymodbus  # noqa: F401
    except ImportError:
        return {"pymodbus sync": None, "pymodbus async": None}
    with _peer("modbus", directory) as cable:
        sync, close = _pymodbus_sync(cable.host_path)
        _until_it_answers(sync)
        sync_us = _times(sync, max(20, rounds * count // 5))
        close()
        async_us = asyncio.run(_pymodbus_async(cable.host_path, rounds, count))
    return {"pymodbus sync": sync_us, "pymodbus async": async_us}


def run(quick: bool) -> Report:
    rounds, count = (2, 50) if quick else (5, 400)
    with tempfile.TemporaryDirectory() as directory:
        found = _measure(Path(directory), rounds, count)
    ours = found["ours"] or []
    rows = []
    for percent in (50, 99):
        mine = percentile(ours, percent)
        for peer in ("raw", "pymodbus sync", "pymodbus async"):
            theirs = found[peer]
            name = {"raw": "raw os.read/os.write echo, 48 B"}.get(peer, f"{peer}, 20 registers")
            if theirs is None:
                rows.append(Row(f"round trip p{percent}", "us", mine, f"{name} (absent)"))
            else:
                value = percentile(theirs, percent)
                rows.append(Row(f"round trip p{percent}", "us", mine, name, value))
    targets = [
        Target(f"p50 ÷ {row.peer}", row.ours / row.peer_value, 1.0)
        for row in rows[:3]
        if row.ours and row.peer_value and row.peer and row.peer.startswith("pymodbus")
    ]
    notes = ["ours: pyserial, C codec, firmware on the MicroPython VM with its 100 ms loop running"]
    return Report("link", rows, targets, notes)
