# SPDX-License-Identifier: Apache-2.0
"""200 scenarios of the storm, and proof that it can fail. The long run: python -m tests.storm."""

import gc
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings

from edge.caps import CapLedger
from edge.config import Config, parse_config
from edge.decide import Decider
from edge.readings import Snapshot
from edge.reason import Decision
from tests.storm.__main__ import main, shrink
from tests.storm.draw import CALM, scenario, scenarios, without
from tests.storm.loop import run
from tests.storm.outcome import Outcome, RowCheck, capping_was_enough
from tests.storm.scenario import Redundancy, Scenario, rack_text

BATCH = 20


@pytest.fixture(autouse=True, scope="module")
def quick_collections() -> Iterator[None]:
    """The firmware collects garbage at each boot; what stands already need not be looked at."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def report(outcome: Outcome) -> str:
    return f"--one {outcome.scenario.seed}: {'; '.join(outcome.problems)}"


@pytest.mark.parametrize("batch", range(9))
def test_no_scenario_trips_sheds_needlessly_or_exceeds_a_row(batch: int) -> None:
    runs = [run(scenario(seed)) for seed in range(batch * BATCH, (batch + 1) * BATCH)]
    assert [report(outcome) for outcome in runs if outcome.problems] == []


@settings(max_examples=20, derandomize=True)
@given(scenarios())
def test_nor_does_any_that_hypothesis_finds(chosen: Scenario) -> None:
    assert run(chosen).problems == ()


# The storm can fail


class Idle:
    """A host that decides and never writes."""

    def __init__(self, config: Config, seed: int) -> None:
        self._decider = Decider(config, seed)
        self.caps: CapLedger = self._decider.caps

    def decide(self, snapshot: Snapshot) -> Decision:
        return replace(self._decider.decide(snapshot), writes=(), shed_groups=0)


HARSH = [s for s in map(scenario, range(300)) if s.redundancy is Redundancy.NONE]


def tripped(outcomes: list[Outcome]) -> int:
    return sum(bool(outcome.trips_ms) for outcome in outcomes)


def test_without_caps_and_shedding_breakers_trip() -> None:
    kept = [s for s in HARSH if s.lost_feed is None]
    assert tripped([run(s, make_host=Idle, relays=False) for s in kept]) >= len(kept) // 4


def test_with_a_feed_lost_and_no_shedding_breakers_trip() -> None:
    lost = [s for s in HARSH if s.lost_feed is not None]
    assert tripped([run(s, relays=False) for s in lost]) >= 2


def test_without_caps_the_board_alone_holds_the_breaker_and_that_counts_as_needless() -> None:
    kept = [s for s in HARSH if capping_was_enough(s)]
    runs = [run(s, make_host=Idle) for s in kept]
    assert tripped(runs) == 0
    assert sum("although capping was enough" in report(outcome) for outcome in runs) >= 3


def reckless(config: Config, seed: int) -> Decider:
    """A host that believes in breakers half as large again."""
    feeds = tuple(f.model_copy(update={"breaker_a": f.breaker_a * 1.5}) for f in config.feeds)
    return Decider(config.model_copy(update={"feeds": feeds}), seed)


def test_overdraft_without_looking_at_the_breaker_is_caught() -> None:
    tight = [s for s in HARSH if capping_was_enough(s) and s.continuous_ratio == 1.0]
    assert tripped([run(s, make_host=reckless, relays=False) for s in tight]) >= 2
    assert sum(bool(run(s, make_host=reckless).problems) for s in tight) >= 2


def test_caps_above_a_row_are_seen() -> None:
    chosen = scenario(0)
    config = parse_config(rack_text(chosen))
    decision, rows = Decider(config).decide(Snapshot(0, None, (), ())), RowCheck(config)
    assert rows.excess_mw(decision) <= 0
    greedy = replace(decision, cap_mw=tuple(mw + 50_000 for mw in decision.cap_mw))
    assert rows.excess_mw(greedy) > 10_000
    excused = replace(greedy, absent=(True,) * len(greedy.absent))
    assert rows.excess_mw(excused) <= 0


# The storm itself


def test_a_seed_is_one_scenario_and_a_scenario_one_outcome() -> None:
    assert scenario(7) == scenario(7)
    assert run(scenario(7)) == run(scenario(7))


def test_every_trouble_occurs_and_can_be_taken_away() -> None:
    drawn = [scenario(seed) for seed in range(60)]
    for trouble in CALM:
        calmer = [without(s, frozenset({trouble})) for s in drawn]
        assert any(a != b for a, b in zip(drawn, calmer, strict=True)), trouble
        assert [without(s, frozenset({trouble})) for s in calmer] == calmer


def test_minimums_fit_what_is_promised() -> None:
    for seed in range(300):
        parse_config(rack_text(scenario(seed)))  # refuses minimums that do not fit


def test_capping_is_judged_only_where_it_can_be_enough() -> None:
    drawn = [scenario(seed) for seed in range(300)]
    judged = [s for s in drawn if capping_was_enough(s)]
    assert 60 <= len(judged) <= 200
    assert not any(s.hot_start or s.devices.odd is not None for s in judged)
    assert any(s.lost_feed is not None for s in judged)


def test_shrinking_keeps_the_failure() -> None:
    def shedding(full: Scenario) -> Outcome:
        return run(full, make_host=Idle, relays=False)

    worst = next(s for s in HARSH if shedding(s).trips_ms)
    smaller = shrink(worst, shedding)
    assert shedding(smaller).trips_ms
    assert sum(without(smaller, frozenset({t})) != smaller for t in CALM) <= 4


def test_the_command_line_tells_failing_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--count", "4", "--seed", "100", "--jobs", "1", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["categories"][0]["runs"] == 4
    assert code == bool(document["failures"])
    main(["--one", "100", "--verbose"])
    assert "max theta" in capsys.readouterr().out
