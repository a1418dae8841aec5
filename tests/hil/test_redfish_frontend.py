# SPDX-License-Identifier: Apache-2.0
import json
import socket
import threading
import time

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import ConfigError, PortError
from hil.frontends import http1, http_server
from hil.frontends.http1 import DROP, BadRequestError, Parser, Request, Response
from hil.frontends.http_server import HttpServer
from hil.frontends.redfish import RedfishServer, RedfishService, rack_service
from hil.frontends.redfish_limit import Chassis
from hil.plant import Rack, RackSpec
from hil.trace import Trace

BASE = "/redfish/v1/Chassis/node 1"
POWER, CONTROL, METRICS = (
    f"{BASE}/{v}" for v in ("Power", "Controls/PowerLimit", "EnvironmentMetrics")
)
VIEWS = (POWER, CONTROL, METRICS)


def limit_body(path, watts):
    if path == POWER:
        return {"PowerControl": [{"PowerLimit": {"LimitInWatts": watts}}]}
    return {"SetPoint": watts} if path == CONTROL else {"PowerLimitWatts": {"SetPoint": watts}}


def limit_of(path, document):
    if path == POWER:
        return document["PowerControl"][0]["PowerLimit"]["LimitInWatts"]
    return document["SetPoint"] if path == CONTROL else document["PowerLimitWatts"]["SetPoint"]


class Bench:
    """A service over two servers, called without a socket."""

    def __init__(self, **options):
        self.watts = [4321.04, 5000.0]
        self.caps = []
        self.service = RedfishService(
            [Chassis("node 1", 3000, 10_000), Chassis("n2", 3000, 10_000)],
            self.watts.__getitem__,
            lambda index, watts: self.caps.append((index, watts)),
            **options,
        )

    def call(self, method, path, body=None, **headers):
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        return self.service.handle(Request(method, path.replace(" ", "%20"), named, raw))

    def get(self, path):
        response = self.call("GET", path)
        assert response.status == 200
        return json.loads(response.body)


@pytest.fixture
def bench():
    return Bench()


def message_ids(response):
    info = json.loads(response.body)["error"]["@Message.ExtendedInfo"]
    return [entry["MessageId"].split(".")[-1] for entry in info]


def test_every_link_from_the_root_leads_to_a_resource_that_names_itself(bench):
    seen, todo = set(), ["/redfish/v1/"]
    while todo:
        path = todo.pop()
        if path in seen or "#" in path:
            continue
        seen.add(path)
        document = bench.get(path)
        assert document["@odata.id"] == path
        todo += links(document)
    assert {path.replace(" ", "%20") for path in VIEWS} <= seen
    assert len(seen) == 2 + 2 * 5


def links(node):
    if isinstance(node, dict):
        own = [node["@odata.id"]] if "@odata.id" in node else []
        return own + [link for child in node.values() for link in links(child)]
    return [link for child in node for link in links(child)] if isinstance(node, list) else []


@pytest.mark.parametrize("path", VIEWS)
def test_a_reading_is_the_draw_of_the_rack(bench, path):
    text = json.dumps(bench.get(path))
    assert "4321.0" in text
    bench.watts[0] = 777.0
    assert "777.0" in json.dumps(bench.get(path))


@pytest.mark.parametrize("written", VIEWS)
def test_one_limit_is_seen_by_all_views_and_reaches_the_rack(bench, written):
    assert [limit_of(path, bench.get(path)) for path in VIEWS] == [None] * 3
    response = bench.call("PATCH", written, limit_body(written, 4200))
    assert (response.status, response.body) == (204, b"")
    assert [limit_of(path, bench.get(path)) for path in VIEWS] == [4200] * 3
    assert bench.get(CONTROL)["ControlMode"] == "Automatic"
    assert bench.caps == [(0, 4200)]
    assert bench.service.limit_w(0) == 4200
    assert bench.service.limit_w(1) is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *((path, limit_body(path, None)) for path in VIEWS),
        (CONTROL, {"ControlMode": "Disabled"}),
        (METRICS, {"PowerLimitWatts": {"ControlMode": "Disabled"}}),
    ],
)
def test_a_limit_can_be_taken_off(bench, path, body):
    bench.call("PATCH", POWER, limit_body(POWER, 4200))
    assert bench.call("PATCH", path, body).status == 204
    assert bench.caps[-1] == (0, None)
    assert bench.get(CONTROL)["ControlMode"] == "Disabled"
    assert limit_of(METRICS, bench.get(METRICS)) is None


