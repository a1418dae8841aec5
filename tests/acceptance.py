# SPDX-License-Identifier: Apache-2.0
"""The product's promise, on the default workload and on every recorded trace, whole length.

    python -m tests.acceptance [--seconds N] [--runtime cpython]

Uncapped trips; rackedge never does; it serves at least what static caps serve everywhere and
1.20 times as much on the default workload; it runs at 50 times real time with the VM in the
loop. Prints one line a run; exit code 1 if a promise is broken.
"""

import argparse
import logging
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from hil.demo import DemoOptions, run_demo
from hil.result import DemoResult
from tests.data import ABSENT, power_traces

DEFAULT_GAIN = 1.20
"""Energy served on the default workload, rackedge ÷ static."""


def broken(result: DemoResult) -> list[str]:
    """The promises this run does not keep."""
    uncapped, ours = result.policies["uncapped"].metrics, result.policies["rackedge"].metrics
    least = DEFAULT_GAIN if result.trace == "generated" else 1.0
    checks = (
        (uncapped.trips > 0, "uncapped does not trip"),
        (ours.trips == 0, f"rackedge trips at {ours.first_trip_s} s"),
        (
            result.gain_over_static >= least,
            f"serves {result.gain_over_static:.4f} of static, promised {least}",
        ),
        (result.shed_events == 0, f"{result.shed_events} sheds where caps were enough"),
    )
    return [text for holds, text in checks if not holds]


def _timed(options: DemoOptions) -> tuple[DemoResult, float]:
    logging.getLogger("rackedge").addHandler(logging.NullHandler())  # it is in the run's events
    start = time.perf_counter()
    result = run_demo(options)
    return result, time.perf_counter() - start


def main() -> int:
    """Run all; 0 if every promise holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="cut every run to this length")
    parser.add_argument("--runtime", default="micropython", choices=("micropython", "cpython"))
    given = parser.parse_args()
    traces: list[Path | None] = [None, *power_traces()]
    if len(traces) == 1:
        sys.stderr.write(f"only the default workload: {ABSENT}\n")
    runs = [
        DemoOptions(trace=each, seconds=given.seconds, runtime=given.runtime, virtual=True)
        for each in traces
    ]
    failed = False
    with ProcessPoolExecutor(max_workers=2) as pool:
        for result, wall_s in pool.map(_timed, runs):
            problems = broken(result)
            failed = failed or bool(problems)
            uncapped = result.policies["uncapped"].metrics
            ours = result.policies["rackedge"].metrics
            sys.stdout.write(
                f"{'FAIL' if problems else 'ok':4} {result.trace:50} "
                f"uncapped trips at {uncapped.first_trip_s} s, "
                f"x static {result.gain_over_static:.3f}, "
                f"peak {ours.peak_utilisation:.3f}, served {ours.served_ratio:.3f}, "
                f"{result.caps_written} caps, {result.duration_s / wall_s:.0f} x real time"
                f"{': ' + '; '.join(problems) if problems else ''}\n"
            )
            sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
