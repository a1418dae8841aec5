# SPDX-License-Identifier: Apache-2.0
"""Tests that are known to fail, for a reason, until a date."""

from datetime import date

import pytest


def judge(report: pytest.TestReport, marker: pytest.Mark) -> None:
    """Turn a failure into an expected one before the marker's date; after it, say so."""
    reason, until = _terms(marker)
    expired = date.today() > until
    if expired:
        report.outcome = "failed"
        report.longrepr = f"the quarantine ended on {until} ({reason}): mend the test or extend it"
    elif report.failed:
        report.outcome = "skipped"
        report.wasxfail = f"quarantined until {until}: {reason}"


def _terms(marker: pytest.Mark) -> tuple[str, date]:
    """Raises pytest.UsageError for a marker without reason or date."""
    given = dict(zip(("reason", "until"), marker.args, strict=False))
    terms = {**given, **marker.kwargs}
    try:
        return str(terms["reason"]), date.fromisoformat(str(terms["until"]))
    except (KeyError, ValueError) as error:
        raise pytest.UsageError(
            "quarantine needs a reason and a date: quarantine('why', until='2027-01-31')"
        ) from error
