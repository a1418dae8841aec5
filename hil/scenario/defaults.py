# SPDX-License-Identifier: Apache-2.0
"""The bench's own catalogue of faults and signals; imported late, they import all of the bench."""

from collections.abc import Mapping

from hil.scenario.context import FaultKind, SettableSignal


def default_catalogue() -> Mapping[str, FaultKind]:
    """Fault kinds by name: hil.faults.CATALOGUE."""
    from hil.faults import CATALOGUE  # noqa: PLC0415 - faults import this package's model

    return CATALOGUE


def default_settable() -> Mapping[str, SettableSignal]:
    """Signals that a stimulus can set: hil.plant.rack.SETTABLE."""
    from hil.plant.rack import SETTABLE  # noqa: PLC0415 - so that `list` stays quick

    return SETTABLE
