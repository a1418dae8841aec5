# SPDX-License-Identifier: Apache-2.0
"""The lean HTTP/1.1 parser of the front-ends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.frontends import http1
from hil.frontends.http1 import BadRequestError, Parser, Response


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
