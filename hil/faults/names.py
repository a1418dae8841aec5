# SPDX-License-Identifier: Apache-2.0
"""Channels of the board by name, and what a person may write for them: names, globs, lists."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field

from firmware_py import channels

MOST = (1 << 30) - 1
"""Largest reading; the smallest is -MOST, below it INVALID."""


def _numbered(prefix: str) -> dict[str, int]:
    found = {
        name.removeprefix(prefix).lower(): index
        for name, index in vars(channels).items()
        if name.startswith(prefix)
    }
    for name, first, count in (
        ("fan0_rpm", "fan{}_rpm", channels.MAX_FANS),
        ("fan0_permille", "fan{}_permille", channels.MAX_FANS),
        ("load0_mw", "load{}_mw", channels.MAX_LOADS),
    ):
        if name in found:
            start = found[name]
            found |= {first.format(i): start + i for i in range(count)}
    return dict(sorted(found.items(), key=lambda item: item[1]))


INPUTS: Mapping[str, int] = _numbered("IN_")
"""`inlet_mc` -> index into int32[N_IN], each fan and load by itself."""

OUTPUTS: Mapping[str, int] = _numbered("OUT_")
"""`fan_permille` -> index into int32[N_OUT]."""

_RAILS = {
    "mw": (0, MOST),
    "ma": (0, MOST),
    "mv": (0, 400_000),
    "mc": (-55_000, 150_000),
    "rpm": (0, 30_000),
    "mlm": (0, 200_000),
    "pa": (0, 1_000_000),
    "permille": (0, 1000),
    "mhz": (0, 100_000),
    "leak": (0, 1),
    "relays": (0, (1 << channels.MAX_GROUPS) - 1),
}
"""What an input reads with its wire at ground or at supply, by unit. Temperatures: the ends of the
NTC tables; others: zero, and where a front-end of that kind saturates."""


def rails(index: int) -> tuple[int, int]:
    """(low, high) of input `index`: what a short to ground or to supply reads."""
    return _RAILS[_NAME[index].rsplit("_", 1)[-1]]


_NAME = {index: name for name, index in INPUTS.items()}


def select(wanted: str | Sequence[str], known: Mapping[str, int]) -> tuple[int, ...]:
    """Indices that `wanted` names, in the order of the array; ValueError names what is unknown."""
    patterns = [wanted] if isinstance(wanted, str) else list(wanted)
    chosen = set()
    for pattern in patterns:
        hits = [index for name, index in known.items() if fnmatchcase(name, pattern)]
        if not hits:
            raise ValueError(f"no channel {pattern!r}: known are {', '.join(known)}")
        chosen.update(hits)
    return tuple(sorted(chosen))


def _of_inputs(wanted: str | list[str]) -> str | list[str]:
    select(wanted, INPUTS)
    return wanted


def _of_outputs(wanted: str | list[str]) -> str | list[str]:
    select(wanted, OUTPUTS)
    return wanted


_Written = str | Annotated[list[str], Field(min_length=1)]
InputNames = Annotated[_Written, AfterValidator(_of_inputs)]
"""One input channel, a glob (`load*_mw`), or a list of them."""
OutputNames = Annotated[_Written, AfterValidator(_of_outputs)]
"""Likewise for outputs."""
