# SPDX-License-Identifier: Apache-2.0
"""One random rack, its troubles and the hour of its feed loss: all of it from one integer.

`Scenario` only says what will happen; tests.storm.draw invents one from a seed.
"""

from dataclasses import dataclass
from enum import StrEnum

TICK_MS = 100
VOLTS_PER_AMP_PHASES = 690.0
"""W per A of a feed: three phases of 230 V, power factor 1."""
TARGET_RATIO = 0.95
"""What the caps may use of a limit (the default of rack.toml)."""
LEAD_IN_MS = 6_000
"""The rack idles so long at first: the host's first caps are in force by then."""


class Redundancy(StrEnum):
    """What the host promises about the loss of a feed."""

    NONE = "none"  # nothing: the board sheds
    STRICT = "strict"  # the survivor stays within its rating at once
    REACTIVE = "reactive"  # capping is faster than the survivor's breaker


class Pattern(StrEnum):
    """Shapes of demand; tests.storm.demand draws them."""

    STEPS = "steps"  # all together, idle to maximum and back
    SQUARE = "square"  # the same, fast: near the control period or a time constant
    RAMPS = "ramps"
    ASLEEP = "asleep"  # idle until the caps are dealt anew, then all at once
    SWAP = "swap"  # a few are high while the others idle, then the other way round
    AMBUSH = "ambush"  # modest, until just after the feed loss
    WALK = "walk"  # each for itself


@dataclass(frozen=True, slots=True)
class Load:
    """One server; W of AC input."""

    max_w: float
    floor_w: float
    """Lowest cap it obeys."""
    idle_w: float
    share_a: float
    """1 or 0: single-fed, dark without its feed."""
    weight: int
    priority: int
    group: int


@dataclass(frozen=True, slots=True)
class Phase:
    """A shape of demand from `start_ms` to the next phase."""

    start_ms: int
    pattern: Pattern
    period_ms: int
    duty: float
    """Part of the period that is high."""
    depth: float
    """How high: 1 is each load's maximum."""


@dataclass(frozen=True, slots=True)
class Line:
    """The link of board and host; both directions are alike."""

    delay_ms: int = 0
    loss: float = 0.0
    """Probability that one message does not arrive."""
    bursts: tuple[tuple[int, int], ...] = ()
    """(from ms, to ms): nothing arrives."""


@dataclass(frozen=True, slots=True)
class Devices:
    """How servers answer cap writes."""

    dead_s: float = 0.2
    tau_s: float = 0.25
    ack_ms: int = 0
    """Longest time from a write to its end; it takes 30 to 100 % of it."""
    lost_writes: float = 0.0
    """Probability that a write ends with an error; half of these did arrive."""
    odd: int | None = None
    """Load that says yes and does not obey, or not at once."""
    odd_from_ms: int = 0
    odd_late_ms: int = 0
    """It obeys so much later; 0: never."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Errors of what the board measures."""

    gain_error: float = 0.0
    """Class: each channel is wrong by a constant factor up to 1 +- this."""
    noise: float = 0.0
    """Half-width of what changes in each reading."""
    quantum_mw: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that happens in one run, and to which rack."""

    seed: int
    length_ms: int
    loads: tuple[Load, ...]
    rating_w: tuple[float, float]
    """Of the breakers of feeds A and B."""
    continuous_ratio: float
    never: frozenset[int]
    """Groups that are never shed."""
    redundancy: Redundancy
    overdraft: float
    fans_w: float
    """Uncontrolled: the fan wall at full speed."""
    theta: tuple[float, float]
    phases: tuple[Phase, ...]
    hot_start: bool
    """No lead-in: full demand meets a rack without caps."""
    lost_feed: int | None
    lost_ms: int
    back_ms: int | None
    line: Line
    devices: Devices
    meter: Meter

    @property
    def groups(self) -> int:
        """Relay groups, whether or not every number is used."""
        return 1 + max(load.group for load in self.loads)

    @property
    def limit_w(self) -> tuple[float, float]:
        """What each feed may carry continuously."""
        return self.rating_w[0] * self.continuous_ratio, self.rating_w[1] * self.continuous_ratio


def share(load: Load, feed: int, lost: int | None = None) -> float:
    """Part of the load's power that `feed` carries while `lost` is dead."""
    mine = load.share_a if feed == 0 else 1 - load.share_a
    if lost is None:
        return mine
    return 0.0 if feed == lost or mine == 0.0 else 1.0


SETTLED_TAUS = 3.5
"""A first-order lag is within 3 % of its end after so many time constants; what a technician
measures at commissioning, and writes down as settle_s until the daemon has learned better."""


def rack_text(scenario: Scenario) -> str:
    """The scenario's rack.toml. Tells the host nothing of the troubles to come."""
    devices = scenario.devices
    settle_s = devices.ack_ms / 1000 + devices.dead_s + SETTLED_TAUS * devices.tau_s
    text = [
        '[rack]\nname = "storm"\n[board]\nport = "loop://"\n[control]\n'
        f'redundancy = "{scenario.redundancy}"\noverdraft_fraction = {scenario.overdraft}\n'
        f"settle_s = {max(0.5, settle_s):.1f}\n"
    ]
    for name, rating_w in zip("AB", scenario.rating_w, strict=True):
        text.append(
            f'[[feeds]]\nname = "{name}"\nbreaker_a = {rating_w / VOLTS_PER_AMP_PHASES:.4f}\n'
            f"continuous_ratio = {scenario.continuous_ratio}\n"
        )
    for i, load in enumerate(scenario.loads):
        shares = {"A": load.share_a, "B": 1 - load.share_a}
        feeds = ", ".join(f"{name} = {part:.4f}" for name, part in shares.items() if part)
        text.append(
            f'[[loads]]\nname = "n{i}"\nchannel = {i}\nmin_w = {load.floor_w:.1f}\n'
            f"max_w = {load.max_w:.1f}\npriority = {load.priority}\nweight = {load.weight}\n"
            f"group = {load.group}\nfeeds = {{ {feeds} }}\n"
            'actuator = { kind = "dryrun" }\n'
        )
    return "".join(text)
