# SPDX-License-Identifier: Apache-2.0
"""Which case sees which bug: `killers.json`, and README.md that is made from it.

The search writes both; the tests hold them against the bugs and run what is recorded.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.hil.planted.bugs import BUGS
from tests.hil.planted.trial import Kill

HERE = Path(__file__).parent
KILLERS = HERE / "killers.json"
README = HERE / "README.md"
_HEAD = """\
# Planted bugs

{bugs} plausible mistakes, each in one place of the firmware: boots, runs a quiet rack, and is wrong
when it matters. The scenario library (`hil/scenarios/`) must see every one of them.
**{killed} of {bugs} are seen: {ratio:.0f} %.**

`python -m tests.hil.planted` runs the library on the real MicroPython VM, first with the sound
firmware, then with each bug until a case fails, those first that cover what the bug breaks; with
`--write` it records what it found in `killers.json` and here. `tests/hil/test_planted.py` runs
the recorded case of each bug: it must fail with the bug, in the recorded check, and pass without.

A new bug is an entry in `bugs_*.py`; one that survives shows what the library lacks.

| bug | in | what goes wrong | breaks | seen by | check |
|---|---|---|---|---|---|
"""


class Killer(NamedTuple):
    """A recorded kill."""

    case: str
    check: str


def killers() -> dict[str, Killer]:
    """By bug; empty before the first search."""
    if not KILLERS.exists():
        return {}
    rows = json.loads(KILLERS.read_text(encoding="utf-8"))
    return {bug: Killer(row["case"], row["check"]) for bug, row in rows.items()}


def readme_text(seen: Mapping[str, Killer]) -> str:
    """README.md as it should be."""
    killed = sum(bug.name in seen for bug in BUGS)
    text = _HEAD.format(bugs=len(BUGS), killed=killed, ratio=100 * killed / len(BUGS))
    for bug in BUGS:
        by = seen.get(bug.name)
        case, check = (f"`{by.case}`", by.check.replace("|", "\\|")) if by else ("**nothing**", "")
        text += (
            f"| `{bug.name}` | `{bug.file}` | {bug.says} | {', '.join(bug.breaks)} "
            f"| {case} | {check} |\n"
        )
    return text


def write(found: Mapping[str, Kill]) -> None:
    """Record what a search found; bugs that it did not look at keep what they had."""
    seen = killers()
    seen |= {name: Killer(kill.case, kill.check) for name, kill in found.items()}
    rows = {bug.name: seen[bug.name]._asdict() for bug in BUGS if bug.name in seen}
    KILLERS.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    README.write_text(readme_text(killers()), encoding="utf-8")
