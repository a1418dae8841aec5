# SPDX-License-Identifier: Apache-2.0
"""One mutant before the tests, in a forked process that has pytest loaded already."""

import contextlib
import importlib
import os
import resource
import signal
import subprocess
import threading
from enum import StrEnum
from pathlib import Path

import pytest

from tests.native.mutation.bench import Bench, fuzz_driver_of, module_of
from tests.native.mutation.core import link
from tests.native.mutation.mutants import Mutant
from tests.native.mutation.reach import EXAMPLES, PLUGINS

CPU_LIMIT_S = 20
"""Several times what the slowest set of tests takes; of CPU: a busy machine convicts nobody."""
WALL_LIMIT_S = 300
FUZZ_SEEDS = 400
PRELOADED = ("hypothesis.strategies", "hypothesis.internal.conjecture.engine", "scipy.optimize")
"""Slow to import and free of the core: imported once, before the fork."""
OPTIONS = ["-x", "--tb=no", "-p", "no:faulthandler", *PLUGINS]
OPTIONS += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what is preloaded


class Fate(StrEnum):
    """What became of a mutant."""

    INVALID = "does not compile"
    EQUIVALENT = "same object code as the original"
    DUPLICATE = "same object code as another"
    KILLED = "killed by the Python tests"
    TIMEOUT = "killed, never came back"
    SANITIZED = "killed by the sanitizer run"
    SURVIVED = "survived"


def judge(bench: Bench, number: int, mutant: Mutant, tests: list[str]) -> Fate:
    """The Python tests, stopping at the first that fails; a survivor then meets the sanitizers."""
    fate = _try_each(module_of(bench, number, mutant), tests)
    if fate is Fate.SURVIVED and _fails_sanitized(bench, number, mutant):
        return Fate.SANITIZED
    return fate


def preload() -> None:
    """For the process that will fork."""
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def check_original(bench: Bench, tests: list[str]) -> None:
    """RuntimeError unless the unchanged core passes in just this way."""
    module = bench.folder / "_native.abi3.so"
    link([bench.wrapper, *bench.plain.values()], module)
    if _try_each(module, tests) is not Fate.SURVIVED:
        raise RuntimeError(f"the unchanged core does not pass {tests}")


def _try_each(module: Path, tests: list[str]) -> Fate:
    """File by file: most mutants fall to the first, and the others need not be collected."""
    fates = (_try(module, test) for test in tests)
    return next((fate for fate in fates if fate is not Fate.SURVIVED), Fate.SURVIVED)


def _try(module: Path, test: str) -> Fate:
    """In a child, which may crash or hang."""
    child = os.fork()
    if child == 0:
        os._exit(_run_tests(module, test))
    watch = threading.Timer(WALL_LIMIT_S, os.kill, (child, signal.SIGKILL))
    watch.start()
    _, status = os.waitpid(child, 0)
    watch.cancel()
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return Fate.TIMEOUT
    return Fate.SURVIVED if code == pytest.ExitCode.OK else Fate.KILLED


def _run_tests(module: Path, test: str) -> int:
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ["RACKEDGE_TEST_CORE"] = str(module)
    os.environ["RACKEDGE_TEST_EXAMPLES"] = str(EXAMPLES)
    return int(pytest.main([*OPTIONS, test]))


def _fails_sanitized(bench: Bench, number: int, mutant: Mutant) -> bool:
    command = [str(fuzz_driver_of(bench, number, mutant)), str(FUZZ_SEEDS)]
    try:
        with bench.golden.open() as golden:
            done = subprocess.run(
                command, stdin=golden, capture_output=True, timeout=WALL_LIMIT_S, check=False
            )
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0
