# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 without I/O: bytes to requests, replies to bytes; bounded sizes (RFC 9112)."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

HEAD_MAX = 8192
"""Longest request line and headers, bytes."""

BODY_MAX = 16384
"""Longest request body, bytes."""

DROP = 0
"""Status of a reply that closes the connection without a word, as a crashing BMC does."""

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Request(NamedTuple):
    """One request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Response(NamedTuple):
    """One reply; status DROP sends nothing."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0
    """How late it leaves, besides the server's latency."""


Handler = Callable[[Request], Response]


class BadRequestError(Exception):
    """The bytes are not a request we take; `status` is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Parser:
    """Sans-I/O request parser: bytes in by `feed`, requests out by `next`."""

    __slots__ = ("_buffer", "keep_alive")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.keep_alive = True

    def feed(self, data: bytes) -> None:
        """Take bytes from the peer."""
        self._buffer += data

    @property
    def pending(self) -> int:
        """Bytes taken and not yet returned as a request."""
        return len(self._buffer)

    def next(self) -> Request | None:
        """Return the next whole request, None if there is none; raises BadRequestError."""
        end = self._buffer.find(b"\r\n\r\n")
        if end > HEAD_MAX or (end < 0 and len(self._buffer) > HEAD_MAX):
            raise BadRequestError(431)
        if end < 0:
            return None
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        method, path, version = _request_line(lines[0])
        headers = _headers(lines[1:])
        length = _body_length(headers)
        body_end = end + 4 + length
        if len(self._buffer) < body_end:
            return None
        body = bytes(self._buffer[end + 4 : body_end])
        del self._buffer[:body_end]
        connection = headers.get("connection", "").lower()
        self.keep_alive = connection != "close" if version == "HTTP/1.1" else False
        return Request(method, path, headers, body)


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not parts[0].isalpha() or not parts[1].startswith("/"):
        raise BadRequestError(400)
    if parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequestError(505)
    return parts[0], parts[1], parts[2]


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequestError(400)
        headers[name.lower()] = value.strip()
    return headers


def _body_length(headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise BadRequestError(501)
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise BadRequestError(400)
    if len(text) > 9 or int(text) > BODY_MAX:
        raise BadRequestError(413)
    return int(text)


def encode(response: Response, keep_alive: bool) -> bytes:
    """Return the whole reply as one block of bytes."""
    lines = [f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    if response.status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(response.body)}")
    return "\r\n".join((*lines, "\r\n")).encode("latin-1") + response.body
