# SPDX-License-Identifier: Apache-2.0
"""Compile the C core to `edge/_native.abi3.so`: `python native/build.py`.

The public headers, minus their preprocessor lines, are the cffi declarations.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from cffi import FFI, VerificationError
from setuptools.errors import BaseError

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "edge" / "_native.abi3.so"
FLAGS = ["-std=c11", "-O3", "-fvisibility=hidden"]


def make_ffi() -> FFI:
    """The core's declarations and sources, ready to compile."""
    ffi = FFI()
    headers = sorted((HERE / "include").glob("*.h"))
    lines = [line for header in headers for line in header.read_text().splitlines()]
    ffi.cdef("\n".join(line for line in lines if not line.startswith("#")))
    ffi.set_source(
        "_native",
        "".join(f'#include "{header.name}"\n' for header in headers),
        sources=[str(source) for source in sorted((HERE / "src").glob("*.c"))],
        include_dirs=[str(HERE / "include")],
        extra_compile_args=FLAGS,
        libraries=["m"],
        py_limited_api=True,
    )
    return ffi


def build() -> Path:
    """Compile and return the path of the shared object.

    In a temporary directory: cffi runs setuptools where it compiles, and there it must not find
    this project's pyproject.toml.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            made = make_ffi().compile(tmpdir=folder)
        except (VerificationError, BaseError) as error:
            sys.exit(
                f"rackedge: the C core did not compile ({error}): install a C compiler and the "
                "Python headers (Debian: apt install gcc python3-dev), then try again"
            )
        # Replace, never overwrite: another process may have the old one mapped.
        fresh = TARGET.with_suffix(".new")
        shutil.copyfile(made, fresh)
        fresh.replace(TARGET)
    return TARGET


if __name__ == "__main__":
    print(build())
