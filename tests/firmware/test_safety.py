# SPDX-License-Identifier: Apache-2.0
"""Some lives of safety.py, and proof that its oracle can fail. The long run is its main()."""

import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py import channels as ch
from firmware_py.decide.currents import Currents
from firmware_py.decide.fans import Fans
from firmware_py.decide.groups import Groups
from firmware_py.decide.supervise import Supervisor
from firmware_py.link import messages as m
from firmware_py.store.intent import Intent
from tests.firmware.safety import Broken, Life

STEPS = 120


@pytest.fixture(autouse=True, scope="module")
def quick_collections():
    """The firmware collects garbage after each request; what stands already need not be seen."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 30))
def test_no_life_breaks_a_promise(seed):
    life = Life(seed).run(STEPS)
    assert life.app.act.outputs[ch.OUT_STATE] <= m.STATE_MAINT


def _many(count):
    for seed in range(count):
        Life(seed).run(STEPS)


def _sheds_all(_self):
    return 0xFFFF


def _fits_always(*_args):
    return 1000


def _never_rests(self, now_ms):
    for g in range(self.n):
        self._since_ms[g] = now_ms - 1_000_000
    return AGE(self, now_ms)


def _forgets_floors(self, rpm, _floor):
    return STEP(self, rpm, 0)


def _lets_go(self, now_ms, hazard, fault, leased, _clear):
    return SUPERVISE(self, now_ms, hazard and self.state != m.STATE_SAFE, fault, leased, True)


def _writes_nothing(*_args):
    return False


AGE, STEP, SUPERVISE = Groups.age, Fans.step, Supervisor.step
MUTANTS = {
    "never groups are shed": (Groups, "sheddable", _sheds_all),
    "no headroom is asked for": (Currents, "spare_ma", _fits_always),
    "no minimum off time": (Groups, "age", _never_rests),
    "floors are forgotten": (Fans, "step", _forgets_floors),
    "SAFE lets go by itself": (Supervisor, "step", _lets_go),
    "nothing outlives a reset": (Intent, "flush", _writes_nothing),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_oracle_sees_a_board_that(name, monkeypatch):
    monkeypatch.setattr(*MUTANTS[name])
    with pytest.raises(Broken):
        _many(40)
