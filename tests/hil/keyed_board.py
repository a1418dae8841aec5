# SPDX-License-Identifier: Apache-2.0
"""The firmware on the real VM behind a pty, with a key and a flash, as a technician meets it.

A thread gives it readings and takes its outputs; a board that has reset itself is started again.
"""

import json
import os
import subprocess
import threading
from array import array
from contextlib import suppress
from pathlib import Path

from firmware_py import channels as ch
from firmware_py.link.messages import INVALID
from hil.drivers.boardfile import write_binary
from hil.drivers.pty import PtyCable
from hil.drivers.vm import OUT_RECORD_BYTES, pack_inputs, unpack_outputs
from tests.firmware.vm import ROOT, vm_path

KEY = bytes(range(32))
RACK = {
    "version": 2,
    "loads": [0, {"group": 1}],
    "groups": [{}, {}],
    "feeds": [{"rating_ma": 16_000}, {"rating_ma": 16_000}],
    "fans": [{"max_rpm": 6_000}, {"max_rpm": 6_000}],
}
READINGS = {
    ch.IN_FEED_A_MW: 1_500_000,
    ch.IN_FEED_B_MW: 1_500_000,
    ch.IN_FEED_A_MA: 6_500,
    ch.IN_FEED_B_MA: 6_500,
    ch.IN_FEED_A_MV: 230_000,
    ch.IN_FEED_B_MV: 230_000,
    ch.IN_INLET_MC: 24_000,
    ch.IN_OUTLET_MC: 36_000,
    ch.IN_LEAK: 0,
    ch.IN_FAN0_RPM: 6_000,
    ch.IN_FAN0_RPM + 1: 6_000,
    ch.IN_LOAD0_MW: 1_000_000,
    ch.IN_LOAD0_MW + 1: 2_000_000,
}
PERIOD_S = 0.05
HEAP = "384k"
"""From sources, which the VM compiles on its own heap; a board carries bytecode."""


class KeyedBoard:
    """`path` is the host's end of the cable, `key_file` what `--key` wants."""

    def __init__(
        self,
        folder: Path,
        *,
        key: bytes = KEY,
        store: bool = True,
        firmware: Path = ROOT,
        heap: str = HEAP,
    ) -> None:
        self.readings = array("i", [INVALID] * ch.N_IN)
        for channel, value in READINGS.items():
            self.readings[channel] = value
        self.boots = 0
        self.cable = PtyCable(folder / "board-port")
        self.path = str(self.cable.host_path)
        self.key_file = folder / "board.key"
        self.key_file.write_text(KEY.hex())
        self.key_file.chmod(0o600)
        self.config = folder / "rack.json"
        self.config.write_text(json.dumps(RACK))
        command = [str(vm_path()), "-X", f"heapsize={heap}", "-m", "firmware_py.main"]
        self._command = [*command, str(write_binary(self.config)), "--link", self.cable.board_path]
        self._firmware = str(firmware)
        if key:
            self._command += ["--key", key.hex(), "--nonce", "5c" * 16]
        if store:
            (folder / "flash").mkdir(exist_ok=True)
            self._command += ["--store", str(folder / "flash")]
        self.failure = ""
        self._stop = threading.Event()
        self._start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(5)
        if not self.failure:
            self._close()
        self.cable.close()
        assert not self.failure, self.failure

    def _start(self) -> None:
        self.boots += 1
        boot = ["--boot-id", str(0x1000 + self.boots), "--boot-count", str(self.boots)]
        vm = subprocess.Popen(
            [*self._command, *boot],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=self._firmware,  # comes first on its path
            env={"MICROPYPATH": self._firmware},
            process_group=0,  # Ctrl-C of a test is not for it
        )
        os.set_blocking(vm.stdout.fileno(), False)
        self._vm = vm
        self._block = b""
        self._push()

    def _push(self) -> None:
        with suppress(BrokenPipeError):
            self._vm.stdin.write(pack_inputs(0, self.readings))

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            self._push()
            if self._ended():
                said = self._vm.stderr.read().decode()
                self._close()
                if said or self._vm.returncode:
                    self.failure = f"exit {self._vm.returncode}: {said}"
                    return
                self._start()

    def _ended(self) -> bool:
        """Take its outputs: a load without its relay draws nothing. True once there are no more."""
        while (data := self._vm.stdout.read(65536)) is not None:
            if not data:
                return True
            self._block += data
        whole = len(self._block) - len(self._block) % OUT_RECORD_BYTES
        if whole:
            newest = self._block[whole - OUT_RECORD_BYTES : whole]
            self._block = self._block[whole:]
            relays = unpack_outputs(newest)[1][ch.OUT_RELAYS]
            for group in range(2):
                load = ch.IN_LOAD0_MW + group
                self.readings[load] = READINGS[load] if relays >> group & 1 else 0
        return False

    def _close(self) -> None:
        self._vm.stdin.close()
        self._vm.wait(timeout=10)
        self._vm.stdout.close()
        self._vm.stderr.close()
