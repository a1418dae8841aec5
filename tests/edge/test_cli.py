# SPDX-License-Identifier: Apache-2.0
"""The command line as scripts and people meet it: streams, exit codes, no tracebacks."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.notify import notify

MAIN = "from edge.cli import main; main()"
WAIT_S = 20.0
GOOD = """
[rack]
name = "r1"
[board]
port = "{port}"
[[feeds]]
name = "A"
breaker_a = 63
[[loads]]
name = "n1"
channel = 0
min_w = 800
max_w = 10200
actuator = {{ kind = "redfish", url = "http://127.0.0.1:9", chassis = "n1" }}
"""


def start(*args: str, **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def rackedge(*args: str, **options: object) -> tuple[int, str, str]:
    process = start(*args, **options)
    out, err = process.communicate(timeout=WAIT_S)
    assert "Traceback" not in err
    return process.returncode, out, err


@pytest.fixture
def rack(tmp_path: Path) -> Path:
    path = tmp_path / "rack.toml"
    path.write_text(GOOD.format(port=tmp_path / "no-port"))
    return path


def test_help_lists_commands_and_exit_codes() -> None:
    code, out, err = rackedge("--help")
    assert code == 0
    assert err == ""
    assert all(word in out for word in ("run", "check", "demo", "130", "configuration"))


def test_help_does_not_load_heavy_libraries() -> None:
    script = (
        "import sys; from edge.cli import app; "
        "print([m for m in ('pydantic', 'httpx', 'rich', 'serial', 'hil') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_version_is_one_line_on_stdout() -> None:
    code, out, err = rackedge("--version")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"rackedge.*\n", out)


def test_check_prints_what_it_understood(rack: Path) -> None:
    code, out, err = rackedge("check", "--config", str(rack))
    assert (code, err) == (0, "")
    assert all(word in out for word in ("43470", "34776", "n1", "redfish http://127.0.0.1:9 n1"))


def test_check_shows_the_battery_in_one_line(rack: Path) -> None:
    with rack.open("a") as file:
        file.write("[bbu]\nenergy_wh = 6000\npower_w = 30000\nrecharge_w = 4000\n")
        file.write('source = { kind = "redfish", url = "http://127.0.0.1:9/", chassis = "s" }\n')
    code, out, err = rackedge("check", "--config", str(rack))
    assert (code, err) == (0, "")
    (line,) = (line for line in out.splitlines() if line.startswith("battery: "))
    assert line == (
        "battery: 6000 Wh, up to 30000 W for 240 s, read from redfish http://127.0.0.1:9 s "
        "battery 1; recharge of up to 4000 W is not controlled"
    )
    with rack.open("a") as file:
        file.write('actuator = { kind = "dryrun" }\n')
    _, out, _ = rackedge("check", "--config", str(rack))
    assert "recharge of up to 4000 W by dryrun" in out


def test_check_json_is_one_document_with_defaults(rack: Path) -> None:
    code, out, err = rackedge("check", "--config", str(rack), "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["config"]["control"]["target_ratio"] == 0.95
    assert document["feeds"][0]["continuous_w"] == pytest.approx(34_776)
    assert document["feeds"][0]["target_w"] == pytest.approx(43_470 * 0.95)
    assert document["rows"][1] == {"name": "A 3 h", "kind": "continuous"}


def test_mistakes_are_lines_on_stderr_and_code_2(rack: Path) -> None:
    rack.write_text(rack.read_text().replace("breaker_a", "braker_a").replace("800", "'x'"))
    code, out, err = rackedge("check", "--config", str(rack))
    assert (code, out) == (2, "")
    assert all(line.startswith(f"rackedge: {rack}: ") for line in err.splitlines())
    assert "did you mean `breaker_a`?" in err
    assert "'x' is not a number" in err


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("run",), "--config"),
        (("check", "--config", "absent.toml"), "absent.toml: no such file"),
        (("bogus",), "bogus"),
        (("check", "--bogus"), "bogus"),
    ],
)
def test_wrong_usage_is_code_2(args: tuple[str, ...], expected: str) -> None:
    code, out, err = rackedge(*args)
    assert (code, out) == (2, "")
    assert expected in err


def test_a_missing_port_is_code_3_with_what_to_do(rack: Path) -> None:
    code, out, err = rackedge("run", "--config", str(rack), "--dry-run")
    assert (code, out) == (3, "")
    (line,) = err.splitlines()
    assert "no-port" in line


def test_a_missing_password_is_code_2(rack: Path) -> None:
    text = rack.read_text().replace(
        'chassis = "n1"', 'chassis = "n1", username = "u", password_env = "NOT_SET_ANYWHERE"'
    )
    rack.write_text(text)
    code, _, err = rackedge("run", "--config", str(rack))
    assert code == 2
    assert "NOT_SET_ANYWHERE" in err


def test_a_reader_that_goes_away_ends_it_silently(rack: Path) -> None:
    process = start("check", "--config", str(rack), "--json")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(WAIT_S) == 1
    assert err == ""


def test_no_color_is_respected(rack: Path) -> None:
    environment = os.environ | {"NO_COLOR": "1", "FORCE_COLOR": ""}
    _, out, _ = rackedge("check", "--config", str(rack), env=environment)
    assert "\x1b" not in out


@pytest.fixture
def port(rack: Path) -> Iterator[int]:
    """A serial port whose board never answers."""
    board, host = os.openpty()
    rack.write_text(GOOD.format(port=os.ttyname(host)))
    yield board
    os.close(host)
    os.close(board)


def wait_for_hello(board: int) -> None:
    ready, _, _ = select.select([board], [], [], WAIT_S)
    assert ready, "the daemon never said HELLO"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_the_daemon_cleanly(
    rack: Path, port: int, number: signal.Signals, code: int
) -> None:
    process = start("run", "--config", str(rack), "--dry-run")
    wait_for_hello(port)
    process.send_signal(number)
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (code, "")
    assert "caps stay in place" in err
    assert "Traceback" not in err


def test_systemd_is_told_ready_watchdog_and_stopping(rack: Path, port: int, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WAIT_S)
        environment = os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        process = start("run", "--config", str(rack), "--dry-run", env=environment)
        wait_for_hello(port)
        heard = [systemd.recv(100), systemd.recv(100)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_S)
        while heard[-1] != b"STOPPING=1":
            heard.append(systemd.recv(100))
    assert heard[:2] == [b"READY=1", b"WATCHDOG=1"]


def test_notify_without_systemd_or_with_a_dead_one_is_silent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    started = time.monotonic()
    notify("READY=1")
    assert time.monotonic() - started < WAIT_S


def test_something_else_at_the_port_is_code_4(rack: Path, port: int) -> None:
    process = start("run", "--config", str(rack), "--dry-run")
    wait_for_hello(port)
    deadline = time.monotonic() + WAIT_S
    while process.poll() is None and time.monotonic() < deadline:
        os.write(port, b"\r\nMicroPython v1.28 on 2026-01-01; Generic\r\n>>> ")
        time.sleep(0.05)
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (4, "")
    assert "Traceback" not in err
    assert "rackedge: " in err


@pytest.mark.parametrize("words", [("--help",), ("--version",)])
def test_a_full_output_is_one_line(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", "from edge.cli import main; main()", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith("rackedge: ")
    assert done.stderr.count("\n") == 1


def test_a_closed_output_is_no_traceback() -> None:
    command = f"{sys.executable} -c 'from edge.cli import main; main()' --version >&-"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, timeout=30, check=False
    )
    assert "Traceback" not in done.stderr


def test_check_shows_brackets_as_they_are(tmp_path: Path) -> None:
    config = tmp_path / "rack.toml"
    config.write_text(
        '[rack]\nname = "r"\n[board]\nport = "loop://"\n'
        '[[feeds]]\nname = "A"\nbreaker_a = 63\n'
        '[[loads]]\nname = "gpu[red]1"\nchannel = 0\nmin_w = 100\nmax_w = 1000\n'
        'actuator = { kind = "redfish", url = "https://[fd00::11]:8443", chassis = "1" }\n'
    )
    command = [sys.executable, "-c", "from edge.cli import main; main()", "check", "--config"]
    done = subprocess.run(
        [*command, str(config)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "gpu[red]1" in done.stdout
    assert "https://[fd00::11]:8443" in done.stdout
