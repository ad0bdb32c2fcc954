"""The manager on a directory that behaves like cgroup v2 where it matters: the rules without the kernel."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hezi.linux.cgroup import manager
from hezi.linux.cgroup.group import Group
from hezi.linux.cgroup.layout import Hierarchy, Layout
from hezi.spec.runtime import Resources

FILES = {"cgroup.procs": "", "cgroup.controllers": "", "cgroup.subtree_control": "", "cgroup.events": "frozen 0\n"}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A v2 root: a new group has the files of one, and the controllers its parent hands on; rmdir takes them away."""
    root = tmp_path / "cgroup"
    mkdir, rmdir, write = os.mkdir, os.rmdir, os.write

    def make(path: Path, controllers: str) -> None:
        for name, text in FILES.items():
            (path / name).write_text(text)
        (path / "cgroup.controllers").write_text(controllers)
        if "pids" in controllers:
            (path / "pids.max").write_text("max\n")

    def where(name: str, dir_fd: int | None) -> Path:
        return Path(name) if dir_fd is None else Path(os.readlink(f"/proc/self/fd/{dir_fd}")) / name

    def fake_mkdir(name: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        mkdir(name, mode, dir_fd=dir_fd)
        path = where(name, dir_fd)
        make(path, (path.parent / "cgroup.subtree_control").read_text())

    def fake_rmdir(name: str, *, dir_fd: int | None = None) -> None:
        path = where(name, dir_fd)
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, "rmdir")
        if (path / "cgroup.procs").read_text().strip() or any(child.is_dir() for child in path.iterdir()):
            raise OSError(errno.EBUSY, "rmdir")
        for child in path.iterdir():
            child.unlink()
        rmdir(path)

    def fake_write(fd: int, data: bytes) -> int:
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))
        if path.name == "cgroup.subtree_control":
            name = data.decode().removeprefix("+")
            if (path.parent / "cgroup.procs").read_text().strip():
                raise OSError(errno.EBUSY, "write")
            path.write_text(f"{path.read_text()}{name} ")
            return len(data)
        if path.parent.is_relative_to(root):
            os.ftruncate(fd, 0)  # a cgroup file has a value, not contents
        return write(fd, data)

    mkdir(root)
    make(root, "cpu io memory pids rdma")
    monkeypatch.setattr(os, "mkdir", fake_mkdir)
    monkeypatch.setattr(os, "rmdir", fake_rmdir)
    monkeypatch.setattr(os, "write", fake_write)
    monkeypatch.setattr(manager, "check_magic", lambda _at, _hierarchy: None)
    yield root
    monkeypatch.undo()


def v2(root: Path, controllers: str = "cpu io memory pids rdma") -> Layout:
    return Layout("v2", (Hierarchy(2, str(root), tuple(controllers.split())),))


def test_controllers_are_handed_on_from_the_top_down(fake: Path) -> None:
    with manager.create(v2(fake), "/hezi/one") as group:
        assert (fake / "cgroup.subtree_control").read_text().split() == ["cpu", "io", "memory", "pids"]
        assert (fake / "hezi/cgroup.subtree_control").read_text().split() == ["cpu", "io", "memory", "pids"]
        assert (fake / "hezi/one/cgroup.subtree_control").read_text() == ""
        assert group.paths == {str(fake): f"{fake}/hezi/one"}
        group.delete()
    assert not (fake / "hezi/one").exists()
    assert (fake / "hezi").exists()


