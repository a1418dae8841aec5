# SPDX-License-Identifier: Apache-2.0
# The firmware's breaker over golden steps and over pseudo-random currents; runs on both runtimes.
#
#     vm_breaker.py FILE    FILE: JSON {"family": .., "cases": [..]}

import json
import sys

from firmware_py.decide.breaker import TICK_MS, Breaker

MASK = (1 << 30) - 1


def breaker_of(rating_ma, family):
    return Breaker(rating_ma, family["mnt_ppm"], family["tau_fast_ms"], family["magnetic_low_ppm"])


# [theta_ppm, ttt_ms] after each golden step. What is not whole ticks is carried for a tick more
# if that heats, not at all if it cools: either is the safe side.
def walked(case, family):
    breaker = breaker_of(case["rating_ma"], family)
    breaker.theta_ppm = case["theta_ppm"]
    told = []
    for step in case["steps"]:
        current_ma = step["current_ma"]
        ticks = step["dt_ms"] // TICK_MS
        if step["dt_ms"] % TICK_MS and breaker.heating_ppm(current_ma) > breaker.theta_ppm:
            ticks += 1
        for _ in range(ticks):
            breaker.step(current_ma)
        told.append([breaker.theta_ppm, breaker.ttt_ms(current_ma)])
    return told


# 5,000 currents folded into one number.
def folded(family):
    breaker = breaker_of(32_000, family)
    x, total = 1, 0
    for _ in range(5000):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        breaker.step(x % 170_000)
        total = (total * 31 + breaker.theta_ppm) & MASK
        total = (total * 31 + breaker.ttt_ms(x % 170_000)) & MASK
    return total


def answer(asked):
    family = asked["family"]
    return {"walked": [walked(case, family) for case in asked["cases"]], "folded": folded(family)}


if __name__ == "__main__":
    with open(sys.argv[1]) as file:  # noqa: PTH123 - a board has no pathlib
        print(json.dumps(answer(json.load(file))))
