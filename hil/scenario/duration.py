# SPDX-License-Identifier: Apache-2.0
"""Durations as people write them: `200ms`, `20 s`, `5 min`, `2 h`; ms inside."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

UNIT_MS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
PATTERN = r"^[0-9]+(\.[0-9]+)? ?(ms|s|min|h)$"
DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?) ?(ms|s|min|h)")
LONGEST_MS = 366 * 86_400_000
"""A year: more is a slip of the unit."""


def duration_ms(text: object) -> int:
    """Milliseconds of a duration. Raises ValueError that says what to write."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(  # noqa: TRY004 - pydantic takes no TypeError
            f"{text} has no unit; write `{text}s` or `{text}ms`"
        )
    found = DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError("not a duration; write it as `200ms`, `20 s`, `5 min` or `2 h`")
    value_ms = float(found[1]) * UNIT_MS[found[2]]
    if value_ms > LONGEST_MS:
        raise ValueError("longer than a year; check the unit")
    if abs(value_ms - round(value_ms)) > 1e-6:
        raise ValueError("not a whole number of milliseconds; round it")
    return round(value_ms)


def is_duration(value: object) -> bool:
    """Whether a parameter's value is one."""
    return isinstance(value, str) and DURATION.fullmatch(value.strip()) is not None


def duration_text(ms: float) -> str:
    """`1.5 s`, `20 s`, `200 ms`, as it stands in reports."""
    return f"{ms:g} ms" if abs(ms) < 1000 else f"{ms / 1000:.10g} s"


Duration = Annotated[
    int,
    BeforeValidator(duration_ms),
    Field(ge=0),
    WithJsonSchema(
        {"type": "string", "pattern": PATTERN, "description": "200ms, 20 s, 5 min, 2 h"}
    ),
]
"""ms; text in the file."""
