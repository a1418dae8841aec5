# SPDX-License-Identifier: Apache-2.0
"""The frame's crc in halves, as 32-bit boards make it, is zlib's."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from firmware_py.link.crc import put_halves, put_whole


@given(st.binary(max_size=240))
def test_both_ways_write_crc32(data):
    for put in (put_halves, put_whole):
        body = bytearray(8)
        put(data, body, 2)
        assert body == bytes(2) + zlib.crc32(data).to_bytes(4, "little") + bytes(2)
