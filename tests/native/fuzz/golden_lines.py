# SPDX-License-Identifier: Apache-2.0
"""Print golden/codec.json one vector per line, for the C driver, which reads no JSON."""

import json
from pathlib import Path

COUNTS = ("too_long", "cobs_errors", "too_short", "crc_errors", "version_errors", "frames")
golden = json.loads((Path(__file__).parents[2] / "golden" / "codec.json").read_text())
for case in golden["good"]:
    fields = (case[name] for name in ("flags", "type", "seq", "session"))
    print("good", *fields, f".{case['payload'] or '-'}", f".{case['frame']}")
for case in golden["stream"]:
    print("stream", *(case["counts"][name] for name in COUNTS), f".{case['bytes']}")
