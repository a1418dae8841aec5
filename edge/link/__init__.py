# SPDX-License-Identifier: Apache-2.0
"""The link to one board: `Session` is the protocol without I/O, `open_transport` the bytes."""

from edge.link.dictionary import DictionaryCache, cache_directory
from edge.link.serial import Transport, open_transport
from edge.link.session import Session
from edge.link.states import State
from edge.link.stats import LinkStats

__all__ = [
    "DictionaryCache",
    "LinkStats",
    "Session",
    "State",
    "Transport",
    "cache_directory",
    "open_transport",
]
