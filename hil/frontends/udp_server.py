# SPDX-License-Identifier: Apache-2.0
"""Datagram services on loopback ports, all in one thread; an answer may be late."""

import heapq
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from edge.errors import PortError
from hil.frontends.serving import Serving

HOST = "127.0.0.1"
DATAGRAM_MAX = 2048
LATE_MAX = 1000
"""Answers that wait to be sent; what comes on top is lost, as on a BMC that is overrun."""

Service = Callable[[bytes, float], bytes | None]
"""(datagram, monotonic s) to the answer, if there is one."""


class _Late(NamedTuple):
    due_s: float
    number: int
    sock: socket.socket
    peer: object
    data: bytes


class UdpServer:
    """Service N on port N of `ports`; `delay_s(N)` is how late its answers are, s."""

    def __init__(
        self, services: Sequence[Service], ports: Sequence[int], delay_s: Callable[[int], float]
    ) -> None:
        """Port 0 is any that is free; `ports` tells which. Raises PortError."""
        self._services = tuple(services)
        self._delay_s = delay_s
        self._sockets: list[socket.socket] = []
        try:
            for port in ports:
                self._sockets.append(_bind(port))
        except PortError:
            self._close_sockets()
            raise
        self.ports: list[int] = [sock.getsockname()[1] for sock in self._sockets]
        self._late: list[_Late] = []
        self._answers = 0
        self._serving = Serving(self._run, "emulated-bmcs")

    def close(self) -> None:
        """Stop and close the ports; safe to call twice. Raises what a service raised."""
        self._serving.close()

    def _run(self, woken: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(woken, selectors.EVENT_READ, None)
            for index, sock in enumerate(self._sockets):
                selector.register(sock, selectors.EVENT_READ, index)
            try:
                while True:
                    for key, _ in selector.select(self._wait_s()):
                        if key.data is None:
                            return
                        self._serve(key.data)
                    self._send_late()
            finally:
                self._close_sockets()

    def _wait_s(self) -> float | None:
        return max(self._late[0].due_s - time.monotonic(), 0.0) if self._late else None

    def _serve(self, index: int) -> None:
        sock = self._sockets[index]
        try:
            data, peer = sock.recvfrom(DATAGRAM_MAX)
        except OSError:  # also the peer's port that is gone
            return
        now_s = time.monotonic()
        try:
            answer = self._services[index](data, now_s)
        except Exception as error:  # kept for close(); the peer gets no answer
            self._serving.failure = error
            return
        if answer is None:
            return
        delay_s = self._delay_s(index)
        if delay_s <= 0:
            _send(sock, answer, peer)
        elif len(self._late) < LATE_MAX:
            self._answers += 1
            heapq.heappush(self._late, _Late(now_s + delay_s, self._answers, sock, peer, answer))

    def _send_late(self) -> None:
        while self._late and self._late[0].due_s <= time.monotonic():
            late = heapq.heappop(self._late)
            _send(late.sock, late.data, late.peer)

    def _close_sockets(self) -> None:
        for sock in self._sockets:
            sock.close()


def _send(sock: socket.socket, data: bytes, peer: object) -> None:
    with suppress(OSError):  # the peer has gone, or the buffer is full: datagrams get lost
        sock.sendto(data, peer)  # type: ignore[call-overload]


def _bind(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((HOST, port))
        sock.setblocking(False)
    except (OSError, OverflowError) as error:
        sock.close()
        raise PortError(
            f"cannot listen on UDP {HOST}:{port} ({error}): choose another port, or 0 for any"
        ) from error
    return sock
