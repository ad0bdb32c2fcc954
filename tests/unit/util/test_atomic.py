from __future__ import annotations

import os

import pytest

from hezi._util import atomic


@pytest.fixture
def directory(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_file_is_written_whole_with_its_mode(tmp_path, directory):
    atomic.write_file(directory, "file", b"one", mode=0o640)
    atomic.write_file(directory, "file", b"two", mode=0o640)
    assert (tmp_path / "file").read_bytes() == b"two"
    assert os.stat(tmp_path / "file").st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_nothing_is_left_when_the_rename_fails(tmp_path, directory):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        atomic.write_file(directory, "taken", b"x")
    assert os.listdir(tmp_path) == ["taken"]


def test_a_link_with_the_name_is_replaced_not_followed(tmp_path, directory):
    (tmp_path / "victim").write_text("safe")
    os.symlink("victim", tmp_path / "file")
    atomic.write_file(directory, "file", b"new")
    assert (tmp_path / "victim").read_text() == "safe"
    assert (tmp_path / "file").read_bytes() == b"new"


def test_private_directory_has_mode_0700_under_any_umask(tmp_path):
    before = os.umask(0)
    try:
        atomic.make_private_dir(str(tmp_path / "a" / "b"))
    finally:
        os.umask(before)
    assert os.stat(tmp_path / "a" / "b").st_mode & 0o777 == 0o700
    atomic.make_private_dir(str(tmp_path / "a" / "b"))


def test_tree_is_removed_and_links_are_not_followed(tmp_path, directory):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "keep").write_text("")
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "file").write_text("")
    os.symlink("../outside", tmp_path / "tree" / "link")
    atomic.remove_tree(directory, "tree")
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert os.listdir(tmp_path / "outside") == ["keep"]
    atomic.remove_tree(directory, "tree")


def test_a_link_given_by_name_is_removed_itself(tmp_path, directory):
    (tmp_path / "outside").mkdir()
    os.symlink("outside", tmp_path / "link")
    atomic.remove_tree(directory, "link")
    assert os.listdir(tmp_path) == ["outside"]


def test_a_directory_moved_away_meanwhile_ends_the_walk(tmp_path, directory, monkeypatch):
    (tmp_path / "tree" / "inner").mkdir(parents=True)
    (tmp_path / "tree" / "inner" / "file").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "keep").write_text("")
    unlink = os.unlink

    def moving_unlink(name, *, dir_fd):
        if name == "file":
            os.rename(tmp_path / "tree" / "inner", tmp_path / "elsewhere" / "inner")
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", moving_unlink)
    with pytest.raises(OSError, match="moved while"):
        atomic.remove_tree(directory, "tree")
    assert (tmp_path / "elsewhere" / "keep").exists()


def test_tree_deeper_than_the_stack_and_the_limit_of_open_files(tmp_path, directory):
    current = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=current)
        below = os.open("d", os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = below
    os.close(current)
    atomic.remove_tree(directory, "d")
    assert os.listdir(tmp_path) == []
