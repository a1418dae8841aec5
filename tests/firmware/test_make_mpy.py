# SPDX-License-Identifier: Apache-2.0
"""Inlining and shortening keep behaviour, and refuse what they would break."""

import ast
import sys
from importlib import import_module
from pathlib import Path

import pytest

from firmware_py import make_mpy

# What make_mpy has to tell apart: a constant as an attribute and as a name, also under an alias;
# an attribute, a keyword and an attribute's argument of the same name as something short; a local
# that hides nothing; closures; global; defaults; a private class attribute; a builtin as argument.
SAMPLE = """
from .link import wire as w
from .link.wire import LIMIT, OTHER as RENAMED, TABLE
from . import channels

_state = 0


class Counter:
    _made = 0

    def __init__(self, start, *, step=1):
        self.start = start
        self._step = step
        self.LIMIT = 5
        Counter._made += 1

    def up(self, times):
        for _ in range(times):
            self.start += self._step
        return min(self.start, w.LIMIT)

    def own(self):
        return self.LIMIT, self._made


def keep(value, key=3):
    return value * 10 + key


def bump(amount):
    global _state
    _state += amount
    return _state


def adder(left):
    total = left

    def add(right):
        nonlocal total
        total += right + left
        return total

    return add


def largest(max, len=4):
    return max + len


def caught(text):
    try:
        return int(text)
    except ValueError as error:
        return str(type(error).__name__)


def run():
    counter = Counter(1, step=2)
    add = adder(1)
    return (
        counter.up(3), counter.own(), keep(4), keep(4, key=5), keep(key=1, value=2), bump(2),
        bump(amount=3), add(1), add(2), largest(3), [amount for amount in (1, 2)], caught("x"),
        LIMIT, RENAMED, TABLE[w.OTHER], channels.IN_X, w.TABLE[LIMIT],
    )
"""
WIRE = "LIMIT = 6\nOTHER = LIMIT - 4\nTABLE = {LIMIT: 'six', OTHER: 'two'}\n"
EXPECTED = (6, (5, 1), 43, 45, 21, 2, 5, 3, 6, 7, [1, 2], "ValueError", 6, 2, "two", 9, "six")


def _write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _run(root, name, monkeypatch):
    monkeypatch.syspath_prepend(str(root.parent))
    for module in [m for m in sys.modules if m.split(".")[0] == root.name]:
        monkeypatch.delitem(sys.modules, module)
    return import_module(f"{root.name}.{name}").run()


@pytest.fixture
def package(tmp_path):
    root = tmp_path / "plain_sample"
    for name, text in (
        ("__init__.py", ""),
        ("link/__init__.py", ""),
        ("link/wire.py", WIRE),
        ("channels.py", "IN_X = 9\n"),
        ("sample.py", SAMPLE),
    ):
        _write(root, name, text)
    return root


@pytest.fixture
def known(package, monkeypatch):
    monkeypatch.setattr(make_mpy, "ROOT", package)
    monkeypatch.setattr(make_mpy, "CONSTANTS", ("link/wire.py", "channels.py"))
    return make_mpy.constants()


def test_constants_are_integers_only(known):
    assert known == {"link.wire": {"LIMIT": 6, "OTHER": 2}, "channels": {"IN_X": 9}}


def test_inlined_and_shortened_code_does_the_same(package, known, monkeypatch):
    assert _run(package, "sample", monkeypatch) == EXPECTED
    short = package.parent / "short_sample"
    passed = make_mpy.keywords([ast.parse(SAMPLE)])
    for path in package.rglob("*.py"):
        source = path.relative_to(package)
        _write(short, source, make_mpy.inlined(source, known, passed, package))
    assert _run(short, "sample", monkeypatch) == EXPECTED
    text = (short / "sample.py").read_text()
    for gone in ("_state", "_step", "_made", "start)", "left", "times", "w.LIMIT", "IN_X"):
        assert gone not in text, gone
    for kept in ("step=1", "key=", "amount", "self.LIMIT", "self.start", "value"):
        assert kept in text, kept
    assert "LIMIT =" not in (short / "link/wire.py").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "from .sample import _private\n\nseen = _private\n",
        "def f(other):\n    return other._hidden\n",
        "from .base import Base\n\n\nclass Mine(unknown):\n    pass\n",
    ],
)
def test_what_is_private_to_another_module_is_refused(package, known, text):
    _write(package, "wrong.py", text)
    with pytest.raises(ValueError, match=r"wrong\.py: \w+ is private to another module"):
        make_mpy.inlined(Path("wrong.py"), known, set(), package)


def test_every_module_of_a_board_is_built_and_none_of_the_host(tmp_path):
    make_mpy.build(tmp_path)
    built = {p.relative_to(tmp_path / "firmware_py") for p in tmp_path.rglob("*.mpy")}
    assert built == {source.with_suffix(".mpy") for source in make_mpy.sources()}
    assert Path("app.mpy") in built
    assert not {Path("make_mpy.mpy"), Path("store/schema.mpy"), Path("link/messages.mpy")} & built


def _bound(node: ast.AST) -> list[str]:
    if isinstance(node, ast.alias):
        return [node.asname or node.name]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.arg):
        return [node.arg]
    stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    return [node.id] if stored else []


BOARD_KNOWN = make_mpy.constants()


@pytest.mark.parametrize("source", make_mpy.sources(), ids=str)
def test_every_private_name_that_is_read_is_made_in_the_same_module(source: Path) -> None:
    tree = ast.parse(make_mpy.inlined(source, BOARD_KNOWN, set()))
    made = {name for node in ast.walk(tree) for name in _bound(node)}
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    private = {name for name in names if name[0] == "_" and name[:2] != "__"}
    assert private <= made
