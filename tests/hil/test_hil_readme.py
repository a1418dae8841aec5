# SPDX-License-Identifier: Apache-2.0
"""The ten-minute walk of hil/README.md, as its reader would take it."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hil.bench import file as bench_file
from hil.session import SessionOptions, collect, run_session
from hil.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "hil" / "README.md").read_text()
FIRST_PAGE = (ROOT / "README.md").read_text()


def block(language, containing, of=README):
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", of, re.S | re.M)
    found = [textwrap.dedent(text) for _, text in blocks if containing in text]
    assert len(found) == 1
    return found[0]


def run(path):
    options = SessionOptions(scenarios=(path,), device="cpython")
    (result,) = run_session(options, collect(options))
    return result


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "warm.yaml"
    path.write_text(block("yaml", "name: warm-day"), encoding="utf-8")
    return path


def test_the_first_scenario_passes_and_fails_as_the_walk_says(scenario):
    assert run(scenario).verdict is Verdict.PASS
    text = scenario.read_text(encoding="utf-8")
    assert "max: 55" in text
    scenario.write_text(text.replace("max: 55", "max: 40"), encoding="utf-8")
    found = run(scenario)
    assert found.verdict is Verdict.FAIL
    assert found.reasons[0].startswith("hottest exhaust: 4")


def test_the_first_pages_scenario_passes(tmp_path):
    path = tmp_path / "loss.yaml"
    path.write_text(block("yaml", "name: feed-loss", FIRST_PAGE), encoding="utf-8")
    options = SessionOptions(scenarios=(path,), device="cpython")
    results = list(run_session(options, collect(options)))
    assert [each.verdict for each in results] == [Verdict.PASS] * 2


def test_the_bench_file_is_one(tmp_path):
    path = tmp_path / "bench.yaml"
    path.write_text(block("yaml", "bench: lab-1"), encoding="utf-8")
    device = bench_file.load(path).device("rack-17")
    assert device.channels["feed_a_w"].scale == 0.001
    assert not device.destructive


def test_the_python_example_passes(tmp_path):
    source = block("python", "def test_a_feed_is_lost")
    (tmp_path / "test_readme.py").write_text(f"import pytest\n\n{source}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--hil-device=cpython", "test_readme.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
