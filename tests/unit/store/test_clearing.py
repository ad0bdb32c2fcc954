"""Removing a layer's tree: by several threads when it is large, and never what a link in it points to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi._util import atomic
from hezi.store.snapshot import clearing


@pytest.fixture
def place(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/kept").write_text("kept")
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def fill(tree: Path, width: int) -> None:
    """Directories in directories, with files, links and a name that is no text."""
    for first in range(width):
        for second in range(width):
            below = tree / f"diff/{first}/{second}"
            below.mkdir(parents=True)
            (below / "file").write_text("x")
            (below / "link").symlink_to(tree.parent / "outside")
    (tree / "diff/link").symlink_to(tree.parent / "outside")
    os.mkdir(os.fsencode(tree) + b"/diff/\xff")
    (tree / "diff/deep").joinpath(*"abcdefghij").mkdir(parents=True)


@pytest.mark.parametrize("width", [1, 3, 12])
def test_all_of_it_goes_and_nothing_else(place: int, tmp_path: Path, width: int) -> None:
    fill(tmp_path / "tree", width)
    clearing.remove_tree(place, "tree")
    assert os.listdir(tmp_path) == ["outside"]
    assert (tmp_path / "outside/kept").read_text() == "kept"


def test_several_threads_are_at_it(place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "tree", 12)
    removed: list[str] = []
    whole = atomic.remove_tree

    def note(fd: int, name: str) -> None:
        removed.append(name)
        whole(fd, name)

    monkeypatch.setattr(atomic, "remove_tree", note)
    clearing.remove_tree(place, "tree")
    assert len(removed) > 100
    assert removed[-1] == "tree"


def test_what_cannot_be_removed_is_said(place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "tree", 12)
    whole = atomic.remove_tree

    def refuse(fd: int, name: str) -> None:
        if name in {"5", "tree"}:
            raise PermissionError(1, "not this one", name)
        whole(fd, name)

    monkeypatch.setattr(atomic, "remove_tree", refuse)
    with pytest.raises(PermissionError, match="not this one"):
        clearing.remove_tree(place, "tree")
    assert len(list((tmp_path / "tree/diff").glob("*/*/file"))) == 12


def test_what_is_not_there_is_no_mistake(place: int) -> None:
    clearing.remove_tree(place, "nothing")
