# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM: the breaker over a pseudo-random current.

import json

from firmware_py.decide.breaker import Breaker

breaker = Breaker(32_000, 1_130_000, 4_570, 5_000_000)
x, walk = 1, []
for _ in range(5000):
    x = (x * 1103515245 + 12345) & 0x7FFFFFFF
    breaker.step(x % 170_000)
    walk = [breaker.theta_ppm, breaker.ttt_ms(x % 170_000), *walk[:200]]
print(json.dumps({"walk": walk}))