def test_exception_and_correction_are_kept_and_do_not_write_a_cap():
    bench = Bench(limit_exception="HardPowerOff")
    body = {"PowerControl": [{"PowerLimit": {"CorrectionInMs": 50}}]}
    assert bench.call("PATCH", POWER, body).status == 204
    limit = bench.get(POWER)["PowerControl"][0]["PowerLimit"]
    assert limit == {"LimitInWatts": None, "LimitException": "HardPowerOff", "CorrectionInMs": 50}
    body = {"PowerControl": [{"PowerLimit": {"LimitException": "LogEventOnly"}}]}
    assert bench.call("PATCH", POWER, body).status == 204
    assert bench.get(POWER)["PowerControl"][0]["PowerLimit"]["LimitException"] == "LogEventOnly"
    assert bench.caps == []
    assert bench.service.caps_written == 0


def test_power_metrics_cover_the_readings_served(bench):
    for watts in (4000.0, 6000.0, 5000.0):
        bench.watts[0] = watts
        metrics = bench.get(POWER)["PowerControl"][0]["PowerMetrics"]
    assert metrics == {
        "MinConsumedWatts": 4000.0,
        "MaxConsumedWatts": 6000.0,
        "AverageConsumedWatts": 5000.0,
    }


@pytest.mark.parametrize(
    ("path", "body", "message_id"),
    [
        *((path, b"{", "MalformedJSON") for path in VIEWS),
        (POWER, b"", "MalformedJSON"),
        (POWER, b"[" * 16000, "MalformedJSON"),
        (POWER, b'{"a":"\xff"}', "MalformedJSON"),
        (POWER, b"[]", "PropertyValueTypeError"),
        (POWER, {}, "PropertyMissing"),
        (POWER, {"PowerLimit": 1}, "PropertyUnknown"),
        (POWER, {"PowerControl": {}}, "PropertyValueTypeError"),
        (POWER, {"PowerControl": []}, "PropertyValueTypeError"),
        (POWER, {"PowerControl": [7]}, "PropertyValueTypeError"),
        (POWER, {"PowerControl": [{"PowerConsumedWatts": 1}]}, "PropertyUnknown"),
        (POWER, {"PowerControl": [{"PowerLimit": None}]}, "PropertyValueTypeError"),
        (POWER, {"PowerControl": [{"PowerLimit": {}}]}, "PropertyMissing"),
        (
            POWER,
            {"PowerControl": [{"PowerLimit": {"LimitException": "Off"}}]},
            "PropertyValueNotInList",
        ),
        (
            POWER,
            {"PowerControl": [{"PowerLimit": {"LimitException": None}}]},
            "PropertyValueNotInList",
        ),
        (
            POWER,
            {"PowerControl": [{"PowerLimit": {"CorrectionInMs": -1}}]},
            "PropertyValueOutOfRange",
        ),
        (CONTROL, {"SetPoint": 4000, "Name": "x"}, "PropertyUnknown"),
        (CONTROL, {"ControlMode": "Manual"}, "PropertyValueNotInList"),
        (CONTROL, {"ControlMode": "Automatic"}, "PropertyMissing"),
        (METRICS, {"PowerWatts": {}}, "PropertyUnknown"),
        (METRICS, {"PowerLimitWatts": 4000}, "PropertyValueTypeError"),
        *((path, limit_body(path, 2999), "PropertyValueOutOfRange") for path in VIEWS),
        *((path, limit_body(path, 99_999), "PropertyValueOutOfRange") for path in VIEWS),
        *((path, limit_body(path, 10**400), "PropertyValueOutOfRange") for path in VIEWS),
        *((path, limit_body(path, "4000"), "PropertyValueTypeError") for path in VIEWS),
        *((path, limit_body(path, True), "PropertyValueTypeError") for path in VIEWS),
        *((path, limit_body(path, float("nan")), "PropertyValueTypeError") for path in VIEWS),
    ],
)
def test_a_bad_patch_is_refused_with_the_reason_and_changes_nothing(bench, path, body, message_id):
    response = bench.call("PATCH", path, body)
    assert (response.status, message_ids(response)) == (400, [message_id])
    assert bench.caps == []
    assert limit_of(path, bench.get(path)) is None


