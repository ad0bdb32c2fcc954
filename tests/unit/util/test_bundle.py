"""The bundle of compiled modules: what it holds is what is imported, and only while it is true."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src" / "hezi"
NAME = f"modules.{sys.implementation.cache_tag}.bundle"

# Prints the module's loader and a name in it, then whether the bundle lacked anything.
LOOK = """
from hezi._util import bundle
finder = bundle.use()
from hezi.spec import digest
print(type(digest.__loader__).__name__, digest.__file__, getattr(digest, 'ADDED', 'nothing'), finder.missed)
"""
WRITE = "from hezi._util import bundle; print(bundle.write())"
RENEW = "from hezi._util import bundle; bundle.use(); import hezi.spec.digest; print(bundle.renew())"


class Tree:
    """A copy of hezi with compiled files, to be changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bundle = root / "hezi" / "__pycache__" / NAME
        self.digest = root / "hezi" / "spec" / "digest.py"
        for part in ("__init__.py", "errors.py", "_util", "spec"):
            source = SOURCE / part
            target = root / "hezi" / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.parent.mkdir(exist_ok=True)
                shutil.copy2(source, target)
        self.compile()

    def compile(self) -> None:
        self.python("-m", "compileall", "-q", str(self.root / "hezi"))

    def python(self, *words: str, env: dict[str, str] | None = None) -> str:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            [sys.executable, *words],
            env={**clean, "PYTHONPATH": str(self.root), **(env or {})},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def look(self) -> list[str]:
        return self.python("-c", LOOK).split()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_module_comes_from_the_bundle_with_its_file_named(tree: Tree):
    assert tree.python("-c", WRITE) == "True"
    assert tree.look() == ["_Loader", str(tree.digest), "nothing", "False"]


def test_without_a_bundle_the_module_is_found_as_ever(tree: Tree):
    assert tree.look() == ["SourceFileLoader", str(tree.digest), "nothing", "True"]


def test_a_changed_source_is_what_counts_and_the_next_bundle_has_it(tree: Tree):
    tree.python("-c", WRITE)
    with tree.digest.open("a") as file:
        file.write("\nADDED = 'added'\n")
    assert tree.look() == ["SourceFileLoader", str(tree.digest), "added", "True"]
    assert tree.python("-c", RENEW) == "True"
    assert tree.look() == ["_Loader", str(tree.digest), "added", "False"]
    assert tree.python("-c", RENEW) == "False"


@pytest.mark.parametrize("keep", [0, 5, 12, 20, 400, -1, -20000])
def test_a_bundle_cut_short_harms_nothing(tree: Tree, keep: int):
    tree.python("-c", WRITE)
    tree.bundle.write_bytes(tree.bundle.read_bytes()[:keep])
    assert tree.look()[1:3] == [str(tree.digest), "nothing"]


def test_zeros_after_a_power_cut_harm_nothing(tree: Tree):
    tree.python("-c", WRITE)
    size = tree.bundle.stat().st_size
    tree.bundle.write_bytes(tree.bundle.read_bytes()[:4096] + bytes(size - 4096))
    assert tree.look()[1:3] == [str(tree.digest), "nothing"]


def test_a_bundle_of_another_version_is_not_read(tree: Tree):
    tree.python("-c", WRITE)
    init = tree.root / "hezi" / "__init__.py"
    init.write_text(init.read_text().replace('__version__ = "', '__version__ = "9'))
    assert tree.look()[0] == "SourceFileLoader"


def test_a_tree_that_was_moved_does_not_use_the_old_place(tree: Tree, tmp_path: Path):
    tree.python("-c", WRITE)
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.move(tree.root / "hezi", moved / "hezi")
    tree.root = moved
    assert tree.look()[:2] == ["SourceFileLoader", str(moved / "hezi" / "spec" / "digest.py")]


def test_who_forbids_compiled_files_gets_no_bundle(tree: Tree):
    assert tree.python("-c", RENEW, env={"PYTHONDONTWRITEBYTECODE": "1"}) == "False"
    assert not tree.bundle.exists()


@pytest.mark.parametrize("env", [{"PYTHONPYCACHEPREFIX": "/nonexistent"}, {"PYTHONOPTIMIZE": "2"}])
def test_compiled_files_of_another_kind_or_place_go_the_ordinary_way(tree: Tree, env: dict[str, str]):
    assert tree.python("-c", "from hezi._util import bundle; print(bundle.use())", env=env) == "None"


def test_a_place_that_cannot_be_written_is_no_error(tree: Tree):
    shutil.rmtree(tree.bundle.parent)
    tree.bundle.parent.write_text("not a directory")
    assert tree.python("-c", WRITE) == "False"


def test_nothing_is_compiled_for_the_bundle(tree: Tree):
    for compiled in (tree.root / "hezi" / "spec" / "__pycache__").iterdir():
        compiled.unlink()
    tree.python("-c", WRITE, env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert tree.look()[0] == "SourceFileLoader"
