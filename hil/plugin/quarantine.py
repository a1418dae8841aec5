# SPDX-License-Identifier: Apache-2.0
"""Tests that are known to fail, for a reason, until a date."""

from datetime import date

import pytest


def judge(report: pytest.TestReport, marker: pytest.Mark) -> None:
    """Turn a failure into an expected one until the marker's date; after it, say that it is over.

    A test that passes is left alone: there is nothing to excuse."""
    try:
        reason, until = terms(marker)
    except ValueError:
        return  # it has failed for that
    if date.today() > until:
        said = f"the quarantine ended on {until} ({reason}): mend the test, or set a new day"
        report.sections.append(("quarantine", said))
    else:
        report.outcome = "skipped"
        report.wasxfail = f"quarantined until {until}: {reason}"


def terms(marker: pytest.Mark) -> tuple[str, date]:
    """Reason and last day. Raises ValueError for a marker without them."""
    given = dict(zip(("reason", "until"), marker.args, strict=False))
    stated = {**given, **marker.kwargs}
    try:
        reason, until = str(stated["reason"]), date.fromisoformat(str(stated["until"]))
    except (KeyError, ValueError):
        reason = ""
    if not reason.strip():
        raise ValueError(
            "quarantine needs a reason and a date: quarantine('why', until='2027-01-31')"
        )
    return reason, until