def test_handed_on_once(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager.create(v2(fake), "/hezi/one").close()
    monkeypatch.setattr(os, "write", lambda *_: pytest.fail("written again"))
    manager.create(v2(fake), "/hezi/two").close()


def test_controllers_nobody_asked_for_stay_with_the_host(fake: Path) -> None:
    manager.create(v2(fake, "hugetlb"), "/hezi/one").close()
    assert (fake / "cgroup.subtree_control").read_text() == ""


def test_processes_in_an_inner_group_cost_the_limits_not_the_start(fake: Path) -> None:
    """v2's rule of no internal processes: the group is made, and its pids limit cannot be had and is said so."""
    (fake / "cgroup.procs").write_text("1\n")
    with manager.create(v2(fake), "/hezi/one") as group:
        group.apply(Resources(pids_limit=10))
        assert len(group.warnings) == 1
        assert "pids" in group.warnings[0]


def test_a_limit_is_written_and_read_back(fake: Path) -> None:
    with manager.create(v2(fake), "/hezi/one") as group:
        group.apply(Resources(pids_limit=10))
        assert (fake / "hezi/one/pids.max").read_text().startswith("10")
        assert not group.warnings


def test_a_value_that_does_not_stand_is_an_error(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with manager.create(v2(fake), "/hezi/one") as group:
        monkeypatch.setattr(Group, "write", lambda *_: None)
        with pytest.raises(OSError, match=r"asked for '10', the kernel has 'max'") as caught:
            group.apply(Resources(pids_limit=10))
        assert caught.value.errno == errno.ERANGE


def test_no_way_to_restrict_devices_is_an_error(tmp_path: Path) -> None:
    group = manager.ContainerCgroup("/hezi/x", [])
    with pytest.raises(OSError, match="no devices controller") as caught:
        group.apply(Resources(devices=(object(),)))  # type: ignore[arg-type] # never looked at
    assert caught.value.errno == errno.EOPNOTSUPP


def test_the_same_name_twice_is_refused_and_the_first_untouched(fake: Path) -> None:
    with manager.create(v2(fake), "/hezi/one"):
        with pytest.raises(FileExistsError, match="hezi/one"):
            manager.create(v2(fake), "/hezi/one")
        assert (fake / "hezi/one/cgroup.procs").exists()


def test_a_parent_removed_under_us_is_made_again(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir, tries = os.mkdir, []

    def racing(name: str, *args: Any, **more: Any) -> None:
        if name == "one" and len(tries) < 3:
            tries.append(name)
            raise FileNotFoundError(errno.ENOENT, "mkdir")
        mkdir(name, *args, **more)

    monkeypatch.setattr(os, "mkdir", racing)
    manager.create(v2(fake), "/hezi/one").close()
    assert len(tries) == 3


def test_failing_in_one_hierarchy_leaves_nothing_in_the_others(fake: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    layout = Layout("hybrid", (*v2(fake).hierarchies, Hierarchy(1, str(fake / "missing"), ("pids",))))
    with pytest.raises(OSError, match="missing"):
        manager.create(layout, "/hezi/one")
    assert not (fake / "hezi/one").exists()
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("path", ["", "/", "/hezi/..", "/../x", "hezi//x", "/hezi/.", "/hezi/a\nb", "/hezi/a\0b"])
def test_names_that_are_none(fake: Path, path: str) -> None:
    with pytest.raises(OSError, match="cgroup"):
        manager.create(v2(fake), path)


def test_nothing_mounted() -> None:
    with pytest.raises(OSError, match="no cgroup hierarchy") as caught:
        manager.create(Layout("none", ()), "/hezi/one")
    assert caught.value.errno == errno.EOPNOTSUPP


def test_a_busy_group_is_tried_for_a_while_and_named(fake: Path) -> None:
    with manager.create(v2(fake), "/hezi/one") as group:
        (fake / "hezi/one/cgroup.procs").write_text("17\n")
        with pytest.raises(OSError, match="hezi/one") as caught:
            group.delete(timeout=0.01)
        assert caught.value.errno == errno.EBUSY
        (fake / "hezi/one/cgroup.procs").write_text("")
        group.delete(timeout=0)
        group.delete(timeout=0)


def test_groups_made_inside_go_too(fake: Path) -> None:
    with manager.create(v2(fake), "/hezi/one") as group:
        for name in ("a", "a/b", "a/b/c", "d"):
            os.mkdir(fake / "hezi/one" / name)
        (fake / "hezi/one/a/b/cgroup.procs").write_text("5\n7\n")
        assert group.pids() == [5, 7]
        (fake / "hezi/one/a/b/cgroup.procs").write_text("")
        group.delete(timeout=0)
        assert not (fake / "hezi/one").exists()


def test_sweep_removes_what_is_empty_and_not_kept(fake: Path) -> None:
    for name in ("stale", "starting", "running"):
        manager.create(v2(fake), f"/hezi/{name}").close()
    os.mkdir(fake / "hezi/stale/inner")
    (fake / "hezi/running/cgroup.procs").write_text("7\n")
    assert manager.sweep(v2(fake), "/hezi", keep={"starting"}) == ["stale"]
    assert sorted(path.name for path in (fake / "hezi").iterdir() if path.is_dir()) == ["running", "starting"]
    assert manager.sweep(v2(fake), "/nowhere") == []


def test_open_existing(fake: Path) -> None:
    assert manager.open_existing(v2(fake), "/hezi/one") is None
    manager.create(v2(fake), "/hezi/one").close()
    group = manager.open_existing(v2(fake), "/hezi/one")
    assert group is not None
    group.delete()
    group.close()
