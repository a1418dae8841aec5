# SPDX-License-Identifier: Apache-2.0
"""Do the Python tests execute every line of the C core? Exit code 1 if not.

    python -m tests.native.coverage

The core is compiled with gcov's counters into a scratch folder; tests/native and tests/parity
run on that. Hypothesis tries few and always the same examples, so a line that is executed today
is executed tomorrow.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.native.mutation.core import NATIVE, ROOT, SOURCES, line_counts
from tests.native.mutation.reach import EXAMPLES, covered_core, pytest_on, test_files


def measure(folder: Path) -> dict[str, dict[int, int]]:
    """Source name, line, executions; SystemExit if a test fails."""
    module = covered_core(folder)
    environment = {
        **os.environ,
        "RACKEDGE_TEST_CORE": str(module),
        "RACKEDGE_TEST_EXAMPLES": str(EXAMPLES),
    }
    done = subprocess.run(pytest_on(*test_files()), cwd=ROOT, env=environment, check=False)
    if done.returncode != 0:
        sys.exit("coverage: a test fails on the core with counters")
    return line_counts(folder, folder)


def missed(counts: dict[str, dict[int, int]]) -> list[str]:
    """file:line and its text, for every line that holds code and was never executed."""
    lines = []
    for name, executions in sorted(counts.items()):
        text = (NATIVE / "src" / name).read_text().splitlines()
        never = [line for line in sorted(executions) if executions[line] == 0]
        lines += [f"native/src/{name}:{line}: {text[line - 1].strip()}" for line in never]
    return lines


def main() -> int:
    """Measure and print; 0 if every line of every file was executed."""
    with tempfile.TemporaryDirectory() as folder:
        counts = measure(Path(folder))
    for source in SOURCES:
        executions = counts.get(source.name, {})
        run = sum(count > 0 for count in executions.values())
        print(f"coverage from Python: {source.name}: {run} of {len(executions)} lines")
    absent = [source.name for source in SOURCES if not counts.get(source.name)]
    never = missed(counts)
    for line in [*absent, *never]:
        print(f"never executed: {line}")
    return 1 if absent or never else 0


if __name__ == "__main__":
    sys.exit(main())
