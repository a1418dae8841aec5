# SPDX-License-Identifier: Apache-2.0
# Runs inside the MicroPython VM: the golden challenges and frames through the firmware's Auth.
#     vm_auth.py auth.json

import json
import sys
from binascii import hexlify, unhexlify

from firmware_py.link.auth import Auth
from firmware_py.link.codec import Decoder
from firmware_py.link.commands import BoardInfo
from firmware_py.link.events import Events

with open(sys.argv[1]) as file:  # noqa: PTH123
    golden = json.loads(file.read())
info = BoardInfo("golden", golden["boot_id"], nonce=unhexlify(golden["boot_nonce"]))
auth = Auth(unhexlify(golden["key"]), info, Events())
answers = [auth.challenge(unhexlify(c["host_nonce"])) for c in golden["challenges"]]
verdicts = []
decoder = Decoder()
for case in golden["frames"]:
    data = unhexlify(case["frame"])
    decoder.feed(data, len(data), lambda b, n: verdicts.append(auth.refusal(memoryview(b)[:n], 0)))
print(json.dumps({"answers": [hexlify(a).decode() for a in answers], "verdicts": verdicts}))
