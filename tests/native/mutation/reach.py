# SPDX-License-Identifier: Apache-2.0
"""Which test files execute which lines of the core: only those can notice a change there."""

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.native.mutation.core import (
    COVERED,
    ROOT,
    compile_core,
    compile_wrapper,
    line_counts,
    link,
)

FOLDERS = ("tests/native", "tests/parity")
EXAMPLES = 60
"""Of hypothesis, per test and mutant; more noticed no further mutant of frame.c."""


PLUGINS = ["-p", "tests.native.mutation.use_core", "-p", "no:cacheprovider"]


@dataclass(frozen=True, slots=True)
class Reach:
    test: str
    cpu_s: float
    """With the start of Python; of CPU, because the machine may be busy with other things."""
    lines: dict[str, dict[int, int]]
    """Source name, line, executions; a line that holds no code is absent."""


def test_files() -> list[str]:
    """All that judge a mutant, from the root of the checkout."""
    found = (path for folder in FOLDERS for path in sorted((ROOT / folder).glob("test_*.py")))
    return [str(path.relative_to(ROOT)) for path in found]


def quick_files() -> list[str]:
    """Those that call the core themselves: not those that compile it or start a firmware."""
    calls = ("edge.core", "edge._native", "tests.native.capping")
    native = [name for name in test_files() if name.startswith(FOLDERS[0])]
    return [
        name
        for name in native
        if any(f"from {module} import" in (ROOT / name).read_text() for module in calls)
    ]


def measure(folder: Path) -> list[Reach]:
    """Run every test file once on the unchanged core; RuntimeError if one fails."""
    module = covered_core(folder)
    reached = [_run(module, name, folder / Path(name).stem) for name in test_files()]
    return sorted((each for each in reached if each.lines), key=lambda each: each.cpu_s)


def covered_core(folder: Path) -> Path:
    """The core, counting its lines; its .gcno notes stay beside it."""
    module = folder / "_native.abi3.so"
    objects = compile_core(folder, COVERED)
    link([compile_wrapper(folder), *objects.values()], module, ["--coverage"])
    return module


def _run(module: Path, name: str, data: Path) -> Reach:
    data.mkdir()
    environment = {
        **os.environ,
        "RACKEDGE_TEST_CORE": str(module),
        "RACKEDGE_TEST_EXAMPLES": str(EXAMPLES),
        "GCOV_PREFIX": str(data),
    }
    before_s = _children_cpu_s()
    done = subprocess.run(
        pytest_on(name), cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=False
    )
    cpu_s = _children_cpu_s() - before_s
    if done.returncode != 0:
        raise RuntimeError(f"{name} fails on the unchanged core:\n{done.stdout.decode()}")
    return Reach(name, cpu_s, line_counts(data, module.parent))


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def pytest_on(*names: str) -> list[str]:
    """The command that runs these test files on the core that RACKEDGE_TEST_CORE names."""
    return [sys.executable, "-m", "pytest", *PLUGINS, *names]


def judges_of(reached: list[Reach], file: str, line: int) -> list[Reach]:
    """Those that execute this line, fastest first; if it holds no code, all that enter the file."""
    entering = [each for each in reached if any(each.lines.get(file, {}).values())]
    if not any(line in each.lines[file] for each in entering):
        return entering
    return [each for each in entering if each.lines[file].get(line, 0) > 0]
