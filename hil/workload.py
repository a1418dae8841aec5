# SPDX-License-Identifier: Apache-2.0
"""Generated AI load of a rack: two synchronous training jobs and some inference servers.

Power levels are of one 8-GPU server, AC side. Sources:
[1] Latif et al., "Empirical Measurements of AI Training Power Demand on a GPU-Accelerated Node",
    arXiv 2412.08602: 8xH100, rated 10.2 kW, 8.4 kW at most in training.
[2] Patel et al., "Characterizing Power Management Opportunities for LLMs in the Cloud", ASPLOS
    2024: training swings up to 37.5 % of provisioned power within 2 s; inference spikes in the
    prompt phase, then holds a lower decode plateau.
[3] Uptime Intelligence, "Electrical considerations with large AI compute": spikes and falls every
    second or two, nodes of a job in near unison.
[4] "The Illusion of Power Capping in LLM Decode" (2026): decode at 137..300 W of a 700 W H200.
[5] Llama 3 report: deep common drops at checkpoints, start and stop.
A value without a source is chosen to lie between those of its neighbours.
Times shrink with short runs, so that a minute shows starts, steps, checkpoints and a stop.
"""

import math
import random
from dataclasses import dataclass

from edge.errors import TraceError
from hil.trace import Trace

TICK_S = 0.1

MAX_W = 10_200
"""Rated power of a server [1]; nothing is above."""

IDLE_W = 2_000
"""Server up, GPUs idle: also where the recorded 8xH100 nodes idle."""

COMPUTE_W = 9_400
"""Forward and backward pass, between the 8.4 kW measured in [1] and the rating."""

COMMUNICATE_W = 6_700
"""Gradient exchange at the end of a step: 29 % down, inside the swings of [2]."""

COMMUNICATE_SHARE = 0.18
"""Part of a step spent there."""

CHECKPOINT_W = 3_000
"""GPUs wait for storage [5]."""

STEP_S = (1.4, 2.3)
"""Step period of the first and second job [3]."""

RAMP_S = 3.0
"""From idle to full power at a start (data loaders, warm-up)."""

DECODE_W = 4_400
"""Full decode batch: 8 x 300 W [4] on top of idle."""

PREFILL_W = 8_600
"""Compute-bound prompt phase [2]."""

PREFILL_S = 0.11
"""Server time of one prompt."""

DECODE_S = 6.0
"""Time a request spends decoding."""

BATCH = 40.0
"""Requests in decode at which decode power is full."""

ARRIVALS_PER_S = 3.5
"""Median request rate of a server; it wanders by a factor e^(+-WANDER)."""

WANDER = 0.75
"""Standard deviation of the log of the request rate."""

CHUNK_S = 0.8
"""Chunked prefill drains the prompt queue with this time constant."""

