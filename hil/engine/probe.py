# SPDX-License-Identifier: Apache-2.0
"""Every signal of a run, in one row per tick: plant, readings, outputs, telemetry, host, board.

Names are those that scenarios use. What is not there now is NaN; what this run never has, no name.
"""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence

from firmware_py import channels
from firmware_py.link import messages as m
from hil.engine.virtual import TICK_MS
from hil.plant import signals
from hil.plant.rack import Rack

NAN = math.nan
Channels = Mapping[str, tuple[str, float]]
"""Logical signal: (telemetry signal, factor)."""
STATES = {
    name.removeprefix("STATE_"): value
    for name, value in vars(m).items()
    if name.startswith("STATE_")
}
"""Constants of expressions: BOOT 0 .. MAINT 6."""
_TELEMETRY = next(row[4] for row in m.MESSAGES if row[1] == "TELEMETRY")
TM_FIELDS = tuple(field for field, _unit, _scale in _TELEMETRY)
_COUNTERS = ("n_shed", "n_restore", "n_boot", "n_lockout", "n_trip")
_HOST = ("host_up", "host_lease", "host_caps", "link_frames", "link_crc_errors", "link_gaps")
_MCU = ("mcu_heap_free", "mcu_missed", "mcu_on", "mcu_jitter_ms")


def input_names(loads: int) -> dict[int, str]:
    """`in_*` by index: the channels in their names, the loads by number."""
    names = {
        index: f"in_{name.removeprefix('IN_').lower()}"
        for name, index in vars(channels).items()
        if name.startswith("IN_") and not name.startswith(("IN_FAN0", "IN_LOAD0"))
    }
    for fan in range(channels.MAX_FANS):
        names[channels.IN_FAN0_RPM + fan] = f"in_fan{fan}_rpm"
    for load in range(loads):
        names[channels.IN_LOAD0_MW + load] = f"in_load{load}_mw"
    return dict(sorted(names.items()))


def output_names() -> dict[int, str]:
    """`out_*` by index."""
    names = {
        index: f"out_{name.removeprefix('OUT_').lower()}"
        for name, index in vars(channels).items()
        if name.startswith("OUT_") and not name.startswith("OUT_FAN0")
    }
    for fan in range(channels.MAX_FANS):
        names[channels.OUT_FAN0_PERMILLE + fan] = f"out_fan{fan}_permille"
    return dict(sorted(names.items()))


class HostFacts:
    """What the host's side knows, set by the run before each row."""

    def __init__(self) -> None:
        self.up = False
        self.lease = False
        self.caps = 0.0
        self.frames = self.crc_errors = self.gaps = 0.0


class BoardFacts:
    """What the bench knows of the board beside its outputs."""

    def __init__(self) -> None:
        self.on = True
        self.boots = 1
        self.lockouts = 0


class Probe:
    """Names once, then `row()` per tick."""

    def __init__(
        self,
        rack: Rack,
        inputs: "array[int]",
        outputs: "array[int]",
        groups: int,
        telemetry: Callable[[], Sequence[int] | None],
        *,
        stimulated: bool = True,
        channels: Channels | None = None,
    ) -> None:
        """`telemetry`: the newest TELEMETRY's values in the order of TM_FIELDS, or None.

        Without stimulus neither plant nor readings nor outputs are known: their names are absent,
        unless `channels` maps them to what the board tells.
        """
        self._rack = rack
        self._inputs = inputs
        self._outputs = outputs
        self._groups = range(groups)
        self._telemetry = telemetry
        self.host = HostFacts()
        self.board = BoardFacts()
        self._n_shed = self._n_restore = 0
        self._relays: int | None = None
        self._t_ms = self._off_ms = NAN
        plant = signals.names(rack)
        self._plant: array[float] = array("d", bytes(8 * len(plant)))
        named_in = input_names(len(rack.spec.loads))
        self._in_at = tuple(named_in)
        named_out = output_names()
        self._out_at = tuple(named_out)
        self._tm_none = (NAN,) * len(TM_FIELDS)
        told = (*_HOST, *_MCU, *(f"tm_{field}" for field in TM_FIELDS))
        seen = (
            *plant,
            "state",
            *(f"group_{g}_on" for g in self._groups),
            *_COUNTERS,
            *named_out.values(),
            *named_in.values(),
        )
        self._stimulated = stimulated
        self.names: tuple[str, ...] = (*told, *seen) if stimulated else told
        mapped = channels or {}
        self._mapped = [(told.index(source), scale) for source, scale in mapped.values()]
        self.names += tuple(name for name in mapped)

    def row(self) -> list[float]:
        """All signals now, one per name."""
        host, board = self.host, self.board
        told = self._telemetry()
        tm = self._tm_none if told is None else [NAN if v == m.INVALID else v for v in told]
        heap, missed = (NAN, NAN) if told is None else (tm[-1], tm[-4])
        row = [
            host.up,
            host.lease,
            host.caps,
            host.frames,
            host.crc_errors,
            host.gaps,
            heap,
            missed,
            board.on,
            self._jitter_ms(tm[0]),
            *tm,
        ]
        mapped = [float(row[at]) * scale for at, scale in self._mapped]
        return [*row, *self._seen(), *mapped] if self._stimulated else [*row, *mapped]

    def _jitter_ms(self, t_ms: float) -> float:
        """How far the board's newest tick lies off its own grid, by the time in its telemetry."""
        since_ms = t_ms - self._t_ms
        if since_ms:  # a new one; not a number at first
            self._t_ms = t_ms
            self._off_ms = (
                abs(since_ms - TICK_MS * round(since_ms / TICK_MS)) if since_ms > 0 else NAN
            )
        return self._off_ms

    def _seen(self) -> list[float]:
        out, inputs, board = self._outputs, self._inputs, self.board
        signals.values(self._rack, self._plant)
        relays = out[channels.OUT_RELAYS]
        self._count(relays)
        return [
            *self._plant,
            out[channels.OUT_STATE] if board.on else NAN,
            *(relays >> g & 1 for g in self._groups),
            self._n_shed,
            self._n_restore,
            board.boots,
            board.lockouts,
            self._rack.trips,
            *(out[at] for at in self._out_at),
            *(NAN if (v := inputs[at]) == m.INVALID else v for at in self._in_at),
        ]

    def _count(self, relays: int) -> None:
        """Groups that fell and rose, by the relays' commands: no link is needed for it."""
        mask = (1 << len(self._groups)) - 1
        relays &= mask
        before = mask if self._relays is None else self._relays
        self._n_shed += (before & ~relays).bit_count()
        self._n_restore += (relays & ~before).bit_count()
        self._relays = relays
