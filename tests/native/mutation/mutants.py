# SPDX-License-Identifier: Apache-2.0
"""Small changes of C source, each of which a test ought to notice."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.native.mutation.tokens import Token, tokens

SWAPS = {
    "<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"),
    "==": ("!=",), "!=": ("==",), "&&": ("||",), "||": ("&&",),
    "+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",), "%": ("/",),
    "&": ("|",), "|": ("&",), "^": ("|",), "<<": (">>",), ">>": ("<<",),
    "+=": ("-=",), "-=": ("+=",), "*=": ("/=",), "/=": ("*=",), "%=": ("/=",),
    "&=": ("|=",), "|=": ("&=",), "^=": ("|=",), "<<=": (">>=",), ">>=": ("<<=",),
    "++": ("--",), "--": ("++",),
}  # fmt: skip
UNARY = {"!", "~", "-"}
"""Left out where they have one operand."""

_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]+")
_NOT_OPERANDS = {"return", "case", "else", "do", "sizeof"}
_LEADS = {"return", "if", "for", "while", "do", "switch", "else", "case", "default", "goto"}
_RESULTS = ("0", "1", "-1")


@dataclass(frozen=True, slots=True)
class Mutant:
    file: str
    function: str
    line: int
    start: int
    end: int
    text: str
    """Replaces source[start:end]."""
    before: str
    """The lines it touches, white space folded; with `after`, its name in survivors.toml."""
    after: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.file, self.function, self.before, self.after

    def applied(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.end :]


def mutants(path: Path) -> list[Mutant]:
    """Every mutant of one file, by place; the same file gives the same list."""
    source = path.read_text()
    found = tokens(source)
    made: dict[tuple[int, int, str], Mutant] = {}
    for i, token in enumerate(found):
        for start, end, text in _changes(found, i, token):
            if text != source[start:end]:
                made.setdefault((start, end, text), _mutant(path, source, token, start, end, text))
    return [made[place] for place in sorted(made)]


def _mutant(path: Path, source: str, token: Token, start: int, end: int, text: str) -> Mutant:
    first = source.rfind("\n", 0, start) + 1
    last = source.find("\n", end)
    before = " ".join(source[first:last].split())
    after = " ".join((source[first:start] + text + source[end:last]).split())
    line = source.count("\n", 0, start) + 1
    return Mutant(path.name, token.function, line, start, end, text, before, after)


def _changes(found: list[Token], i: int, token: Token) -> Iterator[tuple[int, int, str]]:
    if token.kind == "mark":
        yield from _operator(found, i, token)
    elif token.kind == "number" or _is_constant(found, i):
        yield token.start, token.end, f"({token.text} + 1)"
        yield token.start, token.end, f"({token.text} - 1)"
    elif token.text in ("if", "while"):
        close = _closing(found, i + 1)
        yield found[i + 1].end, found[close].start, f"!({_between(found, i + 2, close)})"
    elif token.text == "return":
        end = _semicolon(found, i)
        if end is not None and end > i + 1:
            yield from ((found[i + 1].start, found[end].start, result) for result in _RESULTS)
    if _starts_statement(found, i):
        end = _semicolon(found, i)
        if end is not None:
            yield token.start, found[end].start, ""


def _operator(found: list[Token], i: int, token: Token) -> Iterator[tuple[int, int, str]]:
    if token.text in UNARY and not _follows_operand(found, i):
        yield token.start, token.end, ""
    elif token.text in ("++", "--") or _follows_operand(found, i):
        for other in SWAPS.get(token.text, ()):
            yield token.start, token.end, other


def _follows_operand(found: list[Token], i: int) -> bool:
    last = found[i - 1]
    if last.kind == "word":
        return last.text not in _NOT_OPERANDS
    return last.kind == "number" or last.text in (")", "]")


def _is_constant(found: list[Token], i: int) -> bool:
    """A named constant where it is used; neither a call of a macro nor an enum's declaration."""
    after = found[i + 1].text if i + 1 < len(found) else ""
    is_named = found[i].kind == "word" and _CONSTANT.fullmatch(found[i].text)
    return bool(is_named) and after not in ("(", "=")


def _starts_statement(found: list[Token], i: int) -> bool:
    token, last = found[i], found[i - 1]
    if not token.function or token.is_macro:
        return False
    if token.kind == "mark" and token.text not in ("*", "(", "++", "--"):
        return False
    if token.text in _LEADS and not (token.text == "return" and found[i + 1].text == ";"):
        return False
    if last.text == ")":
        return _heads_block(found, i - 1)
    if last.text == ":":
        return found[i - 2].text == "default" or found[i - 3].text == "case"
    return last.text in ("{", "}", "else") or (last.text == ";" and not _in_for(found, i))


def _heads_block(found: list[Token], close: int) -> bool:
    depth = 0
    for i in range(close, -1, -1):
        depth += (found[i].text == ")") - (found[i].text == "(")
        if depth == 0:
            return found[i - 1].text in ("if", "for", "while", "switch")
    return False


def _in_for(found: list[Token], i: int) -> bool:
    """Is this ; inside parentheses?"""
    depth = 0
    for token in reversed(found[:i]):
        depth += (token.text == "(") - (token.text == ")")
        if token.text in ("{", "}"):
            return False
        if depth > 0:
            return True
    return False


def _closing(found: list[Token], opening: int) -> int:
    depth = 0
    for i in range(opening, len(found)):
        depth += (found[i].text == "(") - (found[i].text == ")")
        if depth == 0:
            return i
    raise ValueError(f"unclosed parenthesis at offset {found[opening].start}")


def _semicolon(found: list[Token], start: int) -> int | None:
    """End of the simple statement that starts here; None if a brace comes first."""
    depth = 0
    for i in range(start, len(found)):
        depth += (found[i].text in ("(", "[")) - (found[i].text in (")", "]"))
        if found[i].text in ("{", "}") or found[i].is_macro:
            return None
        if found[i].text == ";" and depth == 0:
            return i
    return None


def _between(found: list[Token], start: int, end: int) -> str:
    return " ".join(token.text for token in found[start:end])
