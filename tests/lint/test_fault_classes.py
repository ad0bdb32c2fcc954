"""The page of fault classes names tests that exist, for each class attacks and legal twins."""

from __future__ import annotations

import ast
import re

import pytest

from tests.lint._tree import ROOT

PAGE = (ROOT / "docs/reference/image-faults.md").read_text()
NAMED = re.compile(r"`(tests/\S+\.py)::(\w+)`")
ROWS = {cells[0]: cells for line in PAGE.splitlines() if (cells := [cell.strip() for cell in line.split("|")[1:-1]])}
CLASSES = [f"A{number}" for number in range(1, 12)] + [f"B{number}" for number in range(1, 8)]


def test_every_named_test_exists():
    found: dict[str, set[str]] = {}
    for path, name in NAMED.findall(PAGE):
        if path not in found:
            tree = ast.parse((ROOT / path).read_text())
            found[path] = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in found[path], f"{path} has no {name}"
    assert len(found) > 10


@pytest.mark.parametrize("one", CLASSES)
def test_each_class_has_attacks_and_twins(one: str):
    _, what, attacks, twins = ROWS[one]
    assert what
    if not attacks.startswith("none: "):
        assert NAMED.search(attacks)
        assert NAMED.search(twins)
