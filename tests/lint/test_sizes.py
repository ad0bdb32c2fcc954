"""Files of at most 800 lines and functions of at most 60; the targets (400 and 30) are told, not enforced."""

from __future__ import annotations

import ast

from tests.lint._tree import ROOT, python_files

FILE_LIMIT, FILE_TARGET = 800, 400
FUNCTION_LIMIT, FUNCTION_TARGET = 60, 30


def _functions(path):
    """Yield (name, line, lines) of every function; a docstring is documentation, not length."""
    tree = ast.parse(path.read_bytes(), str(path))
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0]
            documented = (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            )
            doc_lines = first.end_lineno - first.lineno + 1 if documented else 0
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1 - doc_lines


def _name(path):
    return str(path.relative_to(ROOT))


def test_files_have_at_most_800_lines():
    sizes = {_name(path): len(path.read_bytes().splitlines()) for path in python_files()}
    assert sizes, "no Python files were found: the check is looking in the wrong place"
    too_long = [f"{name}: {size} lines" for name, size in sizes.items() if size > FILE_LIMIT]
    assert not too_long, "split these by concern:\n" + "\n".join(too_long)


def test_functions_have_at_most_60_lines():
    too_long = [
        f"{_name(path)}:{line}: {name} has {size} lines"
        for path in python_files()
        for name, line, size in _functions(path)
        if size > FUNCTION_LIMIT
    ]
    assert not too_long, "split these:\n" + "\n".join(too_long)


def test_report_of_the_targets(record_property):
    """Never fails: `pytest -s tests/lint/test_sizes.py` shows how far the sources are from their targets."""
    sources = [path for path in python_files() if _name(path).startswith("src/")]
    sizes = [size for path in sources for _, _, size in _functions(path)]
    long_files = sum(len(path.read_bytes().splitlines()) > FILE_TARGET for path in sources)
    long_functions = sum(size > FUNCTION_TARGET for size in sizes)
    report = (
        f"{len(sources)} files, {long_files} over {FILE_TARGET} lines; "
        f"{len(sizes)} functions, {long_functions} over {FUNCTION_TARGET} lines"
    )
    record_property("sizes", report)
    print(report)
