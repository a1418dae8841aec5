# SPDX-License-Identifier: Apache-2.0
"""One run, second by second: what `--one SEED --verbose` prints."""

from collections import Counter
from dataclasses import asdict

from tests.storm.loop import Instant
from tests.storm.scenario import Scenario

HEAD = "    t s    A kW  B kW   A/In  B/In  thA   thB    demand  draw   caps   rules; events"


class Timeline:
    """A watcher for tests.storm.loop.run."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._events: list[str] = []
        self._shed_groups = 0

    def head(self) -> str:
        """What is going to happen."""
        parts = asdict(self._scenario)
        loads = parts.pop("loads")
        lines = [f"{key}: {value}" for key, value in parts.items()]
        lines += [f"load {i}: {load}" for i, load in enumerate(loads)]
        return "\n".join([*lines, HEAD])

    def __call__(self, now: Instant) -> None:
        """Print a line each second, and whenever something happens."""
        events = [*now.events, *(f"{note.what} {note.group}" for note in now.notes)]
        decision = now.decision
        if decision is not None and decision.shed_groups != self._shed_groups:
            self._shed_groups = decision.shed_groups
            events.append(f"host wants off {self._shed_groups:#b}")
        if events or now.now_ms % 1_000 == 0:
            print(self._line(now, events))

    def _line(self, now: Instant, events: list[str]) -> str:
        rack, decision = now.rack, now.decision
        feeds = zip(rack.feed_w, self._scenario.rating_w, strict=True)
        ratios = [watts / rating for watts, rating in feeds]
        caps_w = sum(decision.cap_mw) / 1000 if decision else float("nan")
        rules = Counter(rule.value for rule in decision.rule) if decision else Counter[str]()
        names = " ".join(f"{name}:{count}" for name, count in sorted(rules.items()))
        return (
            f"{now.now_ms / 1000:7.1f} {rack.feed_w[0] / 1000:7.2f}{rack.feed_w[1] / 1000:7.2f}"
            f" {ratios[0]:6.2f}{ratios[1]:6.2f} {rack.theta[0]:6.3f}{rack.theta[1]:6.3f}"
            f" {sum(rack.demand_w) / 1000:7.2f}{sum(rack.load_w) / 1000:7.2f}"
            f"{caps_w / 1000:7.2f}   {names}; {', '.join(events)}"
        )
