# SPDX-License-Identifier: Apache-2.0
import binascii
import json

import pytest

from firmware_py.main import run
from firmware_py.store.config import ConfigError, parse
from tests.firmware.rig import RACK


def text(**changes):
    return json.dumps(RACK | changes).encode()


def test_defaults_are_filled_in():
    config = parse(text())
    assert (config.groups, config.never, list(config.load_group)) == (
        4,
        1,
        [0, 0, 1, 1, 2, 2, 3, 3],
    )
    assert config.feeds[0].tau_fast_ms == 4570
    assert config.shed.ttt_ms == 1000
    assert config.cool.min_permille == 300


def test_crc_is_over_the_bytes_of_the_file():
    assert parse(text()).crc == binascii.crc32(text())


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"{", "not JSON"),
        (b"[]", "config: must be an object"),
        (text(colour=1), "unknown key colour"),
        (text(version=2), "version: must be an integer from 1 to 1"),
        (text(loads=[]), "loads: must be a list of 1 to 32"),
        (text(loads=[0] * 33), "loads: must be a list of 1 to 32"),
        (text(loads=[0, 4]), "loads[1]: must be an integer from 0 to 3"),
        (text(loads=[0, True]), "loads[1]: must be an integer"),
        (text(groups={}), "groups: must be a list of 1 to 16"),
        (text(groups=[{"never": 1}] * 4), "groups[0].never: must be true or false"),
        (text(groups=[{"nver": True}] * 4), "groups[0]: unknown key nver"),
        (text(feeds=[{}]), "feeds[0].rating_ma: is missing"),
        (text(feeds=[{"rating_ma": 1.5}]), "feeds[0].rating_ma: must be an integer"),
        (text(feeds=RACK["feeds"] * 2), "feeds: must be a list of 1 to 2"),
        (text(feeds=[{"rating_ma": 250_000}]), "feeds[0]: magnetic gate is above 1000 A"),
        (text(shed={"ttt_ms": 10}), "shed.ttt_ms: must be an integer from 200 to 60000"),
        (text(cool={"setpoint": 1}), "cool: unknown key setpoint"),
    ],
)
def test_a_mistake_is_named_with_its_place(bad, says):
    with pytest.raises(ConfigError) as found:
        parse(bad)
    assert says in str(found.value)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "give the path"),
        (["absent.json"], "absent.json"),
        (["absent.json", "--speed", "9"], "option --speed"),
        (["absent.json", "--boot-id"], "option --boot-id"),
    ],
)
def test_a_wrong_start_is_one_line_and_exit_code_2(argv, says, capsys):
    assert run(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


def test_a_uid_that_no_hello_could_carry_is_refused_at_the_start(tmp_path, capsys):
    path = tmp_path / "board.json"
    path.write_text(json.dumps(RACK))
    assert run([str(path), "--uid", "\u00e9" * 51]) == 2
    assert "--uid is too long: at most 100 bytes" in capsys.readouterr().err
