# SPDX-License-Identifier: Apache-2.0
"""`rackedge hil run --serve`: a rack for tools that are not the bench's."""

import csv
import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

from tests.firmware.vm import vm_path
from tests.hil.cli_rig import scenario

LINE = re.compile(
    r" +(\d+) s  board (\w+) +feed +(\d+) %  time to trip +([\d.]+) s  trips (\d+)  "
    r"(\d+) caps, ([\d.]+) kW"
)
HALVED = (
    "from pynvml import *; nvmlInit(); g = nvmlDeviceGetHandleByIndex(0); "
    "nvmlDeviceSetPowerManagementLimit(g, nvmlDeviceGetPowerManagementLimit(g) // 2)"
)


class Lines:
    """The newest line that a served rack has printed."""

    def __init__(self, going):
        self._going = going

    def newest(self):
        found = LINE.findall(self._going.out)
        return found[-1] if found else None

    def caps(self):
        """(how many, kW)."""
        newest = self.newest()
        return (int(newest[5]), float(newest[6])) if newest else (0, 0.0)

    def state(self):
        newest = self.newest()
        return newest[1] if newest else ""


@pytest.fixture
def busy(place):
    """A rack at a load that does not change, for as long as a test takes."""
    vm_path()
    more = "stimulus:\n  - {signal: demand_ratio, hold: 0.9}\n"
    return scenario(place.folder, "busy", duration="10min", host="daemon", more=more)


def test_other_tools_and_rackedge_lower_a_rack_that_is_served(place, busy):
    going = place.start("hil", "run", "--serve", busy.name, "--directory=rack", "--report=report")
    lines = Lines(going)
    going.until(lambda: lines.state() == "LOCAL", 60)
    assert going.out.startswith(f"rackedge run --config {place.folder}/rack/rack.toml\n")
    assert lines.caps() == (0, 0.0)

    url = re.search(r"curl (http://\S+/s1/EnvironmentMetrics)", going.out)[1]
    reply = httpx.patch(url, json={"PowerLimitWatts": {"SetPoint": 5000}})
    assert reply.status_code in {200, 204}, reply.text
    going.until(lambda: lines.caps() == (1, 5.0))

    limit = place.folder / "rack/sys/class/powercap/intel-rapl:1/constraint_0_power_limit_uw"
    limit.write_text("4000000000\n")
    going.until(lambda: lines.caps() == (2, 9.0))

    nvml = place.folder / "rack" / "nvml"
    tool = subprocess.run(
        [sys.executable, "-c", HALVED],
        env=os.environ | {"LD_LIBRARY_PATH": str(nvml), "RACKEDGE_NVML": str(nvml / "s3.nvml")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert tool.returncode == 0, tool.stderr
    going.until(lambda: lines.caps()[0] == 3)

    host = place.start("run", "--config", "rack/rack.toml")
    going.until(lambda: lines.state() == "HOSTED" and lines.caps()[0] == 8, 60)
    assert host.end(signal.SIGTERM) == 0
    going.until(lambda: lines.state() == "LOCAL")
    assert lines.caps()[0] == 8  # caps stay in place

    assert going.end(signal.SIGINT) == 0
    assert going.err == ""
    assert re.search(r"served [\d.]+ s\nreport: report/report.html\n$", going.out)
    assert place.is_empty()
    with (place.folder / "report" / "busy" / "signals.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    first, capped = float(rows[10]["load_s1_w"]), min(float(row["load_s1_w"]) for row in rows[50:])
    assert first > 8000
    assert capped <= 5050
    assert min(float(row["load_s2_w"]) for row in rows) <= 4050
    assert {row["host_caps"] for row in rows} >= {"0", "1", "2", "3", "8"}


def test_a_served_case_that_ends_by_itself_has_a_verdict(place):
    vm_path()
    path = scenario(place.folder, duration="1s", check="trips == 1")
    done = place.hil("run", "--serve", path, "--directory=rack")
    assert done.returncode == 1
    assert "FAIL         quick" in done.stdout or "INCONCLUSIVE quick" in done.stdout


@pytest.mark.parametrize("below", ["file", "file/below"])
def test_a_bad_directory_is_told_before_anything_starts(place, below):
    (place.folder / "file").write_text("")
    done = place.hil("run", "--serve", f"--directory={below}")
    assert done.returncode == 2
    assert "choose another --directory" in done.stderr
    assert done.stdout == ""


def test_several_cases_at_once_are_refused(place):
    more = "matrix: {load: [1, 2]}\nrack: {loads: '${load}'}\n"
    done = place.hil("run", "--serve", scenario(place.folder, more=more))
    assert done.returncode == 2
    assert "choose it with --case, out of quick[load=1], quick[load=2]" in done.stderr
