# SPDX-License-Identifier: Apache-2.0
"""C source cut into tokens, each with its place and the function it is in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"^[ \t]*#(?:\\.|[^\n\\])*", re.MULTILINE | re.DOTALL)
_DEFINE_HEAD = re.compile(r"[ \t]*#\s*define\s+\w+(?:\([^)]*\))?")
_TOKEN = re.compile(
    r"""(?P<blank>\s+|\\\n|//[^\n]*|/\*.*?\*/)
    | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<number>\.?\d(?:[eEpP][-+]|[\w.])*)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<mark>\.\.\.|<<=|>>=|->|\+\+|--|&&|\|\||[-+*/%&|^<>=!]=|<<|>>|.)""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    """text, number, word or mark"""
    text: str
    start: int
    end: int
    function: str
    """Where it stands; "" outside functions and in macros."""
    is_macro: bool


def tokens(source: str) -> list[Token]:
    """All tokens of code and of the bodies of macros, in order; other directives are left out."""
    found: list[Token] = []
    at = 0
    for directive in _DIRECTIVE.finditer(source):
        found += _plain(source, at, directive.start())
        head = _DEFINE_HEAD.match(source, directive.start())
        if head:
            found += _cut(source, head.end(), directive.end(), is_macro=True)
        at = directive.end()
    return [*_in_functions(found + list(_plain(source, at, len(source))))]


def _plain(source: str, start: int, end: int) -> Iterator[Token]:
    return _cut(source, start, end, is_macro=False)


def _cut(source: str, start: int, end: int, *, is_macro: bool) -> Iterator[Token]:
    for match in _TOKEN.finditer(source, start, end):
        if match.lastgroup != "blank":
            kind = str(match.lastgroup)
            yield Token(kind, match.group(), match.start(), match.end(), "", is_macro)


def _in_functions(found: list[Token]) -> Iterator[Token]:
    """Name the function of every token: the last word before a ( that led to the open brace."""
    depth, name, candidate, previous = 0, "", "", ""
    for token in found:
        if token.is_macro:
            yield token
            continue
        if depth == 0 and token.text == "(":
            candidate = previous
        elif depth == 0 and token.text in (";", "="):
            candidate = ""
        if token.text == "{":
            name = candidate if depth == 0 else name
            depth += 1
        inside = name if depth else ""
        yield Token(token.kind, token.text, token.start, token.end, inside, is_macro=False)
        if token.text == "}":
            depth -= 1
        previous = token.text if token.kind == "word" else ""
