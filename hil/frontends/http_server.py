# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/1.1 server for emulated BMCs: one thread, keep-alive, bounded, loopback only.

The handler is a plain function `Request -> Response`. A reply leaves in one send with Nagle off:
header and body apart cost 40 ms each way against delayed ACKs.
"""

import heapq
import ipaddress
import selectors
import socket
import time
from contextlib import suppress
from typing import Self

from edge.errors import ConfigError, PortError
from hil.frontends.http1 import (
    BODY_MAX,
    DROP,
    HEAD_MAX,
    BadRequestError,
    Handler,
    Parser,
    Request,
    Response,
    encode,
)
from hil.frontends.serving import Serving

CONNECTIONS_MAX = 64
IDLE_S = 30.0
"""A connection without traffic for this long is closed."""

PENDING_MAX = 4 * (HEAD_MAX + BODY_MAX)
"""A peer that sends more than this ahead of the replies is dropped, bytes."""


class _Connection:
    __slots__ = ("closing", "last_s", "out", "parser", "sock", "waiting")

    def __init__(self, sock: socket.socket, now_s: float) -> None:
        self.sock = sock
        self.parser = Parser()
        self.out = bytearray()
        self.last_s = now_s
        self.closing = False
        self.waiting = False


class HttpServer:
    """Serve `handler` on a loopback address from one thread; a context manager."""

    def __init__(
        self, handler: Handler, host: str = "127.0.0.1", port: int = 0, latency_s: float = 0.0
    ) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ConfigError(f"emulated BMC on {host}: it has no security, use a loopback address")
        self.latency_s = latency_s
        self._handler = handler
        self._listener = _listen(host, port)
        self._selector = selectors.DefaultSelector()
        self._late: list[tuple[float, int, _Connection, bytes]] = []
        self._replies = 0
        self._connections: set[_Connection] = set()
        address = f"[{host}]" if ":" in host else host
        self.url = f"http://{address}:{self._listener.getsockname()[1]}"
        self._serving = Serving(self._run, "emulated-bmc")

    def __enter__(self) -> Self:
        """Return itself: it serves from construction on."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop and close every connection."""
        self.close()

    def close(self) -> None:
        """Stop and close every socket; safe to call twice. Raises what the handler raised."""
        self._serving.close()

    def _run(self, woken: socket.socket) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(woken, selectors.EVENT_READ, None)
        next_sweep_s = time.monotonic() + IDLE_S
        try:
            while True:
                for key, events in self._selector.select(self._wait_s(next_sweep_s)):
                    if key.fileobj is woken:
                        return
                    if key.fileobj is self._listener:
                        self._accept()
                    else:
                        self._serve(key.data, events)
                self._send_late()
                if time.monotonic() >= next_sweep_s:
                    next_sweep_s = self._sweep()
        finally:
            for connection in list(self._connections):
                self._drop(connection)
            self._selector.close()
            self._listener.close()

    def _wait_s(self, next_sweep_s: float) -> float:
        due_s = min(self._late[0][0], next_sweep_s) if self._late else next_sweep_s
        return max(due_s - time.monotonic(), 0.0)

    def _accept(self) -> None:
        with suppress(OSError):  # the peer may already have gone
            sock, _ = self._listener.accept()
            if len(self._connections) >= CONNECTIONS_MAX:
                sock.close()
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(sock, time.monotonic())
            self._connections.add(connection)
            self._selector.register(sock, selectors.EVENT_READ, connection)

    def _serve(self, connection: _Connection, events: int) -> None:
        connection.last_s = time.monotonic()
        try:
            if events & selectors.EVENT_WRITE:
                self._flush(connection)
                return
            data = connection.sock.recv(HEAD_MAX + BODY_MAX)
            if not data:
                self._drop(connection)
                return
            connection.parser.feed(data)
            self._answer(connection)
            if connection.parser.pending > PENDING_MAX:
                self._drop(connection)
        except BlockingIOError:
            return
        except OSError:
            self._drop(connection)

    def _answer(self, connection: _Connection) -> None:
        """Answer what has arrived whole; one request at a time, so that replies keep order."""
        while not (connection.waiting or connection.closing):
            try:
                request = connection.parser.next()
                if request is None:
                    return
                response = self._handle(request)
                keep_alive = connection.parser.keep_alive
            except BadRequestError as refused:
                response, keep_alive = Response(refused.status), False
            if response.status == DROP:
                self._drop(connection)
                return
            connection.closing = not keep_alive
            self._reply(connection, encode(response, keep_alive), response.delay_s)

    def _handle(self, request: Request) -> Response:
        try:
            return self._handler(request)
        except Exception as error:  # kept for close(); the client gets its 500
            self._serving.failure = error
            return Response(500)

    def _reply(self, connection: _Connection, reply: bytes, delay_s: float) -> None:
        delay_s += self.latency_s
        if delay_s <= 0:
            self._send(connection, reply)
            return
        connection.waiting = True
        self._replies += 1
        due_s = time.monotonic() + delay_s
        heapq.heappush(self._late, (due_s, self._replies, connection, reply))

    def _send_late(self) -> None:
        while self._late and self._late[0][0] <= time.monotonic():
            connection, reply = heapq.heappop(self._late)[2:]
            connection.waiting = False
            try:
                self._send(connection, reply)
                self._answer(connection)
            except OSError:  # also when the peer has gone and its socket is closed
                self._drop(connection)

    def _send(self, connection: _Connection, reply: bytes) -> None:
        connection.out += reply
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        with suppress(BlockingIOError):
            del connection.out[: connection.sock.send(connection.out)]
        if connection.closing and not connection.out:
            self._drop(connection)
            return
        events = selectors.EVENT_WRITE if connection.out else selectors.EVENT_READ
        if self._selector.get_key(connection.sock).events != events:
            self._selector.modify(connection.sock, events, connection)
            if not connection.out:
                self._answer(connection)

    def _sweep(self) -> float:
        now_s = time.monotonic()
        for connection in list(self._connections):
            if now_s - connection.last_s > IDLE_S and not connection.waiting:
                self._drop(connection)
        return now_s + IDLE_S

    def _drop(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            self._selector.unregister(connection.sock)
            connection.sock.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(CONNECTIONS_MAX)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise PortError(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another port, or 0 for any"
        ) from error
    return listener
