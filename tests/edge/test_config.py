# SPDX-License-Identifier: Apache-2.0
"""rack.toml: what is understood, and what is said about each mistake."""

import json
from pathlib import Path

import pytest

from edge.actuate.redfish_http import RedfishHttp
from edge.config import Config, RedfishActuator, RedfishBattery, load_config, parse_config
from edge.errors import ConfigError

HEAD = """
[rack]
name = "r1"
[board]
port = "/dev/ttyACM0"
[[feeds]]
name = "A"
breaker_a = 63
[[feeds]]
name = "B"
breaker_a = 63
"""
LOAD = """
[[loads]]
name = "n1"
channel = 0
min_w = 800
max_w = 10200
actuator = { kind = "redfish", url = "http://10.0.0.1", chassis = "1" }
"""
GOOD = HEAD + LOAD


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "rack.toml")
    return str(caught.value).splitlines()


def test_a_minimal_file_gets_the_documented_defaults() -> None:
    config = parse_config(GOOD)
    assert config.board.baud == 115_200
    assert config.control.target_ratio == 0.95
    assert config.feeds[0].rating_w == pytest.approx(63 * 230 * 3)
    assert config.feeds[0].continuous_w == pytest.approx(63 * 230 * 3 * 0.8)
    assert isinstance(config.loads[0].actuator, RedfishActuator)
    assert config.loads[0].actuator.shape == "auto"


def test_shares_default_to_even_over_all_feeds() -> None:
    config = parse_config(GOOD)
    assert [config.share(config.loads[0], feed) for feed in config.feeds] == [0.5, 0.5]


def test_a_contract_below_the_breaker_is_the_limit() -> None:
    config = parse_config(GOOD.replace("breaker_a = 63", "breaker_a = 63\nlimit_w = 20000", 1))
    assert config.feeds[0].continuous_w == 20_000
    assert config.feeds[1].continuous_w > 20_000


