# SPDX-License-Identifier: Apache-2.0
"""Emulated GPUs, read and capped by NVIDIA's own Python binding in processes of their own."""

import ctypes
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edge.errors import RuntimeMissing
from hil.frontends import nvml_build
from hil.frontends.nvml import NvmlGpus
from hil.frontends.nvml_build import build_library, compiler
from hil.frontends.nvml_gpu import cap_w, split
from hil.frontends.nvml_state import CLOSED, Gpu, Head
from hil.plant.server import LoadSpec
from tests.hil.frontend_rig import follow, make_rack
from tests.hil.nvml_client import NvmlClient, NvmlError

LOADS = (LoadSpec("a", 900.0, 10_200.0, 3000.0), LoadSpec("b", 900.0, 10_200.0, 3000.0))
UNINITIALIZED, INVALID, NO_PERMISSION, NOT_LOADED, LOST, MISMATCH = 1, 2, 4, 9, 15, 18
SANITIZE = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The library, once for all tests."""
    return build_library(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def make(tmp_path, built, monkeypatch):
    monkeypatch.setattr("hil.frontends.nvml.build_library", lambda directory: directory)
    (tmp_path / built.name).symlink_to(built)
    running = []

    def make(loads=LOADS, **options):
        frontend = NvmlGpus(loads, tmp_path, **options)
        running.append(frontend)
        frontend.start()
        frontend.refresh(0, [load.max_w for load in loads])
        return frontend

    yield make
    for frontend in running:
        frontend.close()


@pytest.fixture(scope="module")
def torture(tmp_path_factory):
    """The driver in C with the library's sources, under ASan and UBSan."""
    program = tmp_path_factory.mktemp("torture") / "torture"
    driver = Path(__file__).with_name("nvml_torture.c")
    sources = nvml_build.source_directory()
    flags = [
        "-std=c11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O1",
        *SANITIZE,
        f"-I{sources}",
        "-pthread",
    ]
    files = [str(driver), *map(str, sorted(sources.glob("*.c")))]
    subprocess.run([*compiler(), *flags, "-o", program, *files], check=True, timeout=120)

    def run(path):
        env = os.environ | {"RACKEDGE_NVML": str(path)}
        done = subprocess.run(
            [program], env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        result, power_mw, _ = done.stdout.split(" ", 2)
        return int(result), int(power_mw)

    return run


def test_the_c_compiler_finds_nothing_to_warn_of(tmp_path):
    assert build_library(tmp_path, ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]).is_file()


