# SPDX-License-Identifier: Apache-2.0
"""What a run.json says about how to run it again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Earlier:
    """A run that was recorded."""

    source: str
    case: str
    device: str
    seed: int
    params: Mapping[str, str]
    digest: str | None


def replay_of(path: Path) -> Earlier:
    """Read a run.json, or the one in a run's folder. Raises ConfigError."""
    file = path / "run.json" if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        digest = document["digest"]
        return Earlier(
            source=str(document["source"]),
            case=str(document["case"]),
            device=str(document["device"]),
            seed=int(document["seed"]),
            params={},
            digest=None if digest is None else str(digest),
        )
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{file}: no record of a run ({error}): give a run.json that `rackedge hil run "
            "--report DIR` has written"
        ) from error
