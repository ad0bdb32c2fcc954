"""Trees as entries of an archive, and archives written from entries."""

from __future__ import annotations

import io
import os
import socket
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.image import tarlayer, tarwrite
from hezi.image.tarlayer import Entry, TarReader
from hezi.image.treewalk import PickedSource, TreeSource


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[int]:
    top = tmp_path / "top"
    (top / "b/deep").mkdir(parents=True)
    (top / "a").write_bytes(b"a" * 513)
    (top / "b/deep/file").write_bytes(b"")
    os.symlink("/anywhere", top / "b/link")
    os.link(top / "a", top / "z")
    os.mkfifo(top / "fifo")
    (top / ("n" * 200)).write_bytes(b"long")
    (top / "\udcff").write_bytes(b"no text")
    with open(top / "holes", "wb") as file:
        file.truncate(1 << 20)
        file.seek(1 << 19)
        file.write(b"data")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(top / "socket"))
    fd = os.open(top, os.O_RDONLY)
    yield fd
    os.close(fd)


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as tar:
        return {member.name: member for member in tar}


def test_a_tree_becomes_an_archive_that_others_read(tree: int, tmp_path: Path) -> None:
    data = b"".join(bytes(part) for part in tarwrite.stream(TreeSource(tree, b"t")))
    found = members(data)
    assert list(found) == [
        "t", "t/a", "t/b", "t/b/deep", "t/b/deep/file", "t/b/link", "t/fifo", "t/holes", "t/" + "n" * 200, "t/z",
        "t/\udcff",
    ]  # fmt: skip
    assert (found["t/z"].islnk(), found["t/z"].linkname) == (True, "t/a")
    assert found["t/holes"].size == 1 << 20
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "x", "-C", str(tmp_path / "out")], input=data, check=True)
    assert (tmp_path / "out/t/holes").read_bytes() == (tmp_path / "top/holes").read_bytes()
    assert (tmp_path / "out/t/a").stat().st_mtime_ns == (tmp_path / "top/a").stat().st_mtime_ns


def test_our_own_reader_gets_the_same_entries(tree: int) -> None:
    data = b"".join(bytes(part) for part in tarwrite.stream(TreeSource(tree, b"")))
    again = list(TarReader([data]))
    walked = list(TreeSource(tree, b""))
    assert [entry.name.rstrip(b"/") for entry in again] == [entry.name for entry in walked]
    for one, other in zip(again, walked, strict=True):
        assert (one.kind, one.mode, one.mtime_ns, one.linkname) == (
            other.kind,
            other.mode,
            other.mtime_ns,
            other.linkname,
        )


def test_one_file_and_names_left_out(tree: int) -> None:
    fd = os.open("a", os.O_PATH, dir_fd=tree)
    assert [(entry.name, entry.size) for entry in TreeSource(fd, b"as")] == [(b"as", 513)]
    os.close(fd)
    kept = [entry.name for entry in TreeSource(tree, b"", skip=lambda name: name in {b"b", b"holes"})]
    assert not {b"b", b"b/link", b"holes"} & set(kept)


def test_picked_files_and_whiteouts(tree: int) -> None:
    picked = [(b"b", False), (b"b/gone", True), (b"b/deep/file", False), (b"gone/below", False), (b"a", False)]
    names = [entry.name for entry in PickedSource(tree, picked)]
    assert names == [b"b", b"b/.wh.gone", b"b/deep/file", b"a"]


def test_a_file_that_becomes_shorter_keeps_the_archive_whole(tree: int) -> None:
    source = TreeSource(tree, b"")
    parts = []
    for entry in source:
        if entry.name == b"a":
            os.truncate(f"/proc/self/fd/{tree}/a", 100)
        parts.append(tarwrite.header(tarwrite.of_entry(entry)))
        parts += [bytes(part) for part in tarwrite.data(source, entry)]
    assert members(b"".join([*parts, tarwrite.END]))["a"].size == 513


def test_what_vanishes_or_changes_its_kind_is_left_out_or_taken_as_it_is(tree: int, tmp_path: Path) -> None:
    names: list[bytes] = []
    for entry in TreeSource(tree, b""):
        names.append(entry.name)
        if entry.name == b"a":
            (tmp_path / "top/fifo").unlink()
            (tmp_path / "top/holes").unlink()
            os.mkfifo(tmp_path / "top/holes")  # opening it for reading would wait for ever
    assert b"fifo" not in names
    assert b"holes" in names


def test_descriptors_are_given_back(tree: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    walk = iter(TreeSource(tree, b""))
    for _ in range(4):
        next(walk)
    walk.close()  # type: ignore[attr-defined]  # it is a generator
    list(PickedSource(tree, [(b"b", False), (b"a", False)]))
    assert len(os.listdir("/proc/self/fd")) == before


def test_headers_hold_what_ustar_cannot() -> None:
    member = tarwrite.Member(
        b"d/" + b"x" * 300, tarlayer.SYMLINK, 0o7777, 1 << 22, 5, 0, -1_500_000_000, b"t" * 200, (0, 0)
    )
    entry: Entry = next(iter(TarReader([tarwrite.header(member) + tarwrite.END])))
    assert (entry.name, entry.linkname, entry.uid, entry.gid) == (member.name, member.target, 1 << 22, 5)
    assert (entry.mtime_ns, entry.mode) == (-1_500_000_000, 0o7777)
    assert stat.S_ISUID & entry.mode
