"""The tools that hold the house rules, each as one test."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.lint._tree import ROOT

LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"

CHECKS = {
    "ruff check": ["-m", "ruff", "check", "--quiet", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy strict": ["-m", "mypy"],
    "import contracts": ["-c", LINT_IMPORTS],
}


@pytest.mark.needs("module:ruff", "module:mypy", "module:importlinter")
@pytest.mark.parametrize("name", CHECKS)
def test_tool_finds_nothing(name: str):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, *CHECKS[name]],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, f"{name}:\n{done.stdout}"
