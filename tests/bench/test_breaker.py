# SPDX-License-Identifier: Apache-2.0
"""The breaker benchmark runs with what is installed and names what is not."""

import json
import sys

from tests.bench import __main__ as bench
from tests.bench import breaker


def test_every_case_has_a_row_and_absent_peers_are_named(monkeypatch, capsys):
    for module in ("numpy", "scipy.signal", "pandapower"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(breaker, "interleave", lambda cases, *_: dict.fromkeys(cases, 1.0))
    assert bench.main(["breaker", "--quick", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["case"] for row in rows if row["ratio"]} == set(breaker.CASES)
    absent = {row["peer"] for row in rows if row["peer_value"] is None}
    assert absent == {"NumPy (absent)", "SciPy lfilter (absent)", "pandapower fuse spline (absent)"}


def test_a_case_loops_as_often_as_it_is_told():
    calls = []
    breaker.timed(lambda: calls.append(1))(7)
    breaker.timed_many(lambda: calls.append(2), 10)(30)
    assert calls == [1] * 7 + [2] * 3
