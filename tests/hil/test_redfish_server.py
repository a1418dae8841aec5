# SPDX-License-Identifier: Apache-2.0
"""The Redfish front-end on a real loopback socket."""

import socket
import threading
import time

import httpx
import pytest

from edge.errors import ConfigError, PortError
from hil.frontends import http_server
from hil.frontends.http1 import DROP, Response
from hil.frontends.http_server import HttpServer
from hil.frontends.redfish import RedfishServer, rack_service
from hil.plant import Rack, RackSpec
from hil.trace import Trace


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
