# SPDX-License-Identifier: Apache-2.0
"""What a run.json says about how to run it again."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.errors import ConfigError

IDLE = ("command",)
"""Parts of the environment that have no say in the record."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A run that was recorded."""

    source: str
    case: str
    device: str
    seed: int
    params: Mapping[str, str]
    """As they were given on the command line."""
    bench: Path | None
    firmware: Path | None
    allow_destructive: bool
    digest: str | None
    """None: in real time."""
    environment: Mapping[str, str]

    def other_than(self, now: Mapping[str, str]) -> str:
        """What of the environment is not as it was; empty if all is."""
        keys = sorted((self.environment.keys() | now.keys()) - set(IDLE))
        return "; ".join(
            f"{key} is {now.get(key, 'unknown')}, was {self.environment.get(key, 'unknown')}"
            for key in keys
            if now.get(key) != self.environment.get(key)
        )


def replay_of(path: Path) -> Earlier:
    """Read a run.json, or the one in a run's folder. Raises ConfigError."""
    file = path / "run.json" if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        command = str(document["replay"])
        earlier = _earlier(document, _Words(command))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise ConfigError(f"{file} cannot be read ({reason}): check its name") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{file}: no record of a run ({error!r}): give a run.json that `rackedge hil run "
            "--report DIR` has written"
        ) from error
    if "--combine=" in command:
        raise ConfigError(f"{file} is of a combination of faults: run it again with `{command}`")
    if document["verdict"] == "SKIP":
        raise ConfigError(f"{file} is of a case that did not run: there is nothing to repeat")
    return earlier


class _Words:
    """Options of a command line that hil.session.SessionOptions.command has written."""

    def __init__(self, command: str) -> None:
        self.words = shlex.split(command)

    def all(self, option: str) -> list[str]:
        """Each value of an option."""
        first = f"{option}="
        return [word.removeprefix(first) for word in self.words if word.startswith(first)]

    def path(self, option: str) -> Path | None:
        """The value of an option that names a file."""
        return next((Path(each) for each in self.all(option)), None)


def _earlier(document: Any, words: _Words) -> Earlier:
    return Earlier(
        source=str(document["source"]),
        case=str(document["case"]),
        device=str(document["device"]),
        seed=int(document["seed"]),
        params=dict(each.partition("=")[::2] for each in words.all("--param")),
        bench=words.path("--bench"),
        firmware=words.path("--firmware"),
        allow_destructive="--allow-destructive" in words.words,
        digest=None if document["digest"] is None else str(document["digest"]),
        environment={str(k): str(v) for k, v in dict(document["environment"]).items()},
    )
