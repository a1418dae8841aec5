# SPDX-License-Identifier: Apache-2.0
"""The schema of a file compiled and run: the fate of each of its mutants before the C driver."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.native.mutation.bench import FUZZ, Bench
from tests.native.mutation.core import INCLUDED, NATIVE, compile_object, compiled_from
from tests.native.mutation.judge import FUZZ_SEEDS, Fate
from tests.native.mutation.mutants import Mutant
from tests.native.mutation.schemata import Numbered, refused_by, schema

QUICK = ["-O1", "-fno-inline", "-U__OPTIMIZE__", "-fmax-errors=0", "-fvisibility=default"]
"""Copies are not inlined; without __OPTIMIZE__ nothing is cloned for wider registers, whose
calls would not agree."""

_FATES = {"passed": Fate.OPEN, "failed": Fate.DRIVEN, "hung": Fate.TIMEOUT}


def run_schema(bench: Bench, file: str, mutants: Sequence[Mutant]) -> list[Fate]:
    """OPEN, DRIVEN, TIMEOUT or INVALID for each mutant, all within functions of the file."""
    folder = bench.folder / "schemata" / file
    folder.mkdir(parents=True)
    numbered = [Numbered(number, mutant) for number, mutant in enumerate(mutants, start=1)]
    refused = _compile(folder, file, numbered)
    program = _link(bench, folder, file)
    with bench.golden.open() as golden:
        command = [str(program), str(len(numbered)), str(FUZZ_SEEDS)]
        lines = subprocess.run(
            command, stdin=golden, stdout=subprocess.PIPE, text=True, check=True
        ).stdout.splitlines()
    fates = {int(number): _FATES[word] for number, word in (line.split() for line in lines)}
    if fates[0] is not Fate.OPEN:
        raise RuntimeError(f"{file}: the unchanged core does not pass the C driver")
    return [Fate.INVALID if n in refused else fates[n] for n in range(1, len(numbered) + 1)]


def _compile(folder: Path, file: str, numbered: list[Numbered]) -> set[int]:
    """The numbers of those that do not compile; what is left has been compiled."""
    for path in (*INCLUDED, *compiled_from(file)):
        (folder / path.name).write_text(path.read_text())
    refused: set[int] = set()
    while True:
        left = [each for each in numbered if each.number not in refused]
        (folder / file).write_text(schema(NATIVE / "src" / file, left))
        errors = "".join(_errors(folder, source.name) for source in compiled_from(file))
        more = refused_by(errors) - refused
        if errors and not more:
            raise RuntimeError(f"the schema of {file} does not compile: {errors}")
        if not errors:
            return refused
        refused |= more


def _errors(folder: Path, source: str) -> str:
    return compile_object(folder / source, (folder / source).with_suffix(".o"), QUICK)


def _link(bench: Bench, folder: Path, file: str) -> Path:
    main = Path(__file__).with_suffix(".c")
    objects = {**bench.plain, **bench.bodies, main.name: folder / "forks-main.o"}
    refused = compile_object(main, objects[main.name], [f"-I{FUZZ}"])
    if refused:
        raise RuntimeError(refused)
    objects |= {source.name: folder / f"{source.stem}.o" for source in compiled_from(file)}
    program = folder / "forks"
    command = ["gcc", *map(str, objects.values()), "-lm", "-o", str(program)]
    subprocess.run(command, check=True)
    return program
