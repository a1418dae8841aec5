# SPDX-License-Identifier: Apache-2.0
"""A serial server (RFC 2217) on loopback, for one client, without any serial port behind it.

Accepts every option and every setting, modem lines included; what the client sends is echoed.
Thrown away with the test: only what pyserial's client needs.
"""

import socket
import threading

IAC, SE, SB, WILL, DO = 255, 240, 250, 251, 253
COM_PORT_OPTION = 44
SERVER_OFFSET = 100  # the server answers command n as n + 100 (RFC 2217, 3)


class Rfc2217Echo(threading.Thread):
    """`with Rfc2217Echo() as server: ... server.port ... server.hang_up()`"""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.port = self._listener.getsockname()[1]
        self.settings: dict[int, bytes] = {}
        """Last value of each setting, by command: 1 is the baud rate."""
        self._client: socket.socket | None = None
        self._pending = b""

    def __enter__(self) -> "Rfc2217Echo":
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.hang_up()
        self._listener.close()
        self.join(5)

    def hang_up(self) -> None:
        if self._client is not None:
            try:
                self._client.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def run(self) -> None:
        try:
            self._client, _ = self._listener.accept()
        except OSError:
            return
        with self._client:
            while data := self._receive():
                self._pending += data
                self._client.sendall(self._answers())

    def _receive(self) -> bytes:
        try:
            return self._client.recv(1024)
        except OSError:
            return b""

    def _answers(self) -> bytes:
        """Answers to all complete commands in what has come; the rest waits."""
        out = b""
        while self._pending:
            taken, answer = self._next()
            if not taken:
                break
            out += answer
            self._pending = self._pending[taken:]
        return out

    def _next(self) -> tuple[int, bytes]:
        data = self._pending
        if data[0] != IAC:
            return 1, data[:1]
        if len(data) >= 2 and data[1] == IAC:
            return 2, data[:2]
        if len(data) >= 3 and data[1] in (WILL, DO):
            return 3, bytes([IAC, DO if data[1] == WILL else WILL, data[2]])
        if len(data) >= 2 and data[1] == SB:
            end = data.find(bytes([IAC, SE]))
            return (end + 2, self._setting(data[2:end])) if end > 0 else (0, b"")
        return (3, b"") if len(data) >= 3 else (0, b"")

    def _setting(self, body: bytes) -> bytes:
        option, command, value = body[0], body[1], body[2:]
        assert option == COM_PORT_OPTION
        self.settings[command] = value
        return bytes([IAC, SB, option, command + SERVER_OFFSET]) + value + bytes([IAC, SE])
