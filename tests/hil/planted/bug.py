# SPDX-License-Identifier: Apache-2.0
"""One planted bug: a programmer's plausible mistake in one place of the firmware."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from hil.drivers.image import OURS

PACKAGE = "firmware_py"


@dataclass(frozen=True, slots=True)
class Bug:
    """`old` becomes `new` in `file`."""

    name: str
    file: str
    """Below firmware_py/."""
    old: str
    """Exact text that occurs once in the file."""
    new: str
    breaks: tuple[str, ...]
    """Requirements (hil/scenarios/requirements.yaml) that no longer hold, the plainest first."""
    says: str
    """What goes wrong, in one sentence."""


def occurrences(bug: Bug) -> int:
    """How often `old` stands in the sound firmware; 1, or the bug cannot be planted."""
    return (OURS / PACKAGE / bug.file).read_text(encoding="utf-8").count(bug.old)


def plant(bug: Bug | None, folder: Path) -> Path:
    """`folder` with a copy of the firmware that has the bug; None: the sound one.

    Raises ValueError where the bug does not apply exactly once.
    """
    target = folder / PACKAGE
    shutil.copytree(OURS / PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__", "*.mpy"))
    if bug is not None:
        if occurrences(bug) != 1:
            raise ValueError(f"{bug.name}: its text stands {occurrences(bug)} times in {bug.file}")
        path = target / bug.file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(bug.old, bug.new), encoding="utf-8")
    return folder