def test_a_config_cannot_be_changed_after_loading() -> None:
    config = parse_config(GOOD)
    with pytest.raises(ValueError, match="frozen"):
        config.control.target_ratio = 0.99  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("breaker_a = 63", "breaker_a = '63'"), "feeds[0] (A).breaker_a: '63' is not a number"),
        (("breaker_a = 63", "breaker_a = nan"), "feeds[0] (A).breaker_a: nan cannot be used"),
        (("breaker_a = 63", "breaker_a = -1"), "breaker_a: -1 is out of range; must be greater"),
        (("breaker_a = 63\n", ""), "feeds[0] (A).breaker_a: missing; add it"),
        (("breaker_a", "braker_a"), "did you mean `breaker_a`?"),
        (('name = "B"', 'name = "A"'), "feeds.name: A is given twice"),
        (("channel = 0", "channel = 32"), "loads[0] (n1).channel: 32 is out of range"),
        (("channel = 0", "channel = 0.5"), "0.5 is not a whole number"),
        (("channel = 0", "channel = true"), "True is not a whole number"),
        (("min_w = 800", "min_w = 10300"), "loads (n1).min_w: 10300 is above max_w 10200"),
        (("http://10.0.0.1", "ftp://10.0.0.1"), "actuator.url: 'ftp://10.0.0.1' is malformed"),
        (('"redfish"', '"redfsh"'), "kind `redfsh` is not known; use `redfish` or `dryrun`"),
        (('kind = "redfish", ', ""), "actuator: has no kind"),
        (("url = ", "uri = "), "actuator.uri: unknown key; did you mean `url`?"),
        (("min_w = 800", "feeds = { A = 0.5, B = 0.4 }\nmin_w = 800"), "shares sum to 0.9"),
        (("min_w = 800", "feeds = { A = 0.5, C = 0.5 }\nmin_w = 800"), "feeds.C: unknown feed"),
        (("min_w = 800", "group = 16\nmin_w = 800"), "group: 16 is out of range"),
        (("[board]", "[bord]"), "bord: unknown key; did you mean `board`?"),
        (("[rack]\nname", "[rack]\nnome"), "rack.nome: unknown key; did you mean `name`?"),
        (('"/dev/ttyACM0"', "5"), "board.port: 5 is not text; put it in quotes"),
        (
            (
                "breaker_a = 63",
                "breaker_a = 63\n"
                "curve_points = { points = [[2, 9, 3]], mnt = 1.1, magnetic = [5, 10] }",
            ),
            "fastest_s is above slowest_s: swap them",
        ),
        (("min_w = 800", "phases = { C = 1 }\nmin_w = 800"), "phases.C: unknown feed"),
        (
            ("breaker_a = 63", "breaker_a = 63\nbefore_w = 0"),
            "feeds (A).before_w: without rack.state_file each restart would believe it; set",
        ),
        (("[board]", "[limits]\ncontract_w = 100\n[board]"), "limits.contract_w: 100 W is below"),
        (("[board]", "[bbu]\nenergy_wh = 5\n[board]"), "bbu.power_w: missing; add it"),
        (("breaker_a = 63", 'breaker_a = 63\ncurve = "z"'), "curve: 'z' is not known; use"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_remedy(
    change: tuple[str, str], expected: str
) -> None:
    found = problems(GOOD.replace(*change, 1))
    assert any(expected in line for line in found), found
    assert all(line.startswith("rack.toml: ") and ";" in line for line in found)


BBU = """
[bbu]
energy_wh = 6000
power_w = 30000
recharge_w = 4000
source = { kind = "redfish", url = "http://10.0.0.9", chassis = "shelf" }
actuator = { kind = "redfish", url = "http://10.0.0.9", chassis = "shelf" }
"""
SOURCE, ACTUATOR = BBU.splitlines()[-2:]


def test_a_battery_shelf_gets_the_documented_defaults() -> None:
    bbu = parse_config(GOOD + BBU).bbu
    assert bbu is not None
    assert isinstance(bbu.source, RedfishBattery)
    assert (bbu.source.battery, bbu.source.timeout_s, bbu.source.verify_tls) == ("1", 2.0, True)
    assert bbu.ride_through_s == 240
    bbu = parse_config(GOOD + BBU.replace(ACTUATOR, "")).bbu
    assert bbu is not None
    assert bbu.actuator is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((SOURCE, ""), "bbu.source: missing: an unread battery counts as empty; add source = {"),
        ((SOURCE, 'source = "redfish"'), "bbu.source: 'redfish' is not a table; write { kind ="),
        ((SOURCE, "source = {}"), "bbu.source: has no kind; add kind ="),
        ((SOURCE, 'source = { kind = "modbus" }'), "kind `modbus` is not known; use `redfish`"),
        ((SOURCE, 'source = { kind = "redfish" }'), "bbu.source.url: missing; add it"),
        (('chassis = "shelf"', 'chasis = "shelf"'), "source.chasis: unknown key; did you mean"),
        (('chassis = "shelf"', 'chassis = "a/b"'), "bbu.source.chassis: 'a/b' is malformed"),
        (('"shelf" }', '"s", battery = "1/2" }'), "bbu.source.battery: '1/2' is malformed"),
        (('"shelf" }', '"s", battery = 1 }'), "bbu.source.battery: 1 is not text"),
        (('"shelf" }', '"s", shape = "power" }'), "bbu.source.shape: unknown key; remove it"),
        (("http://10.0.0.9", "10.0.0.9"), "bbu.source.url: '10.0.0.9' is malformed; write http"),
        ((ACTUATOR, 'actuator = { kind = "ipmi" }'), "bbu.actuator: kind `ipmi` is not known"),
        (
            (ACTUATOR, 'actuator = { kind = "redfish", url = "http://10.0.0.1/", chassis = "1" }'),
            "bbu.actuator: http://10.0.0.1 1 caps a load too; give the shelf its own chassis",
        ),
    ],
)
def test_a_mistake_about_the_battery_is_named_with_its_remedy(
    change: tuple[str, str], expected: str
) -> None:
    found = problems(GOOD + BBU.replace(*change, 1))
    assert any(expected in line for line in found), found


def test_all_mistakes_are_reported_at_once() -> None:
    text = GOOD.replace("breaker_a = 63", "breaker_a = 0").replace("channel = 0", "chanel = 0")
    text += "[control]\ntarget_ratio = 0.99\n"
    found = "\n".join(problems(text))
    for part in ("(A).breaker_a", "(B).breaker_a", "channel: missing", "chanel", "bands"):
        assert part in found


