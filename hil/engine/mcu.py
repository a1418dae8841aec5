# SPDX-License-Identifier: Apache-2.0
"""The microcontroller around a virtual device: its clock, its reset, its watchdog.

Run time is the bench's, board time is what the firmware sees: another origin, another rate, and
modulo 2**30. While no instruction runs (dark), fans, pump and valve are at full, as their lines
float there, and relays are idle; while the loop hangs, all stays as it is until the watchdog bites.
"""

import math
from array import array
from enum import Enum, auto

from firmware_py.channels import (
    MAX_FANS,
    N_OUT,
    OUT_FAN0_PERMILLE,
    OUT_FAN_PERMILLE,
    OUT_PUMP_PERMILLE,
    OUT_RELAYS,
    OUT_VALVE_PERMILLE,
)
from firmware_py.store.reset import CAUSE_WATCHDOG
from hil.drivers.device import VirtualDevice

CIRCLE = (1 << 30) - 1
"""Board time is a 30-bit counter of milliseconds."""
WATCHDOG_MS = 2_000
"""Timeout of the watchdog on every port (firmware_py/board/)."""
BOOT_MS = 500
"""From the end of a reset to the first tick: interpreter and imports."""
FULL = 1_000
ALL_RELAYS = (1 << 16) - 1


class _Life(Enum):
    RUNS = auto()
    HANGS = auto()
    DARK = auto()


class Mcu:
    """`hil.ports.BoardPort`, and what the loop of a virtual run asks."""

    def __init__(self, device: VirtualDevice, start_ms: int = 0, *, bistable: bool = False) -> None:
        """`start_ms`: board time at run time 0. `bistable`: relays keep their position in a reset,
        else they are wired to the closed contact, and idle is on."""
        self.device = device
        self.outputs = array("i", device.outputs)
        """int32[N_OUT] as the wires carry them."""
        self.resets = 0
        """Since the start, whoever caused them."""
        self._boots = device.boots
        self._bistable = bistable
        self._life = _Life.RUNS
        self._until_ms = 0  # run time: next step, or end of this life
        self._now_ms = 0
        self._origin_ms = 0  # run time at which board time was _origin_board
        self._origin_board = start_ms & CIRCLE
        self._ppm = 0
        self._heap_kib: int | None = None
        self._go_dark()  # a board that has not run yet drives nothing

    def due_ms(self) -> int:
        """Run time at which `run` has something to do without bytes."""
        return self._until_ms

    @property
    def on(self) -> bool:
        """Whether its supply is on and its reset is over; a hung one is on."""
        return self._life is not _Life.DARK

    def run(self, now_ms: int, inputs: "array[int]", rx: bytes) -> bytes:
        """Do what is due; returns link bytes. Bytes to a board that does not run are lost."""
        self._now_ms = now_ms
        if self._life is not _Life.RUNS:
            if now_ms < self._until_ms:
                return b""
            if self._life is _Life.HANGS:
                self.reset(CAUSE_WATCHDOG, BOOT_MS)
                return b""
            self._life = _Life.RUNS
            self._set_clock(now_ms, 0)
        board_ms = self.board_ms(now_ms)
        tx = self.device.exchange(board_ms, inputs, rx)
        if self.device.boots != self._boots:  # it has reset itself, as it was asked to
            self._after_reset(BOOT_MS)
        else:
            self.outputs[:] = self.device.outputs
            self._until_ms = self._run_time(now_ms, board_ms)
        return tx

    def board_ms(self, now_ms: int) -> int:
        """Board time at a run time."""
        since_ms = now_ms - self._origin_ms
        return (self._origin_board + since_ms + since_ms * self._ppm // 1_000_000) & CIRCLE

    # hil.ports.BoardPort

    def reset(self, cause: int, dark_ms: int = BOOT_MS) -> None:
        """See BoardPort. The clock begins at 0 again."""
        self.device.restart(cause, self._heap_kib)
        self._after_reset(dark_ms)

    def hang(self, hung: bool) -> None:
        """See BoardPort."""
        if hung and self._life is _Life.RUNS:
            self._life = _Life.HANGS
            self._until_ms = self._now_ms + WATCHDOG_MS
        elif not hung and self._life is _Life.HANGS:
            self._life = _Life.RUNS
            self._until_ms = self._now_ms

    def drift(self, ppm: int) -> None:
        """See BoardPort."""
        self._set_clock(self._now_ms, self.board_ms(self._now_ms))
        self._ppm = ppm
        self._until_ms = min(self._until_ms, self._now_ms + 1)

    def jump(self, ms: int) -> None:
        """See BoardPort."""
        self._set_clock(self._now_ms, (self.board_ms(self._now_ms) + ms) & CIRCLE)
        if self._life is _Life.RUNS:
            self._until_ms = self._now_ms

    def heap(self, kib: int | None) -> None:
        """See BoardPort."""
        self._heap_kib = kib
        self.reset(CAUSE_WATCHDOG)

    def at(self, now_ms: int) -> None:
        """Tell it the run time before a fault acts on it."""
        self._now_ms = now_ms

    def _after_reset(self, dark_ms: int) -> None:
        self.resets += 1
        self._boots = self.device.boots
        self._life = _Life.DARK
        self._until_ms = self._now_ms + dark_ms
        self._go_dark()

    def _set_clock(self, now_ms: int, board_ms: int) -> None:
        self._origin_ms, self._origin_board = now_ms, board_ms

    def _run_time(self, now_ms: int, board_ms: int) -> int:
        """Run time of the board's next wake-up; a clock that runs slow needs longer."""
        ahead_ms = ((self.device.until_ms - board_ms + (1 << 29)) & CIRCLE) - (1 << 29)
        if ahead_ms <= 0:
            return now_ms + 1
        return now_ms + max(1, math.ceil(ahead_ms * 1_000_000 / (1_000_000 + self._ppm)))

    def _go_dark(self) -> None:
        relays = self.outputs[OUT_RELAYS] if self._bistable and self.resets else ALL_RELAYS
        self.outputs[:] = array("i", [0] * N_OUT)
        self.outputs[OUT_RELAYS] = relays
        for lane in (OUT_FAN_PERMILLE, OUT_PUMP_PERMILLE, OUT_VALVE_PERMILLE):
            self.outputs[lane] = FULL
        for fan in range(MAX_FANS):
            self.outputs[OUT_FAN0_PERMILLE + fan] = FULL
