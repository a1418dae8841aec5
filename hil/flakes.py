# SPDX-License-Identifier: Apache-2.0
"""Which cases were not the same each time."""

from collections import defaultdict
from collections.abc import Sequence

from hil.verdict import RunResult


def flakes(results: Sequence[RunResult]) -> list[str]:
    """One line per case and device with several verdicts, or several records in virtual time."""
    runs: dict[tuple[str, str], list[RunResult]] = defaultdict(list)
    for result in results:
        runs[result.case, result.device].append(result)
    lines = []
    for (case, device), several in sorted(runs.items()):
        verdicts = [str(each.verdict) for each in several]
        digests = {each.digest for each in several if each.digest is not None}
        if len(set(verdicts)) > 1:
            counts = ", ".join(f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts)))
            lines.append(f"FLAKY {case} ({device}): {counts}")
        elif len(digests) > 1:
            lines.append(f"NOT REPLAYABLE {case} ({device}): {len(digests)} records of one seed")
    return lines
