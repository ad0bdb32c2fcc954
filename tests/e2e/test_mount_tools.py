"""hezi mount: what mounts pass on, to whom, and why somebody does not see one."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.dom import minidom

import pytest

from tests.support.harness import Hezi, Result, wait_until

# In the namespace of the experiments: shared /mnt/a and its slave /mnt/b, private /mnt/p.
_SETUP = """
mount -t tmpfs top /mnt; mkdir /mnt/a /mnt/b /mnt/p /mnt/c
mount -t tmpfs disk /mnt/a; mkdir /mnt/a/x; mount --make-shared /mnt/a
mount --bind /mnt/a /mnt/b; mount --make-slave /mnt/b
mount -t tmpfs own /mnt/p; mkdir /mnt/p/x
echo ready; exec cat
"""


class Space:
    """hezi in a mount namespace of its own."""

    def __init__(self, hezi: Hezi, pid: int) -> None:
        self.hezi = hezi
        self.pid = pid
        self.prefix = ("nsenter", "-t", str(pid), "-m", "--")

    def hezi_mount(self, *args: str) -> Result:
        return self.hezi.run("mount", *args, prefix=self.prefix)

    def run(self, *argv: str) -> str:
        return subprocess.run([*self.prefix, *argv], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def space(hezi_env: Hezi) -> Iterator[Space]:
    argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", _SETUP]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield Space(hezi_env, process.pid)
        finally:
            process.kill()


@pytest.fixture
def guest(space: Space) -> Iterator[int]:
    """A process in a namespace that was copied from that one, and takes mounts from it."""
    argv = [*space.prefix, "unshare", "-m", "--propagation", "slave", "sleep", "1000"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
        try:
            assert wait_until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"sleep\0"))
            yield process.pid
        finally:
            process.kill()


def group_of(pid: int, point: str) -> str:
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        if line.split()[4] == point:
            return re.search(r"(?:shared|master):(\d+)", line)[1]
    raise AssertionError(point)


@pytest.mark.needs("root", "unshare")
def test_explain_says_who_will_see_the_next_mount(space: Space, guest: int):
    number = group_of(space.pid, "/mnt/a")
    lines = space.hezi_mount("explain", "/mnt/a/x").stdout.splitlines()
    assert re.fullmatch(r"/mnt/a/x is on the mount /mnt/a: tmpfs of disk, mount \d+", lines[0])
    assert lines[1].startswith(f"its propagation is shared (shared:{number}): ")
    assert lines[2:] == [
        "the next mount below /mnt/a will be seen also in:",
        "  here: /mnt/b (slave)",
        f"  process {guest}: /mnt/a (slave)",
        f"  process {guest}: /mnt/b (slave)",
        "no mount arrives below /mnt/a from elsewhere",
    ]
    lines = space.hezi_mount("explain", "/mnt/b").stdout.splitlines()
    assert lines[2:] == [
        "the next mount below /mnt/b will be seen nowhere else",
        "mounts arrive below /mnt/b from:",
        "  here: /mnt/a (shared)",
    ]
    # What it foretold comes true.
    space.run("mount", "-t", "tmpfs", "new", "/mnt/a/x")
    seen = {line.split()[4] for line in Path(f"/proc/{guest}/mountinfo").read_text().splitlines()}
    assert {"/mnt/a/x", "/mnt/b/x"} <= seen


@pytest.mark.needs("root", "unshare")
def test_explain_says_why_somebody_does_not_see_a_mount(space: Space, guest: int):
    def told(path: str) -> str:
        return space.hezi_mount("explain", path, "--in", str(guest)).stdout.splitlines()[-1]

    assert told("/mnt/a") == f"process {guest} sees it at /mnt/a (a slave of it), /mnt/b (a slave of it)"
    space.run("mount", "-t", "tmpfs", "late", "/mnt/p/x")
    assert told("/mnt/p/x") == (
        f"process {guest} does not see it: /mnt/p, which it is mounted on, is private and passes nothing on"
    )
    space.run("mount", "-t", "tmpfs", "taken", "/mnt/a/x")
    subprocess.run(["nsenter", "-t", str(guest), "-m", "umount", "/mnt/a/x", "/mnt/b/x"], check=True)
    assert told("/mnt/a/x") == (
        f"process {guest} does not see it: /mnt/a, /mnt/b there takes mounts from /mnt/a, "
        "but this one was made before that, or was unmounted there"
    )
    space.run("umount", "/mnt/a/x")
    for point in ("/mnt/a", "/mnt/b"):
        subprocess.run(["nsenter", "-t", str(guest), "-m", "mount", "--make-private", point], check=True)
    space.run("mount", "-t", "tmpfs", "cut", "/mnt/a/x")
    assert told("/mnt/a/x") == (
        f"process {guest} does not see it: nothing there belongs to or is a slave of group "
        f"{group_of(space.pid, '/mnt/a')}, which /mnt/a passes mounts to"
    )
    done = space.hezi_mount("explain", "/mnt/a", "--in", str(space.pid))
    assert done.stdout.splitlines()[-1] == f"process {space.pid} is in the same mount namespace, and sees it"


@pytest.mark.needs("root", "unshare")
def test_explain_looks_from_inside_too(space: Space, guest: int):
    done = space.hezi.run("mount", "explain", "/mnt/b", "--of", str(guest))
    lines = done.stdout.splitlines()
    assert lines[0].startswith("/mnt/b is on the mount /mnt/b: tmpfs of disk")
    assert f"  process {space.pid}: /mnt/a (shared)" in lines
    done = space.hezi_mount("explain", "/nonexistent")
    assert (done.code, done.stderr) == (1, "hezi: cannot look at /nonexistent: No such file or directory\n")


@pytest.mark.needs("root", "unshare")
def test_graph_hangs_slaves_below_their_group(space: Space, guest: int):
    number = group_of(space.pid, "/mnt/a")
    lines = space.hezi_mount("graph", str(guest)).stdout.splitlines()
    first = lines.index(f"group {number}")
    assert lines[first + 1 : first + 5] == [
        "  = here: /mnt/a",
        "  > here: /mnt/b",
        f"  > process {guest}: /mnt/a",
        f"  > process {guest}: /mnt/b",
    ]
    space.run("mount", "--make-shared", "/mnt/b")
    again = group_of(space.pid, "/mnt/b")
    lines = space.hezi_mount("graph", str(space.pid)).stdout.splitlines()
    assert lines[lines.index(f"group {number}") : lines.index(f"group {number}") + 4] == [
        f"group {number}",
        "  = here: /mnt/a",
        f"  > group {again}",
        "  >   = here: /mnt/b",
    ]


@pytest.mark.needs("root", "unshare")
def test_graph_as_a_drawing(space: Space, guest: int, tmp_path: Path):
    file = tmp_path / "mounts.svg"
    assert space.hezi_mount("graph", str(guest), "--svg", str(file)).code == 0
    drawing = minidom.parse(str(file)).documentElement
    texts = [node.firstChild.data for node in drawing.getElementsByTagName("text")]
    number = group_of(space.pid, "/mnt/a")
    assert texts.count(f"/mnt/a  shared:{number}") == 1
    assert texts.count(f"/mnt/b  master:{number}") == 2
    assert [text for text in texts if text.startswith("here mnt:[")]
    arrows = [node for node in drawing.getElementsByTagName("path") if node.getAttribute("marker-end")]
    assert len(arrows) >= 3  # to /mnt/b here, and to both of the guest
    shown = space.hezi_mount("graph", str(guest), "--svg", "-").stdout
    assert minidom.parseString(shown).documentElement.tagName == "svg"


@pytest.mark.needs("root", "unshare")
def test_tree_shows_groups(space: Space):
    tree = json.loads(space.hezi_mount("tree", "-J").stdout)["filesystems"]
    top = next(one for one in tree[0]["children"] if one["target"] == "/mnt" and one["source"] == "top")
    number = group_of(space.pid, "/mnt/a")
    # Sorted: the order is that of mount ids, and a number that somebody gave back comes again.
    assert sorted((one["target"], one["propagation"], one["opt-fields"]) for one in top["children"]) == [
        ("/mnt/a", "shared", f"shared:{number}"),
        ("/mnt/b", "private,slave", f"master:{number}"),
        ("/mnt/p", "private", None),
    ]


@pytest.mark.needs("root", "unshare")
def test_a_refusal_names_what_is_in_the_way(space: Space):
    space.run("mount", "--make-unbindable", "/mnt/p")
    done = space.hezi_mount("make", "--bind", "/mnt/p", "/mnt/c")
    assert (done.code, done.stderr.splitlines()[-1]) == (32, "  hint: /mnt/p is unbindable")
    space.run("mount", "--make-shared", "/mnt")
    done = space.hezi_mount("make", "--move", "/mnt/a", "/mnt/c")
    assert done.code == 32
    assert "/mnt is shared, and what is below a shared mount cannot be moved: make it private first" in done.stderr
    done = space.hezi_mount("make", "--make-slave", "/mnt/c")
    assert done.code == 32
    assert "not mount point" in done.stderr
    assert (
        space.hezi_mount("make", "--move", "/mnt/a/x", "/mnt/c").stderr.splitlines()[-1].endswith("is no mount point")
    )
    space.run("mount", "--make-private", "/mnt")
    done = space.hezi_mount("make", "--move", "/mnt/a", "/mnt/a/x")
    assert (done.code, done.stderr.splitlines()[-1]) == (32, "  hint: a mount cannot be moved below itself")
    done = space.hezi_mount("make", "--move", "/mnt/p", "/mnt/a/x")
    assert done.code == 32
    assert "/mnt/p is unbindable and /mnt/a is shared" in done.stderr
    done = space.hezi_mount("make", "--bind", "/etc/passwd", "/mnt/c")
    assert "/etc/passwd is a file and /mnt/c is a directory" in done.stderr
    done = space.hezi_mount("make", "--bind", "/mnt/gone", "/mnt/c")
    assert done.stderr.splitlines()[-1] == "  hint: there is no '/mnt/gone'"
    done = space.hezi_mount("make", "--make-shared", "/mnt/a", "/mnt/c")
    assert (done.code, "a SOURCE goes with --bind, --rbind or --move" in done.stderr) == (32, True)


@pytest.mark.needs("root", "unshare")
def test_a_namespace_does_not_keep_itself(space: Space):
    """A mount namespace that is bound below one of its own mounts would never end."""
    space.run("touch", "/mnt/kept")
    done = space.hezi.run("ns", "keep", str(space.pid), "mnt=/mnt/kept", prefix=space.prefix)
    assert done.code == 1
    assert "by a process whose own mount namespace is older" in done.stderr
    space.run("mount", "--make-shared", "/mnt")
    done = space.hezi.run("ns", "run", "--mount=/mnt/kept", "true", prefix=space.prefix)
    assert done.code == 1
    assert "mount" in done.stderr


@pytest.mark.needs("root", "unshare", "kernel:6.5")
def test_beneath_puts_a_mount_under_what_is_there(space: Space):
    space.run("sh", "-c", "touch /mnt/a/below /mnt/p/above")
    assert space.hezi_mount("make", "--bind", "--beneath", "/mnt/a", "/mnt/p").code == 0
    assert space.run("ls", "/mnt/p").split() == ["above", "x"]
    space.run("umount", "/mnt/p")
    assert space.run("ls", "/mnt/p").split() == ["below", "x"]


@pytest.mark.needs("root", "unshare", "kernel:6.3")
def test_owners_are_shown_as_others(space: Space):
    """An idmapped mount: files of root on disk are files of user 1000 there, and the reverse on writing."""
    space.run("sh", "-c", "touch /mnt/a/mine")
    assert space.hezi_mount("make", "--bind", "--map", "b:0:1000:1", "/mnt/a", "/mnt/c").code == 0
    assert space.run("stat", "-c", "%u %g", "/mnt/c/mine") == "1000 1000\n"
    assert space.run("stat", "-c", "%u %g", "/mnt/a/mine") == "0 0\n"
    done = space.hezi_mount("make", "--bind", "--map", "b:0:1000", "/mnt/a", "/mnt/c")
    assert done.code == 1
    assert "is not [u:|g:|b:]ID:SHOWN-AS:COUNT" in done.stderr
    assert os.path.exists(f"/proc/{space.pid}")
