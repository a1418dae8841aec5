# SPDX-License-Identifier: Apache-2.0
"""Survivors that a person has looked at: survivors.toml, one reason each.

An entry names the file, the function and the line before and after, not a line number, so that
it outlives edits elsewhere. `after` may be a list of changes of one line with one reason.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True, slots=True)
class Reviewed:
    file: str
    function: str
    before: str
    after: str
    reason: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.file, self.function, self.before, self.after


def load(path: Path = LIST) -> list[Reviewed]:
    """All entries; ValueError if one lacks a reason or stands twice."""
    entries = [
        Reviewed(**{**entry, "after": after})
        for entry in tomllib.loads(path.read_text()).get("survivor", [])
        for after in ([entry["after"]] if isinstance(entry["after"], str) else entry["after"])
    ]
    for entry in entries:
        if not entry.reason.strip():
            raise ValueError(f"{path.name}: no reason for {entry.key}")
    if len({entry.key for entry in entries}) < len(entries):
        raise ValueError(f"{path.name}: an entry stands twice")
    return entries


def stale(
    entries: Iterable[Reviewed],
    made: set[tuple[str, str, str, str]],
    noticed: set[tuple[str, str, str, str]],
    files: set[str],
) -> list[Reviewed]:
    """Entries of these files that no mutant answers to any more, or whose mutant is noticed."""
    ours = [entry for entry in entries if entry.file in files]
    return [entry for entry in ours if entry.key not in made or entry.key in noticed]
