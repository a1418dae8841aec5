# SPDX-License-Identifier: Apache-2.0
"""bench.yaml: what it may say, and what is said of its mistakes."""

import json

import pytest

from edge.errors import ConfigError
from hil.bench.file import load, offered, schema
from hil.bench.power import command, usb_port

WHOLE = """\
bench: lab-3
devices:
  rack-a:
    transport: { usb_serial: E6614C311B4F2A2C }
    bus: { url: /dev/ttyS7 }
    baud: 921600
    identity: { machine: rp2, uid: "0001", firmware: 0.1.0, config_crc: 0x1234abcd }
    power:
      driver: command
      on: pdu 4 on
      off: pdu 4 off
    features: [store, my-rig]
    channels:
      feed_a_w: { from: tm_feed_a_mw, scale: 0.001 }
    destructive: true
    notes: upper shelf
  rack-b:
    transport: { by_path: platform-usb-0:1.2:1.0 }
    identity: { machine: esp32, uid: a1b2 }
    power: { driver: usb_port, hub: 1-1, port: 2 }
"""


def write(tmp_path, text):
    path = tmp_path / "bench.yaml"
    path.write_text(text)
    return path


def test_a_whole_file_is_read_as_it_says(tmp_path):
    bench = load(write(tmp_path, WHOLE))
    a, b = bench.device("rack-a"), bench.device("rack-b")
    assert bench.file.bench == "lab-3"
    assert (a.transport.usb_serial, a.bus.url, a.baud) == ("E6614C311B4F2A2C", "/dev/ttyS7", 921600)
    assert (a.identity.uid, a.identity.config_crc) == ("0001", 0x1234ABCD)
    assert isinstance(a.power, command.Settings)
    assert a.power.timeout_s == 10
    assert (a.channels["feed_a_w"].source, a.channels["feed_a_w"].scale) == ("tm_feed_a_mw", 0.001)
    assert a.destructive
    assert isinstance(b.power, usb_port.Settings)
    assert (b.baud, b.bus, b.destructive, b.features) == (115200, None, False, [])
    assert bench.where("rack-b", "identity").endswith("bench.yaml:19")


MISTAKES = [
    ("baud: 921600", "baud: fast", 6, r"devices\.rack-a\.baud: .*valid integer.*'fast'"),
    ("baud: 921600", "bauds: 9600", 6, r"devices\.rack-a\.bauds: no such key; remove it"),
    ("baud: 921600", "baud: 1", 6, r"devices\.rack-a\.baud: .*greater than or equal to 300.*1"),
    ('uid: "0001"', "uid: 0001", 7, r"identity\.uid: is text; write it in quotes"),
    ("machine: rp2, ", "", 7, r"identity\.machine: is missing; add it"),
    ("driver: command", "driver: magic", 8, r"no driver 'magic'|no driver magic.*command.*usb"),
    ("      on: pdu 4 on\n", "", 8, r"devices\.rack-a\.power\.on: is missing"),
    ("[store, my-rig]", "[line]", 12, r"line is not for you to promise"),
    ("tm_feed_a_mw", "tm_feed_x_mw", 14, r"no board offers 'tm_feed_x_mw'; there are tm_state"),
    ("tm_feed_a_mw", "feed_a_mw", 14, r"no board offers 'feed_a_mw'"),
    ("usb_serial: E6614C311B4F2A2C", "usb_serial: a, url: b", 4, r"exactly one of usb_serial"),
    ("usb_serial: E6614C311B4F2A2C", "", 4, r"exactly one of usb_serial"),
    ("url: /dev/ttyS7", "url: loop://", 5, r"nobody answers behind loop://"),
    ("rack-b:", "micropython:", 2, r"micropython always means the virtual device"),
    ("rack-b:", "Rack B:", 17, r"'Rack B' does not look like"),
    ("bench: lab-3\n", "", 1, r"bench: is missing"),
    ("hub: 1-1", "hub: hub0", 20, r"power\.hub: 'hub0' does not look like"),
    ("destructive: true", "destructive: yes", 15, r"destructive: .*valid boolean.*'yes'"),
]


@pytest.mark.parametrize(("old", "new", "line", "said"), MISTAKES)
def test_a_mistake_is_told_with_file_line_and_key(tmp_path, old, new, line, said):
    assert WHOLE.count(old) == 1
    path = write(tmp_path, WHOLE.replace(old, new))
    with pytest.raises(ConfigError, match=rf"^{path}:{line}: .*{said}"):
        load(path)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path):
    text = WHOLE.replace("baud: 921600", "baud: x").replace("port: 2", "port: 99")
    path = write(tmp_path, text.replace("bench: lab-3", "bench: Lab"))
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[1] for line in lines] == ["1", "6", "20"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bench: [", r"bench\.yaml:\d+: "),
        ("bench: a\nbench: b\n", r"bench\.yaml:2: bench: written twice"),
        ("", r"bench\.yaml: empty"),
        ("- 1\n", r"bench\.yaml:1: file: "),
        ("bench: a\ndevices: {}\n", r"bench\.yaml:2: devices: .*at least 1"),
        ("bench: !!python/object:os.system a\n", r"bench\.yaml:1: "),
        ("1: 2\nbench: a\n", r"bench\.yaml:1: "),
    ],
)
def test_what_is_no_bench_file_is_told_in_a_line(tmp_path, text, said):
    with pytest.raises(ConfigError, match=said):
        load(write(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"bench\.yaml: no such file"):
        load(tmp_path / "bench.yaml")
    (tmp_path / "bench.yaml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "bench.yaml")


def test_an_unknown_device_names_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match="has no device rack-c: it has rack-a, rack-b"):
        load(write(tmp_path, WHOLE)).device("rack-c")


def test_channels_that_are_none_of_the_runs_signals_are_an_error(tmp_path):
    bench = load(write(tmp_path, WHOLE))
    bench.check_channels("rack-a", frozenset({"feed_a_w", "inlet_c"}))
    with pytest.raises(ConfigError, match=r"bench\.yaml:14: no signal feed_a_w .* are inlet_c"):
        bench.check_channels("rack-a", frozenset({"inlet_c"}))


def test_offered_fields_are_those_of_telemetry_and_cooling():
    assert {"tm_state", "tm_heap_free", "tm_flow_mlm"} <= set(offered())
    assert len(set(offered())) == len(offered())


def test_the_schema_is_json_and_closed():
    found = json.loads(json.dumps(schema()))
    assert found["additionalProperties"] is False
    assert found["required"] == ["bench", "devices"]
    assert "from" in found["$defs"]["Channel"]["properties"]
