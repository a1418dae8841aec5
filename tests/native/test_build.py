# SPDX-License-Identifier: Apache-2.0
"""The build script: what it says when it cannot work, and that the headers stand alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "native"
CC = shutil.which("gcc") or shutil.which("cc")
STRICT = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def test_missing_compiler_is_one_line_that_says_what_to_install():
    absent = {**os.environ, "CC": "no-such-compiler"}
    command = [sys.executable, str(NATIVE / "build.py")]
    result = subprocess.run(command, env=absent, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    (line,) = [text for text in result.stderr.splitlines() if text.startswith("rackedge:")]
    assert "install a C compiler" in line
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("source", sorted(NATIVE.glob("src/*.c")), ids=lambda path: path.name)
def test_source_compiles_without_a_warning(source, tmp_path):
    out = str(tmp_path / "object.o")
    command = [CC, *STRICT, f"-I{NATIVE / 'include'}", "-c", str(source), "-o", out]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_core_allocates_no_memory_and_keeps_no_state():
    for source in NATIVE.glob("src/*.[ch]"):
        text = source.read_text()
        assert "alloc(" not in text, source.name
        statics = [line for line in text.splitlines() if line.startswith("static") and "=" in line]
        assert all(line.startswith("static const") for line in statics), source.name
