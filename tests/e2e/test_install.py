"""`pip install .` into an empty directory: the command, the data files and the promise to be typed arrive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import REPOSITORY


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, installed from: building leaves its traces in the copy."""
    source = tmp_path_factory.mktemp("source")
    for name in ("bin", "src", "pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", "-a", str(REPOSITORY / name), str(source)], check=True)
    target = tmp_path_factory.mktemp("target")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--root-user-action=ignore"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.needs("module:pip")
def test_everything_that_is_not_python_is_installed(installed: Path):
    source = REPOSITORY / "src"
    wanted = {
        path.relative_to(source)
        for path in (source / "hezi").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    missing = sorted(str(path) for path in wanted if not (installed / path).exists())
    assert not missing, f"not in the package (tool.setuptools.package-data): {missing}"


@pytest.mark.needs("module:pip")
def test_the_command_is_installed_and_starts(installed: Path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [str(installed / "bin" / "hezi"), "version"], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "0.1.0" in done.stdout


@pytest.mark.needs("module:pip")
def test_the_command_imports_nothing_before_hezi(installed: Path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(installed / "bin" / "hezi"), "--version"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "hezi.front.cli.main" in loaded
    assert not loaded & {"re", "typing", "json", "importlib.metadata"}
