# SPDX-License-Identifier: Apache-2.0
"""A board's configuration: JSON as people write it, or the compiled file that a board reads."""

from pathlib import Path

from edge.errors import ConfigError
from firmware_py.store import config as store
from firmware_py.store.compile import compile_json


def read_binary(config: Path) -> bytes:
    """The compiled configuration of a JSON file, or a compiled file as it is.

    Raises ConfigError: one line per mistake, each with file and key.
    """
    data = config.read_bytes()
    if data.startswith(store.MAGIC):
        return data
    try:
        return bytes(compile_json(data)[0])
    except store.ConfigError as error:
        lines = str(error).splitlines()
        raise ConfigError("\n".join(f"{config}: {line}" for line in lines)) from error


def write_binary(config: Path) -> Path:
    """Compile a JSON file to the `.bin` beside it; a compiled file is its own."""
    binary = read_binary(config)
    target = config.with_suffix(".bin")
    if target != config:
        target.write_bytes(binary)
    return target
