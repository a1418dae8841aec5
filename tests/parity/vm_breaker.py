# SPDX-License-Identifier: Apache-2.0
# The breaker over 5,000 pseudo-random currents, folded into one number; runs on both runtimes.

import json

from firmware_py.decide.breaker import Breaker

MASK = (1 << 30) - 1


def folded():
    breaker = Breaker(32_000, 1_130_000, 4_570, 5_000_000)
    x, total = 1, 0
    for _ in range(5000):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        breaker.step(x % 170_000)
        total = (total * 31 + breaker.theta_ppm) & MASK
        total = (total * 31 + breaker.ttt_ms(x % 170_000)) & MASK
    return total


if __name__ == "__main__":
    print(json.dumps({"folded": folded()}))
