# SPDX-License-Identifier: Apache-2.0
"""A plant behind front-ends, stepped by the test."""

import os
import shutil

import pytest

from hil.frontends.base import LowestCap
from hil.plant import Rack, RackSpec
from hil.trace import Trace

STEP_MS = 100


class Steady:
    """Two loads that want 8 kW each."""

    def at(self, _t_ms):
        return (8000.0, 8000.0)


def make_rack():
    rows = ((2000.0, 2000.0), (8000.0, 8000.0))
    return Rack(RackSpec.for_trace(Trace("t", ("a", "b"), (0.0, 1.0), rows), 1.0), Steady())


def follow(rack, *frontends, steps=40):
    """Run the plant under the caps of its front-ends; 40 steps let a cap settle."""
    caps = LowestCap(frontends)
    for _ in range(steps):
        for cap in caps.take():
            rack.set_cap(*cap)
        rack.step(STEP_MS)
        for frontend in frontends:
            frontend.refresh(rack.now_ms, rack.load_w)


def need(program):
    """The path of a program; without it the test is skipped, and in CI it fails."""
    path = shutil.which(program)
    if path is None:
        message = f"{program} is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path
