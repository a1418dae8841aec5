# SPDX-License-Identifier: Apache-2.0
"""Combinations: the smallest one that fails is found; random ones can all be made."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ConfigError
from firmware_py.channels import IN_FEED_A_MA, IN_FEED_A_MW
from hil.faults import CATALOGUE
from hil.faults.combine import shrink
from hil.faults.draw import DRAWS, Range, draw, kinds_for
from hil.faults.schedule import make, parameters
from hil.ports import CAPABILITIES, HEAP_SIZE, LINE, STIMULUS
from tests.hil.faults_rig import Options, run, spec_of

EVERY = [spec_of(kind) for kind in sorted(CATALOGUE) if kind.startswith(("link.", "power."))]
WHOLE = Range(
    loads=4,
    groups=2,
    fans=2,
    parts=frozenset(("liquid", "bbu", "frequency")),
    capabilities=frozenset(CAPABILITIES) - {HEAP_SIZE},
)
"""All but what only the VM has."""


@settings(max_examples=60, deadline=None)
@given(
    guilty=st.sets(st.integers(0, len(EVERY) - 1), min_size=1, max_size=4), seed=st.integers(0, 99)
)
def test_exactly_the_guilty_ones_are_left(guilty, seed):
    specs = EVERY[:]
    random.Random(seed).shuffle(specs)
    kinds = {EVERY[i].kind for i in guilty}
    found = shrink(specs, lambda some: kinds <= {s.kind for s in some}, most_runs=500)
    assert {s.kind for s in found.specs} == kinds
    assert found.complete
    assert found.runs <= 500


@settings(max_examples=40, deadline=None)
@given(
    bad=st.sets(
        st.frozensets(st.integers(0, len(EVERY) - 1), min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    ),
    most=st.integers(1, 200),
)
def test_what_is_left_fails_and_needs_each_of_its_faults(bad, most):
    asked = []

    def fails(some):
        asked.append(1)
        here = {s.kind for s in some}
        return any({EVERY[i].kind for i in each} <= here for each in bad)

    found = shrink(EVERY, fails, most)
    assert len(asked) == found.runs <= most
    assert fails(found.specs)
    if found.complete:
        for i in range(len(found.specs)):
            assert not fails([*found.specs[:i], *found.specs[i + 1 :]])


def test_length_and_severity_are_halved_while_it_still_fails():
    spec = spec_of("sensor.bias", for_s=16, target="inlet_mc", by=8000)
    found = shrink(
        [spec, spec_of("mcu.hang")],
        lambda some: any(s.kind == spec.kind and s.for_ms > 1500 and s.values["by"] > 900
                         for s in some),
    )  # fmt: skip
    (least,) = found.specs
    assert (least.for_ms, least.values["by"]) == (2000, 1000)
    assert found.text == "sensor.bias target=inlet_mc by=1000 at 3000 ms for 2000 ms"


def test_a_severity_stays_in_its_range():
    found = shrink([spec_of("mcu.brownout_loop", times=8)], bool)
    assert found.specs[0].values["times"] == 2
    parameters(found.specs[0])


def test_two_faults_of_one_kind_are_told_apart():
    specs = [spec_of("link.drop", at_s=t) for t in range(4)]
    found = shrink(specs, lambda some: {0, 3000} <= {s.at_ms for s in some})
    assert [s.at_ms for s in found.specs] == [0, 3000]


def test_a_run_that_fails_by_itself_needs_no_fault():
    found = shrink(EVERY, lambda _some: True)
    assert (found.specs, found.runs, found.complete) == ((), 2, True)


def test_a_combination_that_holds_is_refused():
    with pytest.raises(ConfigError, match="nothing to shrink"):
        shrink(EVERY, lambda _some: False)


def test_when_the_runs_are_used_up_the_best_so_far_is_given():
    found = shrink(EVERY, lambda some: {"link.drop", "power.inrush"} <= {s.kind for s in some}, 12)
    assert not found.complete
    assert found.runs == 12
    assert {"link.drop", "power.inrush"} <= {s.kind for s in found.specs}
    assert len(found.specs) < len(EVERY)


def test_a_real_failure_is_shrunk_on_the_bench(tmp_path):
    """The board believes in less than half of the current that feed A carries."""
    specs = [
        spec_of("thermal.inlet_rise", at_s=1, for_s=4, by_k=2.0),
        spec_of("data.feed_power_low", at_s=1, for_s=4, feed="a", shown=0.6),
        spec_of("link.drop", at_s=1, for_s=4, probability=0.2),
        spec_of("sensor.gain", at_s=1, for_s=4, target="feed_a_m[wa]", factor=0.7),
        spec_of("mcu.hang", at_s=2, for_s=4, ms=500),
    ]
    truth = run(tmp_path, Options(), seconds=3).series(IN_FEED_A_MW, 2, 3)[-1]

    def fails(some):
        rig = run(tmp_path, Options(), some, seconds=3)
        return rig.series(IN_FEED_A_MW, 2.5, 3)[-1] < 0.5 * truth and (
            rig.series(IN_FEED_A_MA, 2.5, 3)[-1] > 0
        )

    found = shrink(specs, fails, most_runs=40)
    assert [s.kind for s in found.specs] == ["data.feed_power_low", "sensor.gain"]
    assert found.complete
    assert fails(found.specs)


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_kind_can_be_drawn_with_parameters_in_their_ranges(kind):
    of = replace(WHOLE, capabilities=frozenset(CAPABILITIES))
    assert kind in kinds_for(of)
    for seed in range(20):
        values = DRAWS[kind](random.Random(seed), of) if kind in DRAWS else {}
        spec = spec_of(kind, **values)
        make(spec, seed, 0)


def test_a_combination_is_within_the_run_and_of_different_kinds():
    for seed in range(30):
        specs = draw(random.Random(seed), 5, WHOLE)
        assert len({s.kind for s in specs}) == 5
        for spec in specs:
            assert 0 < spec.at_ms < WHOLE.duration_ms
            assert spec.at_ms % 100 == spec.for_ms % 100 == 0 < spec.for_ms
        assert specs == draw(random.Random(seed), 5, WHOLE)


def test_only_what_rack_and_device_can_have_is_drawn():
    kinds = kinds_for(Range(capabilities=frozenset((STIMULUS, LINE))))
    assert not {"mcu.reset", "host.kill", "thermal.leak", "power.bbu_fail"} & set(kinds)
    assert {"sensor.open", "link.drop", "thermal.inlet_rise"} <= set(kinds)
    assert {k.split(".")[0] for k in kinds_for(WHOLE, ("link", "mcu"))} == {"link", "mcu"}


@pytest.mark.parametrize("seed", range(12))
def test_a_random_combination_runs_and_leaves_the_bench_clean(seed, tmp_path):
    of = replace(WHOLE, duration_ms=6000)
    layers = ("sensor", "actuator", "link", "power", "thermal", "mcu", "data")
    specs = draw(random.Random(seed), 6, of, layers)
    rig = run(tmp_path, Options(noise=0.003, seed=seed, host="daemon"), specs, seconds=9)
    assert len(rig.injector.spans) == 6
    assert rig.injector.active == ()
    assert rig.ports.sensors == [] == rig.ports.actuators
    assert rig.ports.up.filters == [] == rig.ports.down.filters
    assert rig.bench.cable.plugged
