# SPDX-License-Identifier: Apache-2.0
"""Making the key of a board; `edge.link.auth.read_key` reads it."""

import os
import secrets
from pathlib import Path

from edge.errors import ConfigError
from edge.link.auth import KEY_BYTES


def new_key(path: Path) -> None:
    """Make a key file, readable by its owner alone. Raises ConfigError; overwrites nothing."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            f"{path}: is there already, and a key that is lost locks its board: choose another name"
        ) from None
    except OSError as bad:
        raise ConfigError(f"{path}: {bad.strerror}: choose another place") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
