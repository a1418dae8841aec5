# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM: the golden frames through the firmware's codec.
#     vm_codec.py codec.json

import binascii
import json
import sys

from firmware_py.link.codec import Decoder, Frame, encode
from firmware_py.link.wire import CRC_BYTES, HEADER_BYTES, VERSION


def _encoded(case):
    payload = binascii.unhexlify(case["payload"])
    frame = Frame(case["type"], len(payload))
    frame.body[HEADER_BYTES : HEADER_BYTES + len(payload)] = payload
    frame.seal(case["flags"], case["seq"], case["session"])
    out = bytearray(len(frame.body) + 3)
    encode(frame.body, out, 0)
    return binascii.hexlify(out).decode()


def _decoded(data):
    found = []

    def sink(body, n):
        if body[0] >> 4 == VERSION:
            found.append(binascii.hexlify(body[HEADER_BYTES : n - CRC_BYTES]).decode())

    decoder = Decoder()
    decoder.feed(data, len(data), sink)
    return found, decoder.errors


with open(sys.argv[1]) as file:  # noqa: PTH123
    golden = json.loads(file.read())
good = golden["good"]
print(
    json.dumps(
        {
            "encoded": [_encoded(case) for case in good],
            "decoded": [_decoded(binascii.unhexlify(case["frame"]))[0][0] for case in good],
            "streams": [_decoded(binascii.unhexlify(case["bytes"])) for case in golden["stream"]],
        }
    )
)
