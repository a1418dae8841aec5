# SPDX-License-Identifier: Apache-2.0
"""24 virtual hours of a whole board on the MicroPython VM, as the bytecode that boards carry.

    python -m tests.firmware.day [--hours 24] [--requests 4]

The host asks without a pause; at 115 200 baud and 20 ms of its own per answer that is 4 requests
per tick. Something breaks every two minutes.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.firmware import worlds
from tests.firmware.vm import compile_firmware, run_script

TICKS_PER_HOUR = 36_000
REQUESTS_PER_TICK = 4


def run(folder: Path, ticks, requests=REQUESTS_PER_TICK, timeout=60):
    """What the day was like; `folder` holds the bytecode."""
    config = worlds.write(folder, "everything", worlds.EVERYTHING)
    names = worlds.write_names(folder)
    script = "tests/firmware/vm_day.py"
    return run_script(script, config, names, ticks, requests, firmware=folder, timeout=timeout)


def problems(day):
    """What must not be: [] is a good day."""
    bad = [name for name in ("missed", "unhealthy", "ticks_over_100_ms", "rx_errors") if day[name]]
    if day["answers"] != day["requests"]:
        bad.append("answers")
    if day["free_after"] != day["free_before"]:
        bad.append("free_after")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--requests", type=int, default=REQUESTS_PER_TICK)
    given = parser.parse_args()
    ticks = round(given.hours * TICKS_PER_HOUR)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        compile_firmware(folder)
        day = run(Path(folder), ticks, given.requests, timeout=6 * 3600)
    taken_s = time.monotonic() - began
    day["ticks_per_s"] = round(ticks / taken_s)
    for name, value in day.items():
        sys.stdout.write(f"{name:>20}  {value}\n")
    bad = problems(day)
    sys.stdout.write(f"{'problems':>20}  {', '.join(bad) or 'none'}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