_INFERENCE_SHARE = 3 / 8
_FIRST_JOB_SHARE = 0.6
_WATTS = [float(watts) for watts in range(MAX_W + 1)]  # shared objects: a day fits in memory


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times of one training job, s."""

    start_s: float
    run_s: float
    """A run ends after this long; the next one starts after `gap_s`."""
    gap_s: float
    checkpoint_every_s: float
    checkpoint_s: float

    @classmethod
    def of(cls, seconds: float, job: int) -> "Schedule":
        """Times that show everything once in `seconds`; of natural length from about an hour."""
        every_s = _within(seconds * 0.4, 4.0, 600.0)
        run_s = _within(seconds * (0.92 - 0.12 * job), 6.0, 3600.0 * (1 + job))
        return cls(
            start_s=_within(seconds * 0.02, 0.3, 4.0) * (1 + 2 * job),
            run_s=run_s,
            gap_s=_within(run_s / 10, 1.0, 90.0),
            checkpoint_every_s=every_s * (1 + 0.25 * job),
            checkpoint_s=_within(every_s / 12, 1.0, 15.0),
        )


def generate(seconds: float, seed: int = 0, loads: int = 8) -> Trace:
    """Make a trace of `loads` servers at 100 ms, the same for the same arguments.

    Inference servers come first: columns further right are shed first, and of these kinds
    training is the one that waits.
    """
    if not 10 <= seconds <= 86_400:
        raise TraceError(f"workload of {seconds:g} s: give 10 s to 86400 s (a day)")
    if loads < 1:
        raise TraceError(f"workload of {loads} loads: give 1 or more")
    ticks = round(seconds / TICK_S) + 1
    serving = round(loads * _INFERENCE_SHARE)
    first = math.ceil((loads - serving) * _FIRST_JOB_SHARE)
    sizes = (first, loads - serving - first)
    columns = [_inference(ticks, _random(seed, f"infer{k}")) for k in range(serving)]
    names = [f"infer-{k + 1}" for k in range(serving)]
    for job, size in enumerate(sizes):
        profile = _training(ticks, Schedule.of(seconds, job), STEP_S[job], _random(seed, f"{job}"))
        for k in range(size):
            columns.append(_server(profile, _random(seed, f"{job}.{k}")))
            names.append(f"train-{'ab'[job]}{k + 1}")
    t_s = tuple(tick / 10 for tick in range(ticks))
    return Trace(
        f"generated:{seconds:g}s:seed{seed}", tuple(names), t_s, tuple(zip(*columns, strict=True))
    )


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _random(seed: int, what: str) -> random.Random:
    return random.Random(f"{seed}/{what}")  # noqa: S311 - reproducible load, not a secret


def _training(ticks: int, times: Schedule, step_s: float, draw: random.Random) -> list[float]:
    """Return the power of a job's average server, W per tick: ramp, steps, checkpoints, gaps."""
    profile: list[float] = []
    cycle_s = times.run_s + times.gap_s
    step_at_s = 0.0
    for tick in range(ticks):
        t = tick * TICK_S - times.start_s
        into_s = t % cycle_s
        if t < 0 or into_s >= times.run_s:
            profile.append(IDLE_W)
            continue
        while t >= step_at_s + step_s:
            step_at_s += step_s * draw.uniform(0.97, 1.03)
        checkpointing = into_s % times.checkpoint_every_s >= (
            times.checkpoint_every_s - times.checkpoint_s
        )
        in_step = (t - step_at_s) / step_s
        level = COMPUTE_W if in_step < 1.0 - COMMUNICATE_SHARE else COMMUNICATE_W
        level = CHECKPOINT_W if checkpointing else level
        ramp = min(into_s / RAMP_S, 1.0)
        profile.append(IDLE_W + (level - IDLE_W) * ramp)
    return profile


def _server(profile: list[float], draw: random.Random) -> list[float]:
    """One server of a job: its own efficiency within 4 %, and ripple within 1 %."""
    own = draw.uniform(0.96, 1.04)
    uniform = draw.uniform
    return [_WATTS[min(int(watts * own * uniform(0.99, 1.01)), MAX_W)] for watts in profile]


def _inference(ticks: int, draw: random.Random) -> list[float]:
    """One serving node: Poisson arrivals at a wandering rate, chunked prefill, then decode."""
    wander_s = 25.0
    pull = TICK_S / wander_s
    kick = WANDER * math.sqrt(2 * pull)
    log_rate = draw.gauss(0.0, WANDER)
    queue_s = decoding = 0.0
    powers: list[float] = []
    for _ in range(ticks):
        log_rate += kick * draw.gauss(0.0, 1.0) - pull * log_rate
        arrived = _poisson(ARRIVALS_PER_S * math.exp(log_rate) * TICK_S, draw)
        queue_s += arrived * PREFILL_S
        prefill = min(queue_s / CHUNK_S, 1.0)
        queue_s = min(queue_s - prefill * TICK_S, 4 * CHUNK_S)  # beyond this, requests go elsewhere
        decoding += prefill * TICK_S / PREFILL_S - decoding * TICK_S / DECODE_S
        decode_w = IDLE_W + (DECODE_W - IDLE_W) * min(decoding / BATCH, 1.0)
        watts = prefill * PREFILL_W + (1.0 - prefill) * decode_w
        powers.append(_WATTS[min(int(watts * draw.uniform(0.99, 1.01)), MAX_W)])
    return powers


def _poisson(mean: float, draw: random.Random) -> int:
    """Knuth's product method; `mean` is small here."""
    limit = math.exp(-mean)
    count = 0
    product = draw.random()
    while product > limit:
        count += 1
        product *= draw.random()
    return count
