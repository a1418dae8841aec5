# SPDX-License-Identifier: Apache-2.0
"""Where the recorded traces are: beside the checkout, or where RACKEDGE_DATA says."""

import os
from pathlib import Path

DATA = Path(
    os.environ.get("RACKEDGE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)
ABSENT = f"recorded traces are not at {DATA}; set RACKEDGE_DATA"


def power_traces() -> list[Path]:
    """Every recorded power trace, by name; empty if they are absent."""
    return sorted((DATA / "power").glob("*.csv"))
