"""The import contracts are tried by breaking them: a contract that nothing can break holds nothing.

Each breach is put into a copy of the sources, where import-linter must find it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lint._tree import ROOT
from tests.lint.test_style import LINT_IMPORTS

# (file the line is put into, the line, the contract that must break)
BREACHES = [
    ("linux/fd.py", "import hezi.spec.digest", "layers"),
    ("registry/client.py", "import hezi.store.content", "layers"),
    ("errors.py", "import hezi._util.ids", "layers"),
    ("stray/__init__.py", "", "layers"),
    ("front/cli/main.py", "import hezi.runtime.plan", "front ends use hezi.engine only"),
    ("runtime/plan.py", "import hezi.linux.abi", "only hezi.linux sees the ABI file"),
    ("spec/digest.py", "import os", "hezi.spec does no I/O"),
    ("_util/ids.py", "def later():\n    import asyncio", "asyncio stays above the mechanisms"),
    ("linux/fd.py", "import json", "stage 1 starts bare"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("contracts")
    subprocess.run(["cp", "-a", str(ROOT / "src"), str(ROOT / "pyproject.toml"), str(directory)], check=True)
    return directory


@pytest.mark.needs("module:importlinter")
@pytest.mark.parametrize(("file", "line", "contract"), BREACHES, ids=[f"{file}: {line}" for file, line, _ in BREACHES])
def test_breach_is_found(copy: Path, file: str, line: str, contract: str):
    path = copy / "src" / "hezi" / file
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((before or b"") + f"\n{line}\n".encode())
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, 'src'); {LINT_IMPORTS}", "--no-cache"],
            cwd=copy,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    finally:
        if before is None:
            path.unlink()
            path.parent.rmdir()
        else:
            path.write_bytes(before)
    assert done.returncode != 0
    broken = [verdict for verdict in done.stdout.splitlines() if verdict.endswith("BROKEN")]
    assert any(verdict.startswith(contract) for verdict in broken), done.stdout
