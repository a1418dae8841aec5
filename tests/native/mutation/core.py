# SPDX-License-Identifier: Apache-2.0
"""The C core compiled into a scratch folder, with any flags; the checkout's stays as it is."""

import contextlib
import json
import runpy
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NATIVE = ROOT / "native"
SOURCES = sorted((NATIVE / "src").glob("*.c"))
HEADERS = [
    path for path in sorted((NATIVE / "src").glob("*.h")) if "static inline" in path.read_text()
]
"""Those that hold code, not declarations alone."""
INCLUDED = sorted((NATIVE / "src").glob("*.h"))
_BUILD = runpy.run_path(str(NATIVE / "build.py"))
FLAGS: list[str] = _BUILD["FLAGS"]
"""What the shipped core is compiled with."""

COVERED = ["-O0", "--coverage"]
_INCLUDES = [f"-I{NATIVE / 'include'}", "-iquote", str(NATIVE / "src")]


def compiled_from(name: str) -> list[Path]:
    """The sources whose object code may change with this file of src: itself, or all that include
    it, through other headers too."""
    changed = {name}
    for _ in INCLUDED:
        changed |= {path.name for path in INCLUDED if _includes(path, changed)}
    return [path for path in SOURCES if path.name in changed or _includes(path, changed)]


def _includes(path: Path, names: set[str]) -> bool:
    text = path.read_text()
    return any(f'#include "{name}"' in text for name in names)


def compile_object(source: Path, out: Path, flags: Sequence[str]) -> str:
    """Compile one file of the core; returns "", or what the compiler said if it refused."""
    # No -g: the object is compared with the original's. A call of what is not declared compiles
    # in C11 and fails when the module is loaded.
    command = ["gcc", *FLAGS, "-fPIC", "-w", "-Werror=implicit-function-declaration", *flags]
    command += [*_INCLUDES, "-c", str(source), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr or "refused"


def compile_wrapper(folder: Path) -> Path:
    """The object that cffi puts between Python and the core."""
    code, out = folder / "_native.c", folder / "_native.o"
    with contextlib.redirect_stdout(sys.stderr):  # cffi says that it writes
        _BUILD["make_ffi"]().emit_c_code(str(code))
    refused = compile_object(code, out, [f"-I{sysconfig.get_path('include')}"])
    if refused:
        raise RuntimeError(f"cffi's wrapper does not compile (python3-dev?): {refused}")
    return out


def compile_core(folder: Path, flags: Sequence[str]) -> dict[str, Path]:
    """Every file of the core: name of the source to its object."""
    objects = {}
    for source in SOURCES:
        objects[source.name] = folder / f"{source.stem}.o"
        refused = compile_object(source, objects[source.name], flags)
        if refused:
            raise RuntimeError(refused)
    return objects


def link(objects: Iterable[Path], out: Path, flags: Sequence[str] = ()) -> None:
    """A module that Python can load."""
    command = ["gcc", "-shared", *flags, *map(str, objects), "-lm", "-o", str(out)]
    subprocess.run(command, check=True)


def line_counts(folder: Path, notes: Path) -> dict[str, dict[int, int]]:
    """What a run of a COVERED core left in `folder` (.gcda): source name, line, executions."""
    counts: dict[str, dict[int, int]] = {}
    for data in sorted(folder.rglob("*.gcda")):
        if not (notes / f"{data.stem}.gcno").exists():
            continue
        beside = data.with_suffix(".gcno")
        if not beside.exists():
            beside.symlink_to(notes / beside.name)
        command = ["gcov", "--json-format", "--stdout", str(data)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for file in json.loads(printed)["files"]:
            if Path(file["file"]).parent != NATIVE / "src":
                continue
            lines = counts.setdefault(Path(file["file"]).name, {})
            for line in file["lines"]:
                number = line["line_number"]
                lines[number] = lines.get(number, 0) + line["count"]
    return counts
