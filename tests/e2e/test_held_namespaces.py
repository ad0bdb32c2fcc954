"""Namespaces without processes, kept by a file or a descriptor: they are listed, and their mounts are drawn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.linux import namespaces, nsheld
from tests.support.harness import REPOSITORY, Hezi

# In a mount namespace of its own: shared /mnt/a, and a private place to keep things at.
_SETUP = """
mount -t tmpfs top /mnt; mkdir /mnt/a; touch /mnt/kept /mnt/uts
mount -t tmpfs disk /mnt/a; mkdir /mnt/a/x; mount --make-shared /mnt/a
echo ready; exec cat
"""
# Makes a namespace, goes home and keeps a descriptor.
_KEEPER = f"""
import os, sys
sys.path.insert(0, {str(REPOSITORY / "src")!r})
from hezi.linux import namespaces
kind, flag = sys.argv[1], getattr(namespaces, sys.argv[2])
home = os.open("/proc/self/ns/" + kind, os.O_RDONLY)
namespaces.unshare(flag)
there = os.open("/proc/self/ns/" + kind, os.O_RDONLY)
name = os.readlink("/proc/self/ns/" + kind)
namespaces.setns(home)
print(there, name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def space() -> Iterator[int]:
    argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", _SETUP]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process.pid
        finally:
            process.kill()


def inside(pid: int) -> tuple[str, ...]:
    return ("nsenter", "-t", str(pid), "-m", "--")


class Keeper:
    """A process that keeps a namespace by a descriptor."""

    def __init__(self, kind: str, flag: str, prefix: tuple[str, ...] = ()) -> None:
        argv = [*prefix, sys.executable, "-c", _KEEPER, kind, flag]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        number, self.name = self.process.stdout.readline().split()
        self.place = f"/proc/{self.process.pid}/fd/{number}"

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def rows(hezi: Hezi, *args: str) -> dict[int, dict[str, object]]:
    done = hezi.run("ns", "ls", "-l", "-J", "-o", "NS,TYPE,NPROCS,PATH,ONS", *args, check=True)
    return {row["ns"]: row for row in json.loads(done.stdout)["namespaces"]}


def number_of(name: str) -> int:
    return int(name.partition("[")[2].rstrip("]"))


@pytest.mark.needs("root")
@pytest.mark.parametrize(("kind", "flag"), [("uts", "CLONE_NEWUTS"), ("net", "CLONE_NEWNET")])
def test_what_a_descriptor_keeps_is_listed_with_its_place(hezi_env: Hezi, kind: str, flag: str):
    with Keeper(kind, flag) as keeper:
        owner = os.stat("/proc/self/ns/user").st_ino
        expected = {"ns": number_of(keeper.name), "type": kind, "nprocs": 0, "path": keeper.place, "ons": owner}
        for args in ((), ("-P",), ("-t", kind)):
            assert rows(hezi_env, *args)[expected["ns"]] == expected
        tree = hezi_env.run("ns", "ls", "--tree=owner", "-o", "NS,PATH", check=True).stdout
        assert f"─{expected['ns']}" in next(line for line in tree.splitlines() if keeper.place in line)
    assert keeper.place not in [row["path"] for row in rows(hezi_env).values()]


@pytest.mark.needs("root", "unshare")
def test_what_a_file_of_another_mount_namespace_keeps_is_listed(hezi_env: Hezi, space: int):
    subprocess.run([*inside(space), "unshare", "--uts=/mnt/uts", "true"], check=True)
    found = [row for row in rows(hezi_env, "-t", "uts").values() if row["path"] == f"/proc/{space}/root/mnt/uts"]
    assert [row["nprocs"] for row in found] == [0]
    done = hezi_env.run("ns", "enter", f"--uts=/proc/{space}/root/mnt/uts", "readlink", "/proc/self/ns/uts", check=True)
    assert done.stdout == f"uts:[{found[0]['ns']}]\n"


@pytest.mark.needs("root", "unshare")
def test_mounts_of_a_kept_namespace_are_drawn_and_explained(hezi_env: Hezi, space: int):
    keep = ("ns", "run", "--mount=/mnt/kept", "--propagation", "slave", "true")
    hezi_env.run(*keep, prefix=inside(space), check=True)
    explained = hezi_env.run("mount", "explain", "/mnt/a", prefix=inside(space), check=True).stdout.splitlines()
    at = explained.index("the next mount below /mnt/a will be seen also in:")
    assert explained[at + 1].startswith("  nobody, kept by /mnt/kept: /mnt/a")
    drawn = hezi_env.run("mount", "graph", prefix=inside(space), check=True).stdout
    assert "  > nobody, kept by /mnt/kept: /mnt/a" in drawn.splitlines()
    svg = hezi_env.run("mount", "graph", "--svg", "-", prefix=inside(space), check=True).stdout
    assert "nobody, kept by /mnt/kept mnt:[" in svg
    # And it is so: a mount arrives where nobody is.
    subprocess.run([*inside(space), "mount", "-t", "tmpfs", "new", "/mnt/a/x"], check=True)
    holder = next(one for one in nsheld.holders(("mnt",)) if one.path == "/mnt/kept" and one.pid == space)
    assert "/mnt/a/x" in [one.mount_point for one in nsheld.mounts(holder)]


@pytest.mark.needs("root", "unshare")
def test_mounts_of_a_namespace_that_a_descriptor_keeps_are_drawn(hezi_env: Hezi, space: int):
    with Keeper("mnt", "CLONE_NEWNS", inside(space)) as keeper:
        drawn = hezi_env.run("mount", "graph", prefix=inside(space), check=True).stdout
        assert f"  = nobody, kept by {keeper.place}: /mnt/a" in drawn.splitlines()


def test_something_else_in_the_place_of_a_kept_namespace_is_not_opened(tmp_path: Path):
    """A pipe that nobody writes to would hold up whoever opens it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    for name in ("pipe", "file", "missing"):
        holder = nsheld.Holder("uts", 1, os.getpid(), path=str(tmp_path / name), here=True)
        with pytest.raises(FileNotFoundError):
            nsheld.open_held(holder)


def test_another_namespace_in_its_place_is_none():
    with namespaces.Namespace.of("self", "uts") as ours:
        holder = nsheld.Holder("uts", ours.inode + 1, os.getpid(), number=ours.fd)
        with pytest.raises(FileNotFoundError, match="another namespace is kept there by now"):
            nsheld.open_held(holder)
        with nsheld.open_held(holder._replace(inode=ours.inode)) as again:
            assert again == ours
