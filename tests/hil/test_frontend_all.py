# SPDX-License-Identifier: Apache-2.0
"""All front-ends at once, on one rack: each caps it, the lowest wins, and all go in the end."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from edge.errors import ConfigError, RuntimeMissing
from hil.frontends.base import Cap, Frontend, LowestCap, file_name
from hil.frontends.rack_frontends import KINDS, start_frontends
from hil.frontends.redfish_bmcs import RedfishBmcs
from hil.plant.server import LoadSpec
from tests.hil.frontend_rig import follow, make_rack, need

LOADS = (LoadSpec("a", 200.0, 1000.0, 300.0), LoadSpec("b", 200.0, 2000.0, 600.0))


class Silent(Frontend):
    """A front-end without a way in, for what is common to all."""

    name = "silent"

    def start(self):
        pass

    def describe(self):
        return []

    def close(self):
        pass


def test_the_lowest_of_several_limiters_wins():
    first, second = Silent(LOADS), Silent(LOADS)
    caps = LowestCap((first, second))
    first.ask(0, 800.0)
    second.ask(0, 700.0)
    assert caps.take() == [Cap(0, 700.0)]
    assert caps.take() == []
    second.ask(0, None)
    second.ask(1, 900.0)
    assert caps.take() == [Cap(0, 800.0), Cap(1, 900.0)]
    first.ask(0, None)
    assert caps.take() == [Cap(0, None)]


def test_a_cap_through_redfish_lowers_the_draw():
    rack = make_rack()
    with RedfishBmcs(rack.spec.loads) as frontend, httpx.Client(base_url=frontend.url) as client:
        follow(rack, frontend)
        path = "/redfish/v1/Chassis/b/EnvironmentMetrics"
        watts = client.get(path).json()["PowerWatts"]["Reading"]
        assert watts == pytest.approx(8000, rel=0.01)
        assert client.patch(path, json={"PowerLimitWatts": {"SetPoint": 5000}}).status_code == 200
        follow(rack, frontend)
        assert rack.load_w == [pytest.approx(8000, rel=0.01), pytest.approx(5000, rel=0.01)]


def test_everything_that_is_told_to_users_works(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    rack = make_rack()
    frontends = start_frontends(rack.spec, tmp_path, KINDS)
    try:
        follow(rack, *frontends)
        commands = [
            line
            for frontend in frontends
            for line in frontend.describe()[1:]
            if not line.startswith("node_exporter")
        ]
        assert len(commands) == 8
        for program in ("curl", "ipmitool"):
            need(program)
        for command in commands:
            done = subprocess.run(
                ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=30, check=False
            )
            assert done.returncode == 0, (command, done.stderr)
            assert "error" not in (done.stdout + done.stderr).lower(), command
        follow(rack, *frontends)
        assert rack.load_w[0] == pytest.approx(4000, rel=0.01)
        assert rack.load_w[1] == pytest.approx(8000, rel=0.01)
    finally:
        for frontend in frontends:
            frontend.close()
            frontend.close()
    assert not list(tmp_path.rglob("*.nvml"))
    with pytest.raises(httpx.ConnectError):
        httpx.get(frontends[0].url)


def test_an_unknown_front_end_is_an_error_that_lists_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match="no front-end snmp: there are redfish, ipmi, nvml, rapl"):
        start_frontends(make_rack().spec, tmp_path, {"snmp", "rapl"})
    assert not any(tmp_path.iterdir())


def test_one_that_cannot_start_stops_those_before(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-cc")
    with pytest.raises(RuntimeMissing):
        start_frontends(make_rack().spec, tmp_path, {"ipmi", "nvml", "rapl"})
    assert not (tmp_path / "sys").exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [("s1", "s1"), ("node 1", "load4"), ("../x", "load4"), ("", "load4"), ("é", "load4")],
)
def test_names_of_loads_are_safe_as_file_names(name, file):
    assert file_name(name, 4) == file


def test_ports_can_be_chosen(tmp_path):
    with RedfishBmcs(LOADS) as free:
        first_port = int(free.url.rsplit(":", 1)[1])
    frontends = start_frontends(
        make_rack().spec, tmp_path, {"redfish", "ipmi"}, first_port=first_port
    )
    try:
        redfish, ipmi = frontends
        assert redfish.url == f"http://127.0.0.1:{first_port}"
        assert ipmi.ports == [first_port, first_port + 1]
    finally:
        for frontend in frontends:
            frontend.close()


def test_only_bmcs_need_cryptography(tmp_path):
    code = (
        "import sys; sys.modules['cryptography'] = None; from pathlib import Path\n"
        "from hil.frontends.rack_frontends import start_frontends\n"
        "from tests.hil.frontend_rig import make_rack\n"
        f"where = Path({str(tmp_path)!r})\n"
        "for f in start_frontends(make_rack().spec, where, {'redfish', 'rapl'}): f.close()\n"
        "start_frontends(make_rack().spec, where, {'ipmi'})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr.splitlines()[-1].startswith("edge.errors.RuntimeMissing")
    assert "rackedge[sim]" in done.stderr
