# SPDX-License-Identifier: Apache-2.0
"""The golden codec vectors, and allocations by the reference, for C drivers, which read no JSON.

golden_lines.py             one vector per line, for the fixed-seed driver
golden_lines.py FOLDER      one file per stream of bytes, libFuzzer's first inputs: codec only
"""

import json
import sys
from pathlib import Path

from alloc_vectors import line, problems

COUNTS = ("too_long", "cobs_errors", "too_short", "crc_errors", "version_errors", "frames")
ALLOCATIONS = 4000
CHUNK_MAX = bytes([6])
"""What fuzz_stream draws before the stream: chunks of at most 7 bytes."""


def _print_lines(golden) -> None:
    for case in golden["good"]:
        fields = (case[name] for name in ("flags", "type", "seq", "session"))
        print("good", *fields, f".{case['payload'] or '-'}", f".{case['frame']}")
    for case in golden["stream"]:
        print("stream", *(case["counts"][name] for name in COUNTS), f".{case['bytes']}")


def _write_files(golden, folder: Path) -> None:
    streams = [case["frame"] for case in golden["good"]]
    streams += [case["bytes"] for case in golden["stream"]]
    for number, stream in enumerate(streams):
        (folder / f"golden-{number:03}").write_bytes(CHUNK_MAX + bytes.fromhex(stream))


vectors = json.loads((Path(__file__).parents[2] / "golden" / "codec.json").read_text())
if len(sys.argv) > 1:
    _write_files(vectors, Path(sys.argv[1]))
else:
    _print_lines(vectors)
    for problem in problems(ALLOCATIONS):
        print(line(*problem))
