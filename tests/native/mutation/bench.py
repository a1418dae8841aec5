# SPDX-License-Identifier: Apache-2.0
"""What all mutants share, and a mutant compiled: of a header, all the sources that include it."""

import hashlib
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
    sanitized: dict[str, Path]
    """With those of the fuzz driver, under ASan and UBSan."""
    driver: Path
    """The fuzz driver without sanitizers; it loads core.so from LD_LIBRARY_PATH."""
    golden: Path
    """Vectors that the fuzz driver reads first."""


def prepare(folder: Path) -> Bench:
    """Compile all that is compiled once."""
    plain, sanitized = folder / "plain", folder / "sanitized"
    plain.mkdir()
    sanitized.mkdir()
    objects = compile_core(sanitized, SANITIZERS)
    for source in sorted(FUZZ.glob("*.c")):
        objects[f"fuzz/{source.name}"] = sanitized / f"fuzz-{source.stem}.o"
        refused = compile_object(source, objects[f"fuzz/{source.name}"], SANITIZERS)
        if refused:
            raise RuntimeError(refused)
    golden = folder / "golden.txt"
    with golden.open("w") as file:
        subprocess.run([sys.executable, str(FUZZ / "golden_lines.py")], stdout=file, check=True)
    wrapper, original = folder / "_native.abi3.so", folder / "core.so"
    link([compile_wrapper(plain)], wrapper, ["-Wl,-z,lazy"])
    compiled = compile_core(plain, EXPORTED)
    link(compiled.values(), original, SONAME)
    driver = _link_driver(plain, original)
    return Bench(folder, wrapper, original, compiled, objects, driver, golden)


def _link_driver(folder: Path, core: Path) -> Path:
    objects = [folder / f"fuzz-{source.stem}.o" for source in sorted(FUZZ.glob("*.c"))]
    for source, out in zip(sorted(FUZZ.glob("*.c")), objects, strict=True):
        refused = compile_object(source, out, [])
        if refused:
            raise RuntimeError(refused)
    command = ["gcc", *map(str, objects), str(core), "-lm", "-o", str(folder / "driver")]
    subprocess.run(command, check=True)
    return folder / "driver"


def place_of(bench: Bench, number: int) -> Path:
    """The folder of one mutant."""
    return bench.folder / "mutants" / str(number)


def digest(code: bytes) -> str:
    """A name of object code."""
    return hashlib.sha256(code).hexdigest()[:24]


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
    return compiled_code(bench, number, mutant)


def compiled_code(bench: Bench, number: int, mutant: Mutant) -> bytes:
    """What `object_code` has compiled."""
    place = place_of(bench, number)
    objects = [place / f"{source.stem}.o" for source in compiled_from(mutant.file)]
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
    objects = dict(bench.sanitized)
    for source in compiled_from(mutant.file):
        objects[source.name] = place / f"sanitized-{source.stem}.o"
        refused = compile_object(place / source.name, objects[source.name], SANITIZERS)
        if refused:
            raise RuntimeError(refused)
    command = ["gcc", *SANITIZERS, *map(str, objects.values()), "-lm", "-o", str(place / "fuzz")]
    subprocess.run(command, check=True)
    return place / "fuzz"
