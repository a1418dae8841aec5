# SPDX-License-Identifier: Apache-2.0
"""A process of its own that calls nvidia-ml-py: JSON lines [function, GPU or null, arguments]."""

import json
import os
import subprocess
import sys

SOURCE = """
import json, sys
import pynvml
for line in sys.stdin:
    name, gpu, args = json.loads(line)
    try:
        first = [] if gpu is None else [pynvml.nvmlDeviceGetHandleByIndex(gpu)]
        answer = getattr(pynvml, name)(*first, *args)
        if hasattr(answer, "_fields_"):
            answer = [getattr(answer, field) for field, _ in answer._fields_]
        print(json.dumps(["ok", answer], default=str), flush=True)
    except pynvml.NVMLError as error:
        print(json.dumps(["error", error.value]), flush=True)
"""


class NvmlError(Exception):
    """A call failed; the number is NVML's."""


class NvmlClient:
    """`client.nvmlDeviceGetPowerUsage(gpu=0)` runs in the other process."""

    def __init__(self, frontend, load):
        env = os.environ | {
            "LD_LIBRARY_PATH": str(frontend.directory),
            "RACKEDGE_NVML": str(frontend.state_path(load)),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", SOURCE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )

    def __enter__(self):
        self.nvmlInit()
        return self

    def __exit__(self, *_):
        self.end()

    def __getattr__(self, name):
        def call(*args, gpu=None):
            self.process.stdin.write(json.dumps([name, gpu, args]) + "\n")
            self.process.stdin.flush()
            kind, answer = json.loads(self.process.stdout.readline())
            if kind == "error":
                raise NvmlError(answer)
            return answer

        return call

    def end(self):
        """Let it end without nvmlShutdown, as most programs do."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)
