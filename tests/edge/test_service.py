# SPDX-License-Identifier: Apache-2.0
"""How the service ends, and what it remembers."""

import os
import signal
from pathlib import Path

import pytest

from edge import service
from edge.config import Config, parse_config
from edge.control import Daemon
from edge.errors import ConfigError, PortError
from edge.executor import InlineExecutor
from hil.frontends.http1 import Request, Response
from hil.frontends.http_server import HttpServer
from tests.edge.fake_rack import PLAIN, rack_config


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_log_to_stderr", lambda _level: None)


def unreachable(*_args: object) -> None:
    raise PortError("socket://h:1: cannot connect; check host, port and network")


def test_sigterm_while_the_port_is_being_opened_is_an_orderly_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def open_slowly(*_args: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        unreachable()

    monkeypatch.setattr(service, "open_transport", open_slowly)
    service.serve(rack_config(1), dry_run=True)


def test_a_port_that_cannot_be_opened_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "open_transport", unreachable)
    with pytest.raises(PortError, match="cannot connect"):
        service.serve(rack_config(1), dry_run=True)


class Timer:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms


def kept_daemon(state_file: Path, clock: Timer, wall_offset_ms: int) -> tuple[Config, Daemon]:
    text = f'[rack]\nname = "r"\nstate_file = "{state_file}"\n[board]\nport = "loop://"\n'
    text += '[[feeds]]\nname = "A"\nbreaker_a = 100\nbefore_w = 5000\n[[loads]]\nname = "n"\n'
    text += 'channel = 0\nmin_w = 900\nmax_w = 9000\nactuator = { kind = "dryrun" }\n'
    config = parse_config(text)
    daemon = Daemon(
        config,
        clock=clock,
        open_transport=unreachable,  # type: ignore[arg-type]
        executor=InlineExecutor([]),
        wall_offset_ms=wall_offset_ms,
    )
    return config, daemon


def hours_ppm(daemon: Daemon) -> int:
    image = daemon.decider.rooms.breakers[0].continuous
    assert image is not None
    return image.theta_fast_ppm


def test_a_restarted_daemon_goes_on_where_it_was_and_no_colder(tmp_path: Path) -> None:
    clock, path = Timer(), tmp_path / "r.json"
    config, first = kept_daemon(path, clock, 1_000_000)
    keeper = service.StateKeeper(config, first, clock)  # type: ignore[arg-type]
    image = first.decider.rooms.breakers[0].continuous
    assert image is not None
    image.theta_fast_ppm = 400_000
    clock.ms = 59_000
    keeper.cycle()
    assert not path.exists()
    clock.ms = 61_000
    keeper.cycle()
    assert path.exists()
    config, soon = kept_daemon(path, Timer(), 1_062_000)
    service.StateKeeper(config, soon, Timer())  # type: ignore[arg-type]
    assert hours_ppm(soon) == pytest.approx(400_000, abs=500)
    config, late = kept_daemon(path, Timer(), 1_062_000 + 5 * 3_600_000)
    service.StateKeeper(config, late, Timer())  # type: ignore[arg-type]
    assert hours_ppm(late) > 900_000  # it may have carried its limit all the time


def test_a_state_file_that_cannot_be_believed_or_written_is_told(tmp_path: Path, caplog) -> None:
    path = tmp_path / "r.json"
    path.write_text("{}")
    config, daemon = kept_daemon(path, Timer(), 0)
    with caplog.at_level("INFO", "rackedge"):
        keeper = service.StateKeeper(config, daemon, Timer())  # type: ignore[arg-type]
        path.unlink()
        path.mkdir()
        keeper.save()
        keeper.save()
    assert hours_ppm(daemon) == 1_000_000
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert "not believable" in said[0]
    assert "not saved" in said[1]
    config, daemon = kept_daemon(tmp_path / "no" / "r.json", Timer(), 0)
    with pytest.raises(ConfigError, match="create it"):
        service.StateKeeper(config, daemon, Timer())  # type: ignore[arg-type]


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_battery_is_read_before_the_board_is_asked_but_not_in_a_dry_run(
    monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.path)
        return Response(200, b'{"ChargePercent": 50}')

    def open_port(*_args: object) -> None:
        assert bool(asked) is not dry_run
        unreachable()

    monkeypatch.setattr(service, "open_transport", open_port)
    server = HttpServer(answer, "127.0.0.1", 0, 0.0)
    redfish = f'{{ kind = "redfish", url = "{server.url}", chassis = "s" }}'
    section = "[bbu]\nenergy_wh = 900\npower_w = 9000\nrecharge_w = 900\n"
    section += f"source = {redfish}\nactuator = {redfish}\n"
    config = rack_config(1, control=PLAIN + section)
    with pytest.raises(PortError, match="cannot connect"):
        service.serve(config, dry_run=dry_run)
    server.close()
    assert len(asked) == (0 if dry_run else 2)
