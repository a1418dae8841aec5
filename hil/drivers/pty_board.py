# SPDX-License-Identifier: Apache-2.0
"""The firmware on the VM behind two ptys: looks like a board `sim` on two serial ports.

    python -m hil.drivers.pty_board --link PATH --bus PATH
        [--config FILE] [--store DIR] [--key HEX] [--uid TEXT] [--firmware DIR]
        [--watchdog-s S]

`link` is the board's link; on `bus` travel the records of firmware_py/board/sim.py in real time,
each with REAL_TIME (hil/drivers/records.py) as its first word.
Until the first of them comes the board reads a quiet rack. It is started again after every exit:
one that it was asked for at once, any other as a watchdog would. SIGTERM or Ctrl-C ends it.
"""

import argparse
import json
import os
import select
import sys
import tempfile
import time
from array import array
from contextlib import ExitStack, suppress
from pathlib import Path

from edge.errors import EdgeError
from firmware_py import channels as ch
from firmware_py.link.messages import INVALID
from firmware_py.store.reset import CAUSE_POWER_ON, CAUSE_SOFT, CAUSE_WATCHDOG
from hil.drivers import image
from hil.drivers.launch import Launch
from hil.drivers.pty import CHUNK_BYTES, HostEnd, PtyCable, write_some
from hil.drivers.records import (
    IN_RECORD_BYTES,
    OUT_RECORD_BYTES,
    REAL_TIME,
    RX_BYTES,
    RecordStream,
    pack_inputs,
    stamped,
)
from hil.drivers.vm import HEAP_KIB, SOURCE_HEAP_KIB, VmProcess, folder_of
from hil.unwind import unwinding

QUIET = {
    "version": 2,
    "loads": [0, 0, 1, 1, 2, 2, 3, 3],
    "groups": [{"never": True}, {}, {}, {}],
    "feeds": [{"rating_ma": 32_000}, {"rating_ma": 32_000}],
    "fans": [{"max_rpm": 6_000}],
}
"""Configuration of a board that was given none."""
WATCHDOG_S = 5.0
"""A board that has not finished a tick for so long is reset, unless --watchdog-s says otherwise.
board/rp2.py waits 2 s; a VM has to live with a machine that does other things as well."""
CRASH_S = 0.5
"""Until a board that has crashed runs again."""
CHECK_S = 0.5
"""Longest wait of the loop."""


QUIET_READINGS = {
    ch.IN_FEED_A_MW: 400_000,
    ch.IN_FEED_B_MW: 400_000,
    ch.IN_FEED_A_MA: 580,
    ch.IN_FEED_B_MA: 580,
    ch.IN_FEED_A_MV: 230_000,
    ch.IN_FEED_B_MV: 230_000,
    ch.IN_INLET_MC: 22_000,
    ch.IN_OUTLET_MC: 26_000,
    ch.IN_ZONE1_MC: 26_000,
    ch.IN_ZONE2_MC: 26_000,
    ch.IN_ZONE3_MC: 26_000,
    ch.IN_PUMP_RPM: 3_000,
    ch.IN_LEAK: 0,
    ch.IN_SUPPLY_MC: 30_000,
    ch.IN_RETURN_MC: 34_000,
    ch.IN_FLOW_MLM: 20_000,
    ch.IN_DP_PA: 50_000,
    ch.IN_RH_PERMILLE: 400,
    ch.IN_DEW_AIR_MC: 22_000,
    ch.IN_RESERVOIR_PERMILLE: 900,
    ch.IN_FREQ_MHZ: 50_000,
    ch.IN_BBU_PERMILLE: 1_000,
}
"""A rack whose loads idle, with all that can be fitted: nothing that a board has to act on."""


def quiet_readings() -> "array[int]":
    """QUIET_READINGS as int32[N_IN], with fans and loads."""
    readings = array("i", [INVALID]) * ch.N_IN
    for channel, reading in QUIET_READINGS.items():
        readings[channel] = reading
    for fan in range(ch.MAX_FANS):
        readings[ch.IN_FAN0_RPM + fan] = 3_000
    for load in range(ch.MAX_LOADS):
        readings[ch.IN_LOAD0_MW + load] = 100_000
    return readings


