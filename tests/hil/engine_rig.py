# SPDX-License-Identifier: Apache-2.0
"""Cases without files, and their runs, for the tests of the engine."""

from contextlib import contextmanager

from hil.devices import source_of
from hil.plant.options import RackOptions
from hil.scenario.model import Case, Check, FaultSpec, Measure, Stimulus, Where
from hil.scenario.options import BoardOptions, HostOptions

HERE = Where("rig.yaml", 1)


def case(seconds=10.0, *, host="none", name="case", **more):
    """A case; `rack`, `board` and `host` as a scenario has them."""
    host = {"kind": host} if isinstance(host, str) else host
    return Case(
        name=name,
        scenario=name,
        title="of a test",
        source="rig.yaml",
        covers=(),
        needs=frozenset(),
        params=more.pop("params", {}),
        seed=more.pop("seed", 1),
        duration_ms=round(seconds * 1000),
        rack=RackOptions.model_validate(more.pop("rack", {})),
        board=BoardOptions.model_validate(more.pop("board", {})),
        host=HostOptions.model_validate(host),
        **more,
    )


def demand(ratio):
    return Stimulus("demand_ratio", "hold", {"to": ratio}, HERE)


def fault(kind, at_s=None, for_s=None, when=None, **values):
    at_ms = None if at_s is None else round(at_s * 1000)
    for_ms = None if for_s is None else round(for_s * 1000)
    return FaultSpec(kind, values, HERE, at_ms=at_ms, when=when, for_ms=for_ms)


def always(expr):
    return Check("always", expr, {"expr": expr}, HERE)


def ends(expr):
    return Check("ends", expr, {"expr": expr}, HERE)


def measure(expr, **limits):
    return Measure(expr, expr, "", HERE, **limits)


@contextmanager
def running(the_case, directory, device="cpython"):
    """A run that the test steps itself."""
    run = source_of(device).make_run(the_case, directory)
    try:
        yield run
    finally:
        run.close()


def whole(the_case, directory, device="cpython"):
    """The result of a case, run to its end."""
    with running(the_case, directory, device) as run:
        while not run.done:
            run.tick()
        return run.finish()


def go(run, seconds):
    for _ in range(round(seconds * 10)):
        run.tick()


def last(run, signal):
    return run.record.signal(signal)[-1]
