# SPDX-License-Identifier: Apache-2.0
"""The firmware in this process, on CPython: same code, no VM, for baselines and --runtime cpython."""

from array import array
from pathlib import Path

from edge.errors import ConfigError
from firmware_py.app import App
from firmware_py.channels import N_IN
from firmware_py.link.commands import BoardInfo
from firmware_py.store import config as store


def load_app(config: Path, boot_id: int, boot_count: int) -> App:
    """The firmware's App for a board configuration; ConfigError names the file and the key."""
    try:
        parsed = store.parse(config.read_bytes())
    except store.ConfigError as error:
        raise ConfigError(f"{config}: {error}") from error
    return App(parsed, BoardInfo("sim 0001", boot_id, boot_count))


class CpythonBoard:
    """A board in virtual time; same interface as hil.drivers.vm.VmBoard."""

    def __init__(self, config: Path, boot_id: int = 1, boot_count: int = 1) -> None:
        self._app = load_app(config, boot_id, boot_count)
        self._started = False
        self.until_ms = 0
        self.outputs: array[int] = self._app.act.outputs

    def exchange(self, now_ms: int, inputs: "array[int]", rx: bytes) -> bytes:
        """Let the board run at `now_ms` on `inputs` (int32[N_IN]); returns its link bytes."""
        app = self._app
        if not self._started:
            self._started = True
            app.start(now_ms)
        app.raw[:N_IN] = inputs
        self.until_ms = app.step(now_ms, rx, len(rx))
        outbox = app.outbox
        tx = bytes(outbox.buf[: outbox.n])
        outbox.clear()
        return tx

    def close(self) -> None:
        """Nothing to give back."""
