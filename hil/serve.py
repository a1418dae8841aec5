# SPDX-License-Identifier: Apache-2.0
"""An emulated rack to point a daemon at: `python -m hil.serve --directory DIR`.

Real firmware on the MicroPython VM behind a pty, a Redfish front-end on loopback, a plant that
obeys both in real time. Writes DIR/rack.toml, ready for `rackedge run --config DIR/rack.toml`,
and prints a line a second until Ctrl-C or --seconds.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from edge.board_events import STATE_NAMES
from edge.errors import EdgeError, LinkError
from firmware_py.channels import OUT_STATE
from hil.demo import DemoOptions, sized, workload
from hil.engine.virtual import TICK_MS
from hil.live import LiveRack
from hil.plant.rack import Rack
from hil.policies import time_to_trip_s
from hil.rackfile import board_json
from hil.trace import Demand
from hil.unwind import unwinding

PRINT_MS = 1000
STABLE_MS = 500
"""A board that ran for so long is worth booting again."""


def serve(
    directory: Path,
    options: DemoOptions,
    seconds: float,
    each_tick: Callable[[int, LiveRack], None] = lambda _now_ms, _rack: None,
) -> LiveRack:
    """Run the rack in real time; returns it, closed, with its record."""
    demand, _ = workload(options)
    spec = sized(options, demand)
    directory.mkdir(parents=True, exist_ok=True)
    config = directory / "board.json"
    config.write_text(board_json(spec), encoding="utf-8")
    plant = Rack(spec, Demand(demand))
    rack = LiveRack(plant, config, options.runtime, directory, options.control)
    try:
        (directory / "rack.toml").write_text(rack.toml(), encoding="utf-8")
        started, booted_ms = time.monotonic(), 0
        for tick in range(1, round(seconds * 1000 / TICK_MS) + 1):
            now_ms = tick * TICK_MS
            time.sleep(max(0.0, started + now_ms / 1000 - time.monotonic()))
            booted_ms = _tick(rack, now_ms, booted_ms)
            each_tick(now_ms, rack)
    finally:
        rack.close()
    return rack


def _tick(rack: LiveRack, now_ms: int, booted_ms: int) -> int:
    """One step; a board that died is booted again, as a watchdog would. Returns when it booted.

    Raises LinkError if it died within STABLE_MS: that does not get better by booting.
    """
    try:
        rack.step_to(now_ms)
    except LinkError as error:
        if now_ms - booted_ms < STABLE_MS:
            raise
        rack.reboot_board()
        sys.stdout.write(f"{now_ms / 1000:6.0f} s  {error}; booted again, boot {rack.boots}\n")
        sys.stdout.flush()
        return now_ms
    return booted_ms


def _print(now_ms: int, rack: LiveRack) -> None:
    if now_ms % PRINT_MS:
        return
    racked = rack.rack
    utilisation = max(
        w / feed.rating_w for w, feed in zip(racked.feed_w, racked.spec.feeds, strict=True)
    )
    state = STATE_NAMES.get(rack.board.outputs[OUT_STATE], "?")
    ttt_s = time_to_trip_s(racked)
    sys.stdout.write(
        f"{now_ms / 1000:6.0f} s  board {state:8}  feed {100 * utilisation:4.0f} %  "
        f"time to trip {ttt_s:6.1f} s  trips {racked.trips}\n"
    )
    sys.stdout.flush()


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m hil.serve", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--directory", type=Path, required=True, help="for rack.toml and the port")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--trace", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--oversubscription", type=float, default=1.5)
    given = parser.parse_args()
    options = DemoOptions(
        trace=given.trace,
        seconds=given.seconds,
        seed=given.seed,
        oversubscription=given.oversubscription,
    )
    sys.stdout.write(f"rackedge run --config {given.directory / 'rack.toml'}\n")
    try:
        with unwinding():
            serve(given.directory, options, given.seconds, _print)
    except EdgeError as error:
        sys.stderr.write(f"hil.serve: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"hil.serve: {error}: choose another --directory\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