class PtyBoard:
    """The VM, its two ptys, and the watchdog."""

    def __init__(self, options: argparse.Namespace) -> None:
        """`options`: see `parse`. Its paths appear once it boots. Raises EdgeError, OSError."""
        compiled = image.compiler_present()
        firmware = options.firmware or image.OURS
        if compiled:
            image.bytecode(firmware)  # takes seconds the first time
        with ExitStack() as stack:
            cable = PtyCable(options.link.absolute(), plugged=False)
            stack.callback(cable.close)
            self._bus = HostEnd(options.bus.absolute())
            stack.callback(self._bus.unplug)
            self._launch = Launch(
                options.config,
                store=options.store,
                key=options.key,
                uid=options.uid,
                link=cable.board_path,
                drawn=True,
            )
            stack.callback(self._launch.close)
            self._folder = folder_of(firmware, compiled, self._launch.folder)
            self._heap_kib = HEAP_KIB if compiled else SOURCE_HEAP_KIB
            self._watchdog_s: float = options.watchdog_s
            self._newest = pack_inputs(REAL_TIME, quiet_readings())
            self._start(CAUSE_POWER_ON)
            stack.callback(self._stop)
            self._bus.plug()
            cable.plug()
            self._stack = stack.pop_all()

    def run(self) -> None:
        """For ever; ends by an exception. Restarts the VM whenever it has gone."""
        while True:
            ready, _, _ = select.select([self._fd(), self._vm.stdout], [], [], CHECK_S)
            if self._fd() in ready:
                self._readings()
            if self._vm.stdout in ready and not self._outputs():
                self._restart()
            elif time.monotonic() - self._fed_s > self._watchdog_s:
                self._vm.kill()
                print("the board hangs: reset by its watchdog", file=sys.stderr, flush=True)
                self._start(CAUSE_WATCHDOG)
            self._flush()

    def close(self) -> None:
        """End the VM, remove the paths."""
        self._stack.close()

    def _start(self, cause: int) -> None:
        self._vm = VmProcess(self._launch.arguments(cause), self._folder, self._heap_kib)
        os.set_blocking(self._vm.stdin, False)
        os.set_blocking(self._vm.stdout, False)
        self._inbound = RecordStream(IN_RECORD_BYTES, RX_BYTES)
        self._block = b""  # of a record from the VM
        self._rest = b""  # of a record that the bus has not taken whole
        self._torn = self._newest  # of a record that the VM has not taken whole
        self._fed_s = time.monotonic()

    def _stop(self) -> None:
        self._vm.close()

    def _restart(self) -> None:
        code, words = self._vm.ended()
        self._vm.close()
        if code == 0:
            self._start(CAUSE_SOFT)
            return
        print(f"the board has crashed (exit {code}): {words}", file=sys.stderr, flush=True)
        time.sleep(CRASH_S)
        self._start(CAUSE_WATCHDOG)

    def _readings(self) -> None:
        with suppress(BlockingIOError, OSError):
            for record in self._inbound.feed(os.read(self._fd(), CHUNK_BYTES)):
                self._newest = record
                if not self._torn:
                    self._torn = record

    def _outputs(self) -> bool:
        """Whole records to the bus, or none while nobody reads there; False: the VM has gone."""
        try:
            data = os.read(self._vm.stdout, OUT_RECORD_BYTES - len(self._block))
        except BlockingIOError:
            return True
        self._block += data
        if len(self._block) == OUT_RECORD_BYTES:
            self._fed_s = time.monotonic()
            if not self._rest:
                self._rest = stamped(self._block)
            self._block = b""
        return bool(data)

    def _flush(self) -> None:
        if self._rest:
            self._rest = self._rest[write_some(self._fd(), self._rest) :]
        if self._torn:
            with suppress(BrokenPipeError):
                self._torn = self._torn[write_some(self._vm.stdin, self._torn) :]

    def _fd(self) -> int:
        fd = self._bus.fd
        assert fd is not None  # noqa: S101 - plugged in from start to end
        return fd


def parse(argv: list[str]) -> argparse.Namespace:
    """The command line, as in the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m hil.drivers.pty_board")
    parser.add_argument("--link", type=Path, required=True)
    parser.add_argument("--bus", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--key", type=bytes.fromhex)
    parser.add_argument("--uid", default="0001")
    parser.add_argument("--firmware", type=Path)
    parser.add_argument("--watchdog-s", type=float, default=WATCHDOG_S)
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Run until a signal; returns the exit code."""
    options = parse(argv)
    with ExitStack() as stack:
        stack.enter_context(unwinding())
        try:
            if options.config is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                options.config = folder / "board.json"
                options.config.write_text(json.dumps(QUIET))
            board = PtyBoard(options)
        except (EdgeError, OSError) as error:
            print(f"pty_board: {error}", file=sys.stderr)
            return getattr(error, "exit_code", 1)
        stack.callback(board.close)
        print(f"board sim {options.uid}: link {options.link}, bus {options.bus}", flush=True)
        with suppress(KeyboardInterrupt):
            board.run()
    return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