def test_etags_change_with_the_limit_and_not_with_the_reading(bench):
    def etag(path):
        return dict(bench.call("GET", path).headers)["ETag"]

    first = etag(POWER)
    bench.watts[0] = 1.0
    assert etag(CONTROL) == first
    response = bench.call("PATCH", METRICS, limit_body(METRICS, 4000))
    assert dict(response.headers)["ETag"] == etag(POWER) != first


def test_if_match_guards_a_patch(bench):
    old = dict(bench.call("GET", POWER).headers)["ETag"]
    body = limit_body(POWER, 4000)
    assert bench.call("PATCH", POWER, body, If_Match=old).status == 204
    refused = bench.call("PATCH", POWER, limit_body(POWER, 5000), If_Match=old)
    assert (refused.status, message_ids(refused)) == (412, ["PreconditionFailed"])
    assert bench.caps == [(0, 4000)]
    new = dict(bench.call("GET", POWER).headers)["ETag"]
    assert bench.call("PATCH", POWER, body, If_Match=f'"zz", {new}').status == 204
    assert bench.call("PATCH", POWER, body, If_Match="*").status == 204


def test_a_service_may_insist_on_if_match():
    bench = Bench(require_etag=True)
    assert bench.call("PATCH", POWER, limit_body(POWER, 4000)).status == 428
    assert bench.caps == []
    etag = dict(bench.call("GET", POWER).headers)["ETag"]
    assert bench.call("PATCH", POWER, limit_body(POWER, 4000), If_Match=etag).status == 204


def test_a_service_may_answer_a_patch_with_the_resource():
    bench = Bench(patch_reply=200)
    response = bench.call("PATCH", CONTROL, limit_body(CONTROL, 4000))
    assert response.status == 200
    assert json.loads(response.body)["SetPoint"] == 4000


@pytest.mark.parametrize(
    "path", ["/", "/redfish/v1/Systems", f"{BASE}x", f"{BASE}/Power/x", "/%ff"]
)
def test_an_unknown_path_is_404(bench, path):
    assert bench.call("GET", path).status == 404


def test_a_trailing_slash_and_a_query_do_not_matter(bench):
    assert bench.get(POWER + "/") == bench.get(POWER + "?$select=PowerControl")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("POST", POWER, "GET, PATCH"), ("DELETE", METRICS, "GET, PATCH"), ("PATCH", BASE, "GET")],
)
def test_other_methods_are_405_and_say_what_is_allowed(bench, method, path, allow):
    response = bench.call(method, path, {})
    assert response.status == 405
    assert dict(response.headers)["Allow"] == allow


def test_injected_faults_hit_one_chassis_the_given_number_of_times(bench):
    bench.service.fail(0, 503, times=2)
    other = "/redfish/v1/Chassis/n2/Power"
    assert [bench.call("GET", path).status for path in (POWER, other, POWER, POWER)] == [
        503,
        200,
        503,
        200,
    ]


def test_requests_and_caps_are_counted(bench):
    bench.get(POWER)
    bench.call("PATCH", POWER, limit_body(POWER, 4000))
    bench.call("PATCH", POWER, b"{")
    assert (bench.service.requests, bench.service.caps_written) == (3, 1)


