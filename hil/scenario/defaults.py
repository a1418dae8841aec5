# SPDX-License-Identifier: Apache-2.0
"""The bench's own catalogue of faults and signals; imported late, they import all of the bench."""

from collections.abc import Mapping
from importlib import import_module

from hil.scenario.context import FaultKind, SettableSignal


def default_catalogue() -> Mapping[str, FaultKind]:
    """Fault kinds by name: hil.faults.CATALOGUE."""
    found: Mapping[str, FaultKind] = getattr(import_module("hil.faults"), "CATALOGUE", {})
    return found


def default_settable() -> Mapping[str, SettableSignal]:
    """Signals that a stimulus can set: hil.plant.rack.SETTABLE."""
    found: Mapping[str, SettableSignal] = getattr(import_module("hil.plant.rack"), "SETTABLE", {})
    return found
