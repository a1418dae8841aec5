# SPDX-License-Identifier: Apache-2.0
"""What all mutants share, and a mutant compiled: of a header, all the sources that include it."""

import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.native.mutation.core import (
    INCLUDED,
    NATIVE,
    compile_core,
    compile_object,
    compile_wrapper,
    compiled_from,
    link,
)
from tests.native.mutation.mutants import Mutant

FUZZ = Path(__file__).resolve().parents[1] / "fuzz"
EXPORTED = ["-fvisibility=default"]
"""The wrapper calls the core from another shared object."""
SONAME = ["-Wl,-soname,core.so"]
SANITIZERS = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@dataclass(frozen=True, slots=True)
class Bench:
    """Objects of the unchanged core, by the name of their source."""

    folder: Path
    wrapper: Path
    """cffi's module without the core."""
    original: Path
    """The unchanged core."""
    plain: dict[str, Path]
    bodies: dict[str, Path]
    """The objects of the fuzz driver without its main, without sanitizers."""
    driver: Path
    """The fuzz driver without sanitizers; it loads core.so from LD_LIBRARY_PATH."""
    golden: Path
    """Vectors that the fuzz driver reads first."""


def prepare(folder: Path) -> Bench:
    """Compile all that is compiled once; the sanitized objects are compiled when first needed."""
    plain = folder / "plain"
    plain.mkdir()
    golden = folder / "golden.txt"
    with golden.open("w") as file:
        subprocess.run([sys.executable, str(FUZZ / "golden_lines.py")], stdout=file, check=True)
    wrapper, original = folder / "_native.abi3.so", folder / "core.so"
    link([compile_wrapper(plain)], wrapper, ["-Wl,-z,lazy"])
    compiled = compile_core(plain, EXPORTED)
    link(compiled.values(), original, SONAME)
    bodies = _fuzz_objects(plain, [])
    driver = plain / "driver"
    command = ["gcc", *map(str, bodies.values()), str(original), "-lm", "-o", str(driver)]
    subprocess.run(command, check=True)
    bodies.pop("fuzz/main.c")
    return Bench(folder, wrapper, original, compiled, bodies, driver, golden)


def _fuzz_objects(folder: Path, flags: list[str]) -> dict[str, Path]:
    objects = {}
    for source in sorted(FUZZ.glob("*.c")):
        out = objects[f"fuzz/{source.name}"] = folder / f"fuzz-{source.stem}.o"
        refused = compile_object(source, out, flags)
        if refused:
            raise RuntimeError(refused)
    return objects


@functools.cache
def sanitized_objects(folder: Path) -> dict[str, Path]:
    """Those of the core and of the fuzz driver, under ASan and UBSan. Call it first where all who
    need them have the answer."""
    place = folder / "sanitized"
    place.mkdir()
    return {**compile_core(place, SANITIZERS), **_fuzz_objects(place, SANITIZERS)}


def place_of(bench: Bench, number: int) -> Path:
    """The folder of one mutant."""
    return bench.folder / "mutants" / str(number)


def original_code(bench: Bench, file: str) -> bytes:
    """What `object_code` is without a change."""
    return b"".join(bench.plain[source.name].read_bytes() for source in compiled_from(file))


def object_code(bench: Bench, number: int, mutant: Mutant) -> bytes | None:
    """Compile it as the product is compiled; None if it does not compile."""
    place = place_of(bench, number)
    place.mkdir(parents=True)
    sources = compiled_from(mutant.file)
    # The same base names: they are part of the object code. A header is found beside its user.
    for path in (*sources, *INCLUDED):
        (place / path.name).write_text(path.read_text())
    (place / mutant.file).write_text(mutant.applied((NATIVE / "src" / mutant.file).read_text()))
    objects = [place / f"{source.stem}.o" for source in sources]
    for source, out in zip(sources, objects, strict=True):
        if compile_object(place / source.name, out, EXPORTED):
            return None
    return b"".join(out.read_bytes() for out in objects)


def core_of(bench: Bench, number: int, mutant: Mutant) -> Path:
    """The core with this mutant, as a shared object."""
    place = place_of(bench, number)
    changed = {source.name: place / f"{source.stem}.o" for source in compiled_from(mutant.file)}
    link({**bench.plain, **changed}.values(), place / "core.so", SONAME)
    return place / "core.so"


def fuzz_driver_of(bench: Bench, number: int, mutant: Mutant) -> Path:
    """The mutant in the fuzz driver of .ci/sanitize."""
    place = place_of(bench, number)
    objects = dict(sanitized_objects(bench.folder))
    for source in compiled_from(mutant.file):
        objects[source.name] = place / f"sanitized-{source.stem}.o"
        refused = compile_object(place / source.name, objects[source.name], SANITIZERS)
        if refused:
            raise RuntimeError(refused)
    command = ["gcc", *SANITIZERS, *map(str, objects.values()), "-lm", "-o", str(place / "fuzz")]
    subprocess.run(command, check=True)
    return place / "fuzz"