# --- parser ---------------------------------------------------------------------------------


def parsed(data: bytes):
    parser = Parser()
    parser.feed(data)
    return parser.next()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\n\r\n", 400),
        (b"G T / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1e2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 16385\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 9000, 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_not_a_request_is_refused_with_its_status(data, status):
    with pytest.raises(BadRequestError) as refused:
        parsed(data)
    assert refused.value.status == status


REQUESTS = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nPATCH /b HTTP/1.1\r\ncontent-length:3\r\n\r\nxyz"


@settings(max_examples=60)
@given(st.lists(st.integers(1, 30), max_size=20))
def test_requests_come_out_whole_however_the_bytes_arrive(cuts):
    parser, out, at = Parser(), [], 0
    for cut in [*cuts, len(REQUESTS)]:
        parser.feed(REQUESTS[at : at + cut])
        at += cut
        while request := parser.next():
            out.append((request.method, request.path, request.body))
    assert out == [("GET", "/a", b""), ("PATCH", "/b", b"xyz")]
    assert parser.pending == 0


@settings(max_examples=150)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_give_requests_or_a_refusal(data, prefixed):
    parser = Parser()
    parser.feed((b"GET / HTTP/1.1\r\n" if prefixed else b"") + data)
    status = 0
    try:
        while parser.next():
            status = 200
    except BadRequestError as refused:
        status = refused.status
    assert status in (0, 200, 400, 413, 431, 501, 505)


def test_a_reply_is_one_block_with_its_length():
    block = http1.encode(Response(200, b"{}", (("ETag", '"1"'),)), keep_alive=True)
    head, body = block.split(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b'ETag: "1"',
        b"Connection: keep-alive",
        b"Content-Length: 2",
    ]
    assert body == b"{}"
    assert b"Content-Length" not in http1.encode(Response(204), keep_alive=False)


# --- on a real socket -----------------------------------------------------------------------


class Steady:
    def at(self, _t_ms):
        return (8000.0, 8000.0)


@pytest.fixture
def rack():
    rows = ((2000.0, 2000.0), (8000.0, 8000.0))
    return Rack(RackSpec.for_trace(Trace("t", ("a", "b"), (0.0, 1.0), rows), 1.0), Steady())


def test_a_cap_patched_over_http_really_lowers_the_draw(rack):
    with RedfishServer(rack_service(rack, threading.Lock())) as bmc, httpx.Client() as client:
        path = f"{bmc.url}/redfish/v1/Chassis/b/Power"
        rack.step(100)
        reading = client.get(path).json()["PowerControl"][0]
        assert reading["PowerConsumedWatts"] == pytest.approx(8000, rel=0.01)
        body = {"PowerControl": [{"PowerLimit": {"LimitInWatts": 5000}}]}
        assert client.patch(path, json=body).status_code == 204
        for _ in range(40):
            rack.step(100)
        reading = client.get(path).json()["PowerControl"][0]
        assert reading["PowerConsumedWatts"] == pytest.approx(5000, rel=0.01)
        assert reading["PowerLimit"]["LimitInWatts"] == 5000
        assert rack.load_w[0] == pytest.approx(8000, rel=0.01)
        assert bmc.service.requests == 3


def test_one_connection_serves_many_requests_and_close_is_obeyed(rack):
    with RedfishServer(rack_service(rack)) as bmc, connect(bmc.url) as peer:
        get = b"GET /redfish/v1/ HTTP/1.1\r\n\r\n"
        peer.sendall(get + get + get.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        everything = read_to_end(peer)
    assert everything.count(b"HTTP/1.1 200 OK") == 3
    assert everything.count(b"Connection: close") == 1


def connect(url):
    host, port = url.removeprefix("http://").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=5)


def read_to_end(peer):
    blocks = []
    while block := peer.recv(65536):
        blocks.append(block)
    return b"".join(blocks)


def test_garbage_is_answered_once_and_the_connection_closed(rack):
    with RedfishServer(rack_service(rack)) as bmc:
        with connect(bmc.url) as peer:
            peer.sendall(b"\x00\xff garbage\r\n\r\n")
            assert read_to_end(peer).startswith(b"HTTP/1.1 400 ")
        assert httpx.get(f"{bmc.url}/redfish/v1/").status_code == 200


def test_a_dropped_connection_is_an_error_for_the_client_and_only_once(rack):
    with RedfishServer(rack_service(rack)) as bmc, httpx.Client(base_url=bmc.url) as client:
        bmc.service.fail(0, DROP)
        with pytest.raises(httpx.TransportError):
            client.get("/redfish/v1/Chassis/a/Power")
        assert client.get("/redfish/v1/Chassis/a/Power").status_code == 200


def test_a_slow_bmc_delays_replies_and_overlaps_connections(rack):
    with RedfishServer(rack_service(rack), latency_s=0.15) as bmc:
        with httpx.Client(base_url=bmc.url) as client, pytest.raises(httpx.ReadTimeout):
            client.get("/redfish/v1/", timeout=0.03)
        peers = [connect(bmc.url) for _ in range(8)]
        before = time.monotonic()
        for peer in peers:
            peer.sendall(b"GET /redfish/v1/ HTTP/1.1\r\nConnection: close\r\n\r\n")
        replies = [read_to_end(peer) for peer in peers]
        assert time.monotonic() - before >= 0.15
        for peer in peers:
            peer.close()
    assert all(reply.startswith(b"HTTP/1.1 200") for reply in replies)


def test_a_reply_larger_than_the_socket_buffer_arrives_whole():
    big = bytes(range(256)) * 40_000
    with HttpServer(lambda _: Response(200, big)) as server, connect(server.url) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        everything = read_to_end(peer)
    assert everything.count(big) == 2


def test_a_peer_that_never_reads_its_replies_is_dropped():
    flood = b"GET / HTTP/1.1\r\n\r\n" * 4_000_000
    with (
        HttpServer(lambda _: Response(200), latency_s=30) as server,
        connect(server.url) as peer,
        pytest.raises(OSError, match=r"reset|[Bb]roken pipe"),
    ):
        peer.sendall(flood)


def test_idle_connections_are_closed(monkeypatch):
    monkeypatch.setattr(http_server, "IDLE_S", 0.02)
    with HttpServer(lambda _: Response(200)) as server, connect(server.url) as peer:
        assert read_to_end(peer) == b""


def test_connections_above_the_limit_are_refused_and_others_go_on(monkeypatch):
    monkeypatch.setattr(http_server, "CONNECTIONS_MAX", 1)
    with HttpServer(lambda _: Response(204)) as server, connect(server.url) as first:
        first.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert first.recv(100).startswith(b"HTTP/1.1 204")
        with connect(server.url) as second:
            assert second.recv(1) == b""
        first.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert first.recv(100).startswith(b"HTTP/1.1 204")


def test_a_fault_in_the_handler_is_a_500_now_and_raised_on_close():
    def broken(_):
        raise ZeroDivisionError("in the handler")

    server = HttpServer(broken)
    assert httpx.get(server.url).status_code == 500
    with pytest.raises(ZeroDivisionError, match="in the handler"):
        server.close()
    server.close()


def test_closing_stops_the_thread_and_frees_the_port(rack):
    threads = threading.active_count()
    bmc = RedfishServer(rack_service(rack))
    port = int(bmc.url.rsplit(":", 1)[1])
    with connect(bmc.url) as peer:
        bmc.close()
        bmc.close()
        assert peer.recv(1) == b""
    assert threading.active_count() == threads
    with RedfishServer(rack_service(rack), port=port) as again:
        assert again.url == bmc.url
        with pytest.raises(PortError, match=f"{port}.*choose another port"):
            RedfishServer(rack_service(rack), port=port)


def test_only_loopback_addresses_are_served(rack):
    with pytest.raises(ConfigError, match="use a loopback address"):
        RedfishServer(rack_service(rack), host="0.0.0.0")
