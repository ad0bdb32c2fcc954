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


@pytest.mark.needs("module:pip")
def test_the_first_command_puts_the_compiled_modules_into_one_file(installed: Path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(installed)
    command = str(installed / "bin" / "hezi")
    for _ in range(2):
        subprocess.run([command, "version"], check=True, env=environment, stdout=subprocess.DEVNULL)
    (bundle,) = (installed / "hezi" / "__pycache__").glob("modules.*.bundle")
    written = bundle.stat().st_mtime_ns
    done = subprocess.run(
        [sys.executable, "-v", command, "version"], env=environment, capture_output=True, text=True, check=True
    )
    # What Python itself finds it names with its compiled file.
    assert "hezi/front/cli/__pycache__" not in done.stderr
    assert "hezi/_util/__pycache__/bundle" in done.stderr
    assert bundle.stat().st_mtime_ns == written
