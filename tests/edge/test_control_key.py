# SPDX-License-Identifier: Apache-2.0
"""The daemon with `[board] key_file`: a sealed lease, or none, and no half-authorised state."""

from pathlib import Path

import pytest

from edge.config import Config, load_config, parse_config
from edge.errors import ConfigError
from firmware_py.link.auth import Auth
from tests.edge.daemon_rig import DaemonRig
from tests.edge.fake_rack import FakeRack, rack_config
from tests.firmware.keyed import KEY, give_key

OTHER_KEY = bytes(32)
LOADS = 2


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "board.key"
    path.write_text(KEY.hex() + "\n")
    path.chmod(0o600)
    return path


def keyed_config(key_file: Path | None) -> Config:
    config = rack_config(LOADS, 10_000)
    name = None if key_file is None else str(key_file)
    board = config.board.model_copy(update={"key_file": name})
    return config.model_copy(update={"board": board})


def rig(key_file: Path | None, board_key: bytes | None) -> DaemonRig:
    config = keyed_config(key_file)
    made = DaemonRig(config, FakeRack(config, lambda _t_s: [9_000.0] * LOADS))
    if board_key is not None:
        give_key(made.board.state, made.board.endpoint, board_key)
    made.daemon.start()
    return made


def leads(made: DaemonRig) -> bool:
    return bool(made.daemon.session.lease.held and made.board.lease.held)


def test_the_lease_of_a_daemon_with_a_key_is_sealed(key_file: Path) -> None:
    made = rig(key_file, KEY)
    made.run(2)
    assert leads(made)
    assert made.board.state.sealed


def test_without_a_key_all_works_as_ever_also_on_a_board_that_has_one() -> None:
    for board_key in (None, KEY):
        made = rig(None, board_key)
        made.run(2)
        assert leads(made)
        assert not made.board.state.sealed


@pytest.mark.parametrize("board_key", [OTHER_KEY, None])
def test_a_board_without_the_key_is_capped_but_not_led_and_that_is_told_once(
    key_file: Path, board_key: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    made = rig(key_file, board_key)
    with caplog.at_level("INFO", "rackedge"):
        made.run(40)
    assert not made.board.lease.held
    assert made.daemon.stats.caps_written >= LOADS
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "key" in errors[0]
    assert "takes no lease" in errors[0]
    assert made.board.state.auth is None or made.board.state.auth.failures == 0  # no lock-out


def test_it_leads_once_the_board_has_the_key(
    key_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = rig(key_file, OTHER_KEY)
    made.run(3)
    state = made.board.state
    state.auth = Auth(KEY, state.info, state.events)
    with caplog.at_level("INFO", "rackedge"):
        made.run(5)
    assert leads(made)
    assert state.sealed
    assert "the board has proved that it holds this host's key" in caplog.text


def test_a_lease_ends_when_the_board_no_longer_holds_the_key(key_file: Path) -> None:
    made = rig(key_file, KEY)
    made.run(2)
    assert leads(made)
    made.board.reboot(made.time_ms)  # another board on the same cable: no key at all
    made.run(3)
    assert made.board.endpoint.greeted
    assert not made.board.lease.held


def test_a_key_file_is_found_beside_the_rack_toml_from_any_directory(
    tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rack = tmp_path / "rack.toml"
    rack.write_text(TOML.format(key=key_file.name))
    monkeypatch.chdir("/")
    assert load_config(rack).board.key_file == str(key_file)


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0, "No such file or directory; give the key of this board"),
        (KEY.hex(), 0o644, "is open to every user: chmod 600"),
        ("abc", 0o600, "needs 64 hexadecimal digits or 32 bytes"),
    ],
)
def test_a_key_that_cannot_be_used_is_a_mistake_with_file_and_fix(
    tmp_path: Path, content: str | None, mode: int, says: str
) -> None:
    path = tmp_path / "bad.key"
    if content is not None:
        path.write_text(content)
        path.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        parse_config(TOML.format(key="bad.key"), str(tmp_path / "rack.toml"))
    assert len(str(caught.value).splitlines()) == 1
    assert "board.key_file: " in str(caught.value)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_the_schema_knows_the_key_file() -> None:
    board = Config.model_json_schema()["$defs"]["BoardConfig"]["properties"]
    assert "key_file" in board


TOML = """
[rack]
name = "r"
[board]
port = "loop://"
key_file = "{key}"
[[feeds]]
name = "A"
breaker_a = 63
[[loads]]
name = "n1"
channel = 0
min_w = 800
max_w = 10200
actuator = {{ kind = "dryrun" }}
"""
