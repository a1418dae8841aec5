# SPDX-License-Identifier: Apache-2.0
"""Power by two command lines: for whatever has a program of its own (uhubctl, a PDU, a relay)."""

import shlex
import subprocess
from typing import Annotated, Literal

from pydantic import Field

from edge.errors import ActuatorError
from hil.options import Options


class Settings(Options):
    """`on` and `off` are split as a shell splits them, but no shell runs them."""

    driver: Literal["command"]
    on: Annotated[str, Field(min_length=1)]
    off: Annotated[str, Field(min_length=1)]
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0


def on(settings: Settings) -> None:
    """Run `on`. Raises ActuatorError."""
    _run(settings.on, settings.timeout_s)


def off(settings: Settings) -> None:
    """Run `off`. Raises ActuatorError."""
    _run(settings.off, settings.timeout_s)


def _run(line: str, timeout_s: float) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - the command line of the user's own bench file
            shlex.split(line),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except (OSError, ValueError) as error:
        raise ActuatorError(
            f"power: `{line}` cannot be run ({error}): check the bench file"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ActuatorError(
            f"power: `{line}` has not ended within {timeout_s:g} s and was killed: let it go to "
            "the background, or give it a longer timeout_s"
        ) from error
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "it says nothing")[-300:]
        raise ActuatorError(f"power: `{line}` failed (exit {done.returncode}): {words}")