def test_two_loads_on_one_channel_or_one_bmc_are_refused() -> None:
    found = "\n".join(problems(GOOD + LOAD.replace("n1", "n2")))
    assert "loads.channel: 0 is given twice" in found
    assert "loads.actuator: http://10.0.0.1 1 is given twice" in found


def test_minimums_that_cannot_fit_are_refused_with_the_sum() -> None:
    found = problems(GOOD.replace("breaker_a = 63", "breaker_a = 0.6"))
    assert any("feeds (A): the minimums of its loads sum to 400 W" in line for line in found)


def test_more_feeds_than_the_board_meters_are_refused() -> None:
    found = problems(HEAD + '[[feeds]]\nname = "C"\nbreaker_a = 16\n' + LOAD)
    assert any("keep the 2 that the board meters" in line for line in found)


def test_sections_that_are_missing_are_all_named() -> None:
    found = "\n".join(problems(""))
    for section in ("rack", "board", "feeds", "loads"):
        assert f"rack.toml: {section}: " in found


def test_a_hungry_threshold_that_every_load_meets_is_refused() -> None:
    found = problems(GOOD + "[control]\nhungry_ratio = 0.94\n")
    assert any("control.hungry_ratio" in line for line in found)


def test_malformed_toml_is_named_with_line_and_column() -> None:
    (found,) = problems("[rack]\nname = \n")
    assert "not valid TOML" in found
    assert "line 2" in found


def test_a_phase_that_the_feed_does_not_have_is_named() -> None:
    text = GOOD.replace("breaker_a = 63", "breaker_a = 63\nphases = 1", 1)
    text = text.replace("min_w = 800", "phases = { A = 3 }\nmin_w = 800", 1)
    assert any("phases.A: feed A has no phase 3; use 1 to 1" in line for line in problems(text))


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "no such file"), (b"[rack]\n\xff\n", "line 2: not UTF-8")],
)
def test_an_unreadable_file_is_one_clear_line(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "rack.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=expected):
        load_config(path)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        load_config(tmp_path)


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    path = tmp_path / "rack.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert isinstance(load_config(path), Config)


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace(LOAD, "").replace("[rack]", "loads = 3\n[rack]", 1),
        GOOD.replace("channel = 0", "channel = " + "9" * 5000),
        GOOD + "x = " + "[" * 20_000,
    ],
    ids=["loads-is-a-number", "huge-integer", "deep"],
)
def test_values_that_overstrain_the_parser_are_mistakes_of_the_file(text: str) -> None:
    assert all(line.startswith("rack.toml: ") for line in problems(text))


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pw@h",
        "http://h:99999",
        "http://h:0",
        "http://h:",
        "http://h:abc",
        "http://[::1",
        "http://[::g]",
        "http://h\u00e9\u2603.x",
        "http://xn--\u00ad",
        "http://..",
        "http://a..b",
        "http://-a",
        "http://a?x=1",
        "http://a#x",
        "http://a/b",
        "http://",
        "ftp://a",
        "http://a\\b",
        "http://" + "a" * 64,
        "http://[::1]x",
        "http://[fe80::1%eth0]",
        "http://10.0.0.999",
    ],
)
def test_an_address_no_request_can_go_to_is_refused(url: str) -> None:
    text = GOOD.replace('"http://10.0.0.1"', json.dumps(url))
    (line,) = problems(text)
    assert "write http://HOST or https://HOST:PORT" in line


@pytest.mark.parametrize(
    "url",
    ["http://[fd00::17]:8443", "https://bmc_1.Rack-2.example/", "http://h:65535", "http://a.b."],
)
def test_an_address_that_is_accepted_can_be_used(url: str) -> None:
    parse_config(GOOD.replace("http://10.0.0.1", url))
    RedfishHttp(url).close()


@pytest.mark.parametrize("code", [0x00, 0x07, 0x1B, 0x7F, 0x9B, 0x200B, 0x202E, 0x2066, 0xFEFF])
def test_names_and_ports_without_what_falsifies_a_log_line(code: int) -> None:
    bad = json.dumps(f"n{chr(code)}1").replace("\x7f", "\\u007f")
    for text in (GOOD.replace('"n1"', bad), GOOD.replace('"/dev/ttyACM0"', bad)):
        (line,) = problems(text)
        assert chr(code) not in line
