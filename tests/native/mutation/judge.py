# SPDX-License-Identifier: Apache-2.0
"""One mutant before the tests, which are collected once: every mutant is one fork.

cffi's wrapper is loaded alone and its calls into the core are bound when first made. So a forked
child only has to load the changed core before it runs the tests; hence no test file may call the
core while it is imported (the dynamic linker would end the process, naming the call).
"""

import ctypes
import math
import os
import resource
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from tests.native.mutation.bench import Bench, core_of, fuzz_driver_of, place_of
from tests.native.mutation.mutants import Mutant
from tests.native.mutation.reach import EXAMPLES, PLUGINS

SLOWER = 4
CPU_SPARE_S = 0.5
"""A test that takes more CPU than so many times what it took on the unchanged core, and this, is
taken never to come back."""
WALL_LIMIT_S = 300
MEMORY_LIMIT_BYTES = 2 << 30
"""A decoder that consumes nothing makes its caller collect for ever."""
FUZZ_SEEDS = 400
DRIVER_CPU_S = 4
"""The driver takes a tenth of it."""
_PASSED, _FAILED, _BROKEN = range(3)


class Fate(StrEnum):
    """What became of a mutant."""

    INVALID = "does not compile"
    EQUIVALENT = "same object code as the original"
    DUPLICATE = "same object code as another"
    DRIVEN = "killed by the C driver"
    KILLED = "killed by the Python tests"
    TIMEOUT = "killed, never came back"
    SANITIZED = "killed by the sanitizer run"
    OPEN = "survived the C driver, not judged further"
    SURVIVED = "survived"


class Court:
    """pytest plugin: in place of running the tests, `hear` is called with those collected."""

    def __init__(self, hear: Callable[[list[pytest.Item]], None]) -> None:
        self._hear = hear

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._hear(session.items)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In a child: one failure is enough."""
        if report.failed:
            os._exit(_FAILED)


def convene(bench: Bench, files: list[str], hear: Callable[[list[pytest.Item]], None]) -> None:
    """Collect these test files on the wrapper alone and hand the tests to `hear`."""
    os.environ["RACKEDGE_TEST_CORE"] = str(bench.wrapper)
    os.environ["RACKEDGE_TEST_EXAMPLES"] = str(EXAMPLES)
    options = ["-s", "-p", "no:faulthandler", "--no-header", "--no-summary", "-qq", *PLUGINS]
    code = pytest.main([*options, *files], plugins=[Court(hear)])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"the tests could not be collected: {code!r}")


def drive(bench: Bench, number: int, mutant: Mutant) -> Fate:
    """The fuzz driver without sanitizers: golden vectors and fixed seeds, in milliseconds."""
    core = core_of(bench, number, mutant)
    return drive_core(bench, core)


def drive_core(bench: Bench, core: Path) -> Fate:
    """OPEN if the driver finds nothing."""
    with bench.golden.open() as golden:
        done = subprocess.run(
            [str(bench.driver), str(FUZZ_SEEDS)],
            stdin=golden,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"LD_LIBRARY_PATH": str(core.parent)},
            preexec_fn=_limit_driver,
            check=False,
        )
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return Fate.TIMEOUT
    return Fate.DRIVEN if done.returncode else Fate.OPEN


def _limit_driver() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (DRIVER_CPU_S, DRIVER_CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@dataclass(frozen=True, slots=True)
class Timed:
    """A test that was collected, and the CPU that it took on the unchanged core."""

    item: pytest.Item
    cpu_s: float


def is_property(item: pytest.Item) -> bool:
    """Is it one of hypothesis?"""
    return hasattr(getattr(item, "obj", None), "hypothesis")


def time_all(core: Path, items: Sequence[pytest.Item], folder: Path) -> list[Timed]:
    """The quickest first; RuntimeError if one fails on this core."""
    log = folder / "cpu.txt"
    every = [Timed(item, math.inf) for item in items]
    if trial(core, every, log) is not Fate.SURVIVED:
        raise RuntimeError("the unchanged core does not pass the tests")
    took = map(float, log.read_text().split())
    timed = [Timed(item, cpu_s) for item, cpu_s in zip(items, took, strict=True)]
    return sorted(timed, key=lambda each: each.cpu_s)


def judge(bench: Bench, number: int, mutant: Mutant, tests: Sequence[Timed]) -> Fate:
    """After `drive`: the tests up to the first that fails; a survivor then meets the sanitizers."""
    fate = trial(place_of(bench, number) / "core.so", tests)
    if fate is not Fate.SURVIVED:
        return fate
    return Fate.SANITIZED if _fails_sanitized(bench, number, mutant) else Fate.SURVIVED


def trial(core: Path, tests: Sequence[Timed], log: Path | None = None) -> Fate:
    """In a child, which may crash or hang; `log` gets the CPU of each test."""
    child = os.fork()
    if child == 0:
        os._exit(_run_quietly(core, tests, log))
    watch = threading.Timer(WALL_LIMIT_S, os.kill, (child, signal.SIGKILL))
    watch.start()
    _, status = os.waitpid(child, 0)
    watch.cancel()
    code = os.waitstatus_to_exitcode(status)
    if code == _BROKEN:
        raise RuntimeError("the tests could not be run")
    if code in (-signal.SIGPROF, -signal.SIGKILL):
        return Fate.TIMEOUT
    return Fate.SURVIVED if code == _PASSED else Fate.KILLED


def _run_quietly(core: Path, tests: Sequence[Timed], log: Path | None) -> int:
    """Nobody wants to read how a mutant died; but a fault of ours is shown."""
    null, shown = os.open(os.devnull, os.O_RDWR), os.dup(2)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        took = _run_tests(core, tests)
        if log is not None:
            log.write_text("\n".join(map(str, took)))
    except BaseException:
        os.dup2(shown, 2)
        traceback.print_exc()
        return _BROKEN
    return _PASSED


def _run_tests(core: Path, tests: Sequence[Timed]) -> list[float]:
    """The CPU of each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(str(core), mode=ctypes.RTLD_GLOBAL)
    took = []
    for test, following in zip(tests, [*tests[1:], None], strict=True):
        limit_s = SLOWER * test.cpu_s + CPU_SPARE_S
        signal.setitimer(signal.ITIMER_PROF, 0 if math.isinf(limit_s) else limit_s)
        before_s = time.process_time()
        item, after = test.item, None if following is None else following.item
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        took.append(time.process_time() - before_s)
    return took


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
