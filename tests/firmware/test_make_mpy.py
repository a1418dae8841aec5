# SPDX-License-Identifier: Apache-2.0
"""What a board carries is renamed source: a name that is read is still the one that was made."""

import ast
from pathlib import Path

import pytest

from firmware_py import make_mpy

KNOWN = make_mpy.constants()


def bound(node: ast.AST) -> list[str]:
    if isinstance(node, ast.alias):
        return [node.asname or node.name]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.arg):
        return [node.arg]
    stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    return [node.id] if stored else []


@pytest.mark.parametrize("source", make_mpy.sources(), ids=str)
def test_every_private_name_that_is_read_is_made_in_the_same_module(source: Path) -> None:
    tree = ast.parse(make_mpy.inlined(source, KNOWN))
    made = {name for node in ast.walk(tree) for name in bound(node)}
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    private = {name for name in names if name[0] == "_" and name[:2] != "__"}
    assert private <= made
