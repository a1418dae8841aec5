# SPDX-License-Identifier: Apache-2.0
"""The firmware on the real VM behind a pty, with a key and a flash, as a technician meets it.

A thread gives it readings and takes its outputs; a board that has reset itself is started again.
"""

import json
import os
import threading
from array import array
from pathlib import Path

from edge.errors import LinkError
from firmware_py import channels as ch
from firmware_py.link.messages import INVALID
from hil.drivers.pty import PtyCable
from hil.drivers.vm import VmProcess, pack_inputs

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
    ch.IN_LOAD0_MW: 1_000_000,
    ch.IN_LOAD0_MW + 1: 2_000_000,
}
PERIOD_S = 0.05


class KeyedBoard:
    """`path` is the host's end of the cable, `key_file` what `--key` wants."""

    def __init__(self, folder: Path, *, key: bytes = KEY, store: bool = True) -> None:
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
        self._more = ["--link", self.cable.board_path]
        if key:
            self._more += ["--key", key.hex(), "--nonce", "5c" * 16]
        if store:
            (folder / "flash").mkdir(exist_ok=True)
            self._more += ["--store", str(folder / "flash")]
        self.failure = ""
        self._stop = threading.Event()
        self._vm = self._start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(5)
        self._vm.close()
        self.cable.close()
        assert not self.failure

    def _start(self) -> VmProcess:
        self.boots += 1
        vm = VmProcess(self.config, 0x1000 + self.boots, self.boots, *self._more)
        os.set_blocking(vm.stdout, False)
        vm.send(pack_inputs(0, self.readings))
        return vm

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            try:
                self._vm.send(pack_inputs(0, self.readings))
                ended = self._drained()
            except LinkError as error:
                ended = "exit 0" in str(error)
                self.failure = "" if ended else str(error)
            if ended:
                self._vm.close()
                self._vm = self._start()

    def _drained(self) -> bool:
        """True once the board has ended."""
        try:
            while True:
                if not os.read(self._vm.stdout, 65536):
                    return True
        except BlockingIOError:
            return False
