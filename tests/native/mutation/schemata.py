# SPDX-License-Identifier: Apache-2.0
"""All mutants of a file in one program: a copy of the function for each, chosen at run time.

A compiler started for every mutant costs a hundred times what the golden vectors do. So each
function with mutants begins with a switch over their numbers, whose cases call its changed
copies; the driver forks once per number. Mutants outside functions (macros, constants) have none.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.native.mutation.mutants import Mutant

CHOSEN = "edge_mutant"
"""The number of the mutant that runs, or 0."""

_FUNCTION = re.compile(
    r"^(?P<head>[A-Za-z][^;{}#()\n]*?\b(?P<name>\w+)\((?P<parameters>[^{};]*?)\))\n\{\n"
    r"(?P<body>.*?)^\}\n",
    re.MULTILINE | re.DOTALL,
)
_LINKAGE = re.compile(r"\b(?:static|inline|EDGE_WIDE)\b ?")
_ERROR = re.compile(r"^mutant-(\d+):\d+:\d+: error:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Numbered:
    number: int
    """From 1."""
    mutant: Mutant


def within_functions(source: Path, mutants: Iterable[Mutant]) -> list[Mutant]:
    """Those that a schema can hold."""
    spans = [(each.start("body"), each.end()) for each in _FUNCTION.finditer(source.read_text())]
    return [each for each in mutants if any(start <= each.start < end for start, end in spans)]


def refused_by(errors: str) -> set[int]:
    """Numbers of those whose copies the compiler did not take."""
    return {int(number) for number in _ERROR.findall(errors)}


def schema(source: Path, numbered: Collection[Numbered]) -> str:
    """The source with a changed copy of its function for each mutant."""
    text = source.read_text()
    pieces, end = [f"extern int {CHOSEN};\n"], 0
    for found in _FUNCTION.finditer(text):
        inside = [each for each in numbered if found.start() <= each.mutant.start < found.end()]
        pieces.append(text[end : found.start()])
        pieces += [_copy(text, found, each) for each in inside]
        pieces.append(_dispatched(text, found, inside))
        end = found.end()
    pieces.append(text[end:])
    return "".join(pieces)


def _copy(text: str, found: re.Match[str], each: Numbered) -> str:
    mutant, body = each.mutant, found.start("body")
    if mutant.start < body:
        raise ValueError(f"{mutant.file}:{mutant.line}: a mutant in the head of a function")
    changed = text[body : mutant.start] + mutant.text + text[mutant.end : found.end()]
    head = _LINKAGE.sub("", found["head"])
    head = re.sub(rf"\b{found['name']}\(", f"{found['name']}_{each.number}(", head, count=1)
    return f'#line 1 "mutant-{each.number}"\nstatic {head}\n{{\n{changed}'


def _dispatched(text: str, found: re.Match[str], inside: list[Numbered]) -> str:
    line = text.count("\n", 0, found.start()) + 1
    names = [re.findall(r"\w+", each)[-1] for each in found["parameters"].split(",")]
    arguments = "" if names == ["void"] else ", ".join(names)
    is_void = re.match(r"(?:\w+ )*?void \w+\($", found["head"][: found["head"].index("(") + 1])
    cases = []
    for each in inside:
        call = f"{found['name']}_{each.number}({arguments})"
        ending = f"{call}; return;" if is_void else f"return {call};"
        cases.append(f"case {each.number}: {ending}")
    chosen = f"switch ({CHOSEN}) {{ {' '.join(cases)} default: break; }}\n" if cases else ""
    marked = f'#line {line} "original"\n{found["head"]}\n{{\n{chosen}'
    return marked + text[found.start("body") : found.end()]