def test_a_limit_set_through_nvidia_ml_py_lowers_the_draw_of_its_server(make):
    rack = make_rack()
    frontend = make(rack.spec.loads)
    parts = split(rack.spec.loads[1])
    with NvmlClient(frontend, 1) as client:
        follow(rack, frontend)
        assert rack.load_w[1] == pytest.approx(8000, rel=0.01)
        assert client.nvmlDeviceGetPowerUsage(gpu=0) == pytest.approx(parts.gpu_max_mw, rel=0.02)
        for gpu in range(8):
            client.nvmlDeviceSetPowerManagementLimit(parts.gpu_max_mw // 2, gpu=gpu)
        follow(rack, frontend)
        capped_w = parts.host_w + 8 * (parts.gpu_max_mw // 2) / 1000
        assert rack.load_w[1] == pytest.approx(capped_w, rel=0.01)
        assert rack.load_w[0] == pytest.approx(8000, rel=0.01)
        power_mw = client.nvmlDeviceGetPowerUsage(gpu=3)
        assert power_mw == pytest.approx(parts.gpu_max_mw // 2, rel=0.02)
        assert client.nvmlDeviceGetEnforcedPowerLimit(gpu=3) == parts.gpu_max_mw // 2
        assert client.nvmlDeviceGetCurrentClocksThrottleReasons(gpu=3) == 4
        assert client.nvmlDeviceGetClockInfo(1, gpu=3) == pytest.approx(
            1980 * 0.5 ** (1 / 3), abs=1
        )


def test_what_a_monitor_reads_is_there(make):
    frontend = make()
    parts = split(LOADS[0])
    with NvmlClient(frontend, 0) as client:
        frontend.refresh(2000, [10_200.0, 0.0], inlet_c=30.0)
        assert client.nvmlDeviceGetCount() == 8
        assert client.nvmlSystemGetDriverVersion() == "580.00.rackedge"
        assert client.nvmlSystemGetNVMLVersion().startswith("12.")
        assert client.nvmlDeviceGetName(gpu=0) == "Emulated H100 80GB"
        assert client.nvmlDeviceGetUUID(gpu=0) != client.nvmlDeviceGetUUID(gpu=1)
        assert client.nvmlDeviceGetSerial(gpu=7) == "a/7"
        assert client.nvmlDeviceGetIndex(gpu=7) == 7
        energy_mj = client.nvmlDeviceGetTotalEnergyConsumption(gpu=0)
        assert energy_mj == pytest.approx(2 * parts.gpu_max_mw, abs=2)
        assert client.nvmlDeviceGetTemperature(0, gpu=0) == 70
        assert client.nvmlDeviceGetUtilizationRates(gpu=0) == [100, 50]
        assert client.nvmlDeviceGetPowerManagementMode(gpu=0) == 1
        assert client.nvmlDeviceGetPerformanceState(gpu=0) == 0
        limits = client.nvmlDeviceGetPowerManagementLimitConstraints(gpu=0)
        assert limits == [parts.gpu_min_mw, parts.gpu_max_mw]
        uuid = client.nvmlDeviceGetUUID(gpu=2)
        client.nvmlDeviceGetHandleByUUID(uuid)
        with pytest.raises(NvmlError, match="6"):
            client.nvmlDeviceGetHandleByUUID("GPU-0")


@pytest.mark.parametrize("below", [True, False])
def test_a_limit_out_of_range_is_refused(make, below):
    frontend = make()
    parts = split(LOADS[0])
    with NvmlClient(frontend, 0) as client:
        wrong_mw = parts.gpu_min_mw - 1 if below else parts.gpu_max_mw + 1
        with pytest.raises(NvmlError, match=str(INVALID)):
            client.nvmlDeviceSetPowerManagementLimit(wrong_mw, gpu=0)
        assert client.nvmlDeviceGetPowerManagementLimit(gpu=0) == parts.gpu_max_mw


def test_without_permission_nothing_is_set(make):
    frontend = make(setters="nobody")
    with NvmlClient(frontend, 0) as client, pytest.raises(NvmlError, match=str(NO_PERMISSION)):
        client.nvmlDeviceSetPowerManagementLimit(500_000, gpu=0)


def test_with_the_drivers_rule_only_root_sets(make):
    frontend = make(setters="root")
    with NvmlClient(frontend, 0) as client:
        if os.geteuid() == 0:
            client.nvmlDeviceSetPowerManagementLimit(500_000, gpu=0)
            assert client.nvmlDeviceGetPowerManagementLimit(gpu=0) == 500_000
        else:
            with pytest.raises(NvmlError, match=str(NO_PERMISSION)):
                client.nvmlDeviceSetPowerManagementLimit(500_000, gpu=0)


def test_a_slow_driver_takes_its_time_on_one_load(make):
    frontend = make(slow_s=1.0)
    with NvmlClient(frontend, 0) as slow, NvmlClient(frontend, 1) as quick:
        frontend.answers[0] = "slow"
        frontend.refresh(100, [10_200.0, 10_200.0])
        begun_s = time.monotonic()
        quick.nvmlDeviceGetCount()
        between_s = time.monotonic()
        slow.nvmlDeviceGetCount()
        assert time.monotonic() - between_s >= 1.0
        assert between_s - begun_s < 1.0


def test_limits_fall_back_when_the_last_client_leaves_without_persistence(make):
    frontend = make(persistence=False)
    with NvmlClient(frontend, 0) as first, NvmlClient(frontend, 0) as second:
        first.nvmlDeviceSetPowerManagementLimit(500_000, gpu=0)
        second.nvmlDeviceSetPersistenceMode(1, gpu=1)
        second.nvmlDeviceSetPowerManagementLimit(400_000, gpu=1)
        first.nvmlShutdown()
        assert second.nvmlDeviceGetPowerManagementLimit(gpu=0) == 500_000
        second.nvmlShutdown()
        second.nvmlInit()
        assert second.nvmlDeviceGetPowerManagementLimit(gpu=0) == split(LOADS[0]).gpu_max_mw
        assert second.nvmlDeviceGetPowerManagementLimit(gpu=1) == 400_000


def test_limits_fall_back_when_the_last_client_is_killed(make):
    frontend = make(persistence=False)
    client = NvmlClient(frontend, 0)
    client.nvmlInit()
    client.nvmlDeviceSetPowerManagementLimit(500_000, gpu=0)
    frontend.refresh(100, [10_200.0, 10_200.0])
    ((load, watts),) = frontend.take_caps()
    assert (load, watts) == (0, pytest.approx(10_200 - (split(LOADS[0]).gpu_max_mw / 1000 - 500)))
    client.process.kill()
    client.process.wait(10)
    client.end()
    frontend.refresh(200, [10_200.0, 10_200.0])
    assert frontend.take_caps() == [(0, None)]


def test_error_loses_the_gpus_of_one_load_and_ignore_leaves_its_draw(make):
    frontend = make()
    frontend.answers[:] = ["error", "ignore"]
    with NvmlClient(frontend, 0) as lost, NvmlClient(frontend, 1) as ignored:
        frontend.refresh(100, [10_200.0, 10_200.0])
        with pytest.raises(NvmlError, match=str(LOST)):
            lost.nvmlDeviceGetPowerUsage(gpu=0)
        ignored.nvmlDeviceSetPowerManagementLimit(500_000, gpu=0)
        frontend.refresh(200, [10_200.0, 10_200.0])
        assert ignored.nvmlDeviceGetPowerManagementLimit(gpu=0) == 500_000
        assert frontend.take_caps() == []
        frontend.answers[0] = None
        frontend.refresh(300, [10_200.0, 10_200.0])
        assert lost.nvmlDeviceGetPowerUsage(gpu=0) > 0


def test_a_server_without_power_has_no_gpus(make):
    frontend = make()
    with NvmlClient(frontend, 0) as client:
        frontend.refresh(100, [0.0, 10_200.0])
        with pytest.raises(NvmlError, match=str(LOST)):
            client.nvmlDeviceGetPowerUsage(gpu=0)


def test_a_bench_that_ended_is_a_lost_gpu_and_then_a_missing_driver(make):
    frontend = make()
    with NvmlClient(frontend, 0) as client:
        frontend.close()
        with pytest.raises(NvmlError, match=str(LOST)):
            client.nvmlDeviceGetPowerUsage(gpu=0)
        client.nvmlShutdown()
        with pytest.raises(NvmlError, match=str(NOT_LOADED)):
            client.nvmlInit()
        with pytest.raises(NvmlError, match=str(UNINITIALIZED)):
            client.nvmlDeviceGetCount()


def test_a_bench_that_could_not_remove_its_file_is_gone_all_the_same(make):
    frontend = make()
    with NvmlClient(frontend, 0) as client:
        frontend._servers[0].state.head.flags |= CLOSED
        with pytest.raises(NvmlError, match=str(LOST)):
            client.nvmlDeviceGetPowerUsage(gpu=0)


@pytest.mark.parametrize("limit_mw", [0, 1, 2_000_000_000, 2**32 - 1])
def test_a_limit_that_is_stored_past_the_library_is_put_back(make, limit_mw):
    frontend = make()
    with NvmlClient(frontend, 0) as client:
        client.nvmlDeviceSetPowerManagementLimit(500_000, gpu=0)
        frontend.refresh(100, [10_200.0, 10_200.0])
        assert len(frontend.take_caps()) == 1
        frontend._servers[0].state.gpus[0].limit_mw = limit_mw
        frontend.refresh(200, [10_200.0, 10_200.0])
        assert frontend.take_caps() == []
        assert client.nvmlDeviceGetPowerManagementLimit(gpu=0) == 500_000


def test_a_bench_that_hangs_is_a_lost_gpu_until_it_goes_on(make):
    frontend = make()
    with NvmlClient(frontend, 0) as client:
        frontend._servers[0].state.head.heartbeat_ms -= 6000
        with pytest.raises(NvmlError, match=str(LOST)):
            client.nvmlDeviceGetPowerUsage(gpu=0)
        frontend.refresh(100, [10_200.0, 10_200.0])
        assert client.nvmlDeviceGetPowerUsage(gpu=0) > 0


def test_c_and_python_agree_on_the_layout():
    assert ctypes.sizeof(Head) == 416
    assert ctypes.sizeof(Gpu) == 264
    header = (nvml_build.source_directory() / "rackedge_nvml.h").read_text()
    for structure in (Head, Gpu):
        body = header.split(f"struct rackedge_nvml_{structure.__name__.lower()} {{")[1]
        body = re.sub(r"/\*.*?\*/", "", body.split("\n};")[0], flags=re.DOTALL)
        declared = re.findall(r"\b(\w+)(?:\[\w+\])?;", body)
        assert declared == [name for name, _ in structure._fields_]


def test_every_call_survives_sanitizers_on_a_good_file(make, torture):
    frontend = make()
    assert torture(frontend.state_path(0)) == (0, split(LOADS[0]).gpu_max_mw)


def test_every_call_survives_sanitizers_without_a_file(tmp_path, torture):
    assert torture(tmp_path / "none")[0] == NOT_LOADED
    assert torture(tmp_path)[0] == NOT_LOADED
    (tmp_path / "empty").touch()
    assert torture(tmp_path / "empty")[0] == NOT_LOADED
    (tmp_path / "zeros").write_bytes(bytes(4096))
    assert torture(tmp_path / "zeros")[0] == MISMATCH


def test_a_file_that_is_cut_while_in_use_is_a_lost_gpu_and_comes_back(make):
    frontend = make()
    with NvmlClient(frontend, 0) as client:
        for size in (0, 415, 416, 1000):
            os.truncate(frontend.state_path(0), size)
            with pytest.raises(NvmlError, match=str(LOST)):
                client.nvmlDeviceGetPowerUsage(gpu=0)
            frontend.refresh(100, [10_200.0, 10_200.0])
            assert client.nvmlDeviceGetPowerUsage(gpu=0) > 0


@given(
    st.lists(st.tuples(st.integers(0, 416 + 8 * 264 - 1), st.binary(min_size=1, max_size=64))),
    st.none() | st.integers(0, 416 + 8 * 264),
)
@settings(max_examples=25, deadline=None)
def test_no_rubbish_crashes_library_or_bench(torture, tmp_path_factory, writes, size):
    frontend = NvmlGpus(LOADS[:1], tmp_path_factory.mktemp("state"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hil.frontends.nvml.build_library", lambda directory: directory)
        frontend.start()
    try:
        frontend.refresh(0, [10_200.0])
        path = frontend.state_path(0)
        with path.open("r+b") as file:
            for at, data in writes:
                file.seek(at)
                file.write(data)
            if size is not None:
                file.truncate(size)
        delay = slice(28, 32)
        data = path.read_bytes()
        assume(data[delay] in (bytes(4), b""))  # else each call would take its 30 s
        assert torture(path)[0] in (0, NOT_LOADED, LOST, MISMATCH)
        frontend.refresh(100, [10_200.0])
        assert all(watts is None or 3000 <= watts <= 10_200 for _, watts in frontend.take_caps())
        result, power_mw = torture(path)
        assert result == 0
        assert 0 < power_mw < 10_200_000
    finally:
        frontend.close()


@given(st.floats(0, 1), st.floats(1, 20_000))
def test_the_limits_of_all_gpus_span_the_cap_of_the_server(ratio, max_w):
    load = LoadSpec("x", 0.0, max_w, ratio * max_w)
    parts = split(load)
    assert parts.host_w >= -1e-6
    lowest_w = cap_w(parts, [parts.gpu_min_mw] * 8)
    if lowest_w is None:
        assert parts.gpu_min_mw == parts.gpu_max_mw
        return
    assert lowest_w == pytest.approx(max(load.cap_floor_w, parts.host_w), abs=0.02)
    assert cap_w(parts, [parts.gpu_max_mw] * 8) is None


def test_without_a_compiler_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-cc")
    with pytest.raises(RuntimeMissing, match="no-such-cc"):
        build_library(tmp_path)
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeMissing, match="apt install gcc"):
        build_library(tmp_path)
