# SPDX-License-Identifier: Apache-2.0
"""One name per run: of its folder, and of its place in the page."""

import hashlib
import re
from collections.abc import Sequence

from hil.verdict import RunResult

UNFIT = re.compile(r"[^\w.,=+\[\]-]", re.ASCII)
"""What a name of a case may have and that of a folder, or a link, may not."""
LENGTH_MAX = 100


def folder_names(results: Sequence[RunResult]) -> list[str]:
    """A name for each, in order: its case, and its device and a number if that is not enough.

    A result that is appended later changes no earlier name.
    """
    names: dict[str, None] = {}
    for result in results:
        case = _plain(result.case)
        tries = [case, f"{case}@{_plain(result.device)}"]
        name = next((each for each in tries if each not in names), "")
        count = 1
        while not name or name in names:
            count += 1
            name = f"{tries[1]}~{count}"
        names[name] = None
    return list(names)


def _plain(text: str) -> str:
    """Only harmless characters; what had to change is told apart by a hash."""
    plain = UNFIT.sub("_", text).lstrip(".")
    if plain == text and 0 < len(text) <= LENGTH_MAX:
        return text
    return f"{plain[: LENGTH_MAX - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
