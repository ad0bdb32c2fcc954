"""hezi ns: containers and processes seen through their namespaces."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import Hezi, wait_until

KINDS = ("uts", "ipc", "pid", "net", "mnt", "user", "cgroup", "time")


def identity(pid: int | str, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{kind}")


@pytest.fixture
def apart() -> Iterator[int]:
    """A process with its own UTS and network namespaces, until the end of the test."""
    with subprocess.Popen(["unshare", "-un", "sleep", "1000"], stdin=subprocess.DEVNULL) as process:
        try:
            command = Path(f"/proc/{process.pid}/cmdline")
            assert wait_until(lambda: command.read_bytes().startswith(b"sleep\0"))
            yield process.pid
        finally:
            process.kill()


@pytest.fixture
def box(hezi_env: Hezi, busybox_image: str, leftovers_guard: None) -> Iterator[str]:
    """The name of a container that runs."""
    process = hezi_env.popen("run", "--name", "web", "--network", "none", busybox_image, "sleep", "1000")
    try:
        assert wait_until(lambda: "web" in hezi_env.run("ps", "--format", "{{.Names}}").stdout.split(), timeout=60)
        yield "web"
    finally:
        hezi_env.run("rm", "-f", "web")
        process.communicate(timeout=60)


@pytest.mark.needs("root", "unshare")
def test_show_tells_own_from_shared_and_the_machines(hezi_env: Hezi, apart: int):
    found = json.loads(hezi_env.run("ns", "show", "-J", str(apart), check=True).stdout)["faces"]
    assert [face["kind"] for face in found] == list(KINDS)
    assert {face["kind"] for face in found if face["whose"] == "own"} == {"uts", "net"}
    assert {face["namespace"] for face in found} == {identity(apart, kind) for kind in KINDS}
    guest = subprocess.Popen(["nsenter", "-t", str(apart), "-n", "sleep", "1001"], stdin=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: identity(guest.pid, "net") == identity(apart, "net"))
        assert wait_until(lambda: Path(f"/proc/{guest.pid}/cmdline").read_bytes().startswith(b"sleep\0"))
        found = json.loads(hezi_env.run("ns", "show", "-J", str(apart), check=True).stdout)["faces"]
        shared = [face for face in found if face["whose"] == "shared"]
        assert [(face["kind"], face["with"]) for face in shared] == [("net", f"{guest.pid} (sleep 1001)")]
    finally:
        guest.kill()
        guest.wait()


@pytest.mark.needs("root", "unshare")
def test_diff_names_what_differs_and_its_exit_code_says_so(hezi_env: Hezi, apart: int):
    done = hezi_env.run("ns", "diff", str(apart), str(os.getpid()))
    assert done.code == 1
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()[1:]}
    assert {kind for kind, row in rows.items() if row[0] == "no"} == {"uts", "net"}
    assert rows["uts"] == ["no", identity(apart, "uts"), identity("self", "uts")]
    assert hezi_env.run("ns", "diff", str(apart), str(apart)).code == 0


@pytest.mark.needs("root", "unshare")
def test_kept_namespaces_outlive_their_process_until_they_are_released(
    hezi_env: Hezi, apart: int, tmp_path: Path, leftovers_guard: None
):
    uts, net = tmp_path / "kept" / "uts", tmp_path / "kept" / "net"
    names = {kind: identity(apart, kind) for kind in ("uts", "net")}
    hezi_env.run("ns", "keep", str(apart), f"uts={uts}", f"net={net}", check=True)
    os.kill(apart, 9)
    inodes = {kind: name.partition("[")[2].rstrip("]") for kind, name in names.items()}
    assert wait_until(
        lambda: set(inodes.values()) <= set(hezi_env.run("ns", "ls", "-P", "-n", "-o", "NS").stdout.split())
    )
    listed = hezi_env.run("ns", "ls", "-P", "-n", "-r", "-o", "NS,NPROCS,NSFS", check=True).stdout.splitlines()
    assert f"{inodes['uts']} 0 {uts}" in listed
    assert hezi_env.run("ns", "enter", f"--uts={uts}", "readlink", "/proc/self/ns/uts").stdout.strip() == names["uts"]
    hezi_env.run("ns", "release", str(uts), str(net), check=True)
    assert list((tmp_path / "kept").iterdir()) == []
    again = hezi_env.run("ns", "release", str(uts))
    assert (again.code, again.stderr) == (1, f"hezi: no namespace is kept at {uts}\n")


@pytest.mark.needs("root", "unshare")
def test_keep_is_all_or_nothing(hezi_env: Hezi, apart: int, tmp_path: Path, leftovers_guard: None):
    file = tmp_path / "uts"
    done = hezi_env.run("ns", "keep", str(apart), f"uts={file}", f"utc={tmp_path}/x")
    assert done.code == 1
    assert "no kind of namespace: utc" in done.stderr
    done = hezi_env.run("ns", "keep", str(apart), f"uts={file}", f"net={tmp_path}")
    assert done.code == 1
    assert not file.exists()


@pytest.mark.needs("root", "unshare")
def test_a_new_mount_namespace_is_kept_by_a_file(hezi_env: Hezi, tmp_path: Path, leftovers_guard: None):
    """Linux 6.18 refuses it now and then, by the CPU it was made on: hezi makes another one then."""
    for number in range(12):
        file = tmp_path / f"mnt{number}"
        file.touch()
        hezi_env.run("ns", "run", f"--mount={file}", "mount", "-t", "tmpfs", "inside", "/mnt", check=True)
        done = hezi_env.run("ns", "enter", f"--mount={file}", "findmnt", "-no", "SOURCE", "/mnt", check=True)
        assert done.stdout == "inside\n"
        hezi_env.run("ns", "release", str(file), check=True)


@pytest.mark.needs("root", "unshare")
def test_a_pid_namespace_is_kept_once_it_has_a_first_process(hezi_env: Hezi, tmp_path: Path, leftovers_guard: None):
    file, uts = tmp_path / "pid", tmp_path / "uts"
    file.touch()
    uts.touch()
    done = hezi_env.run("ns", "run", f"--pid={file}", f"--uts={uts}", "-f", "readlink", "/proc/self/ns/uts", check=True)
    assert hezi_env.run("ns", "enter", f"--uts={uts}", "readlink", "/proc/self/ns/uts").stdout == done.stdout
    hezi_env.run("ns", "release", str(file), str(uts), check=True)


@pytest.mark.needs("root", "unshare")
def test_tree_hangs_namespaces_below_those_they_were_made_in(hezi_env: Hezi):
    argv = ["unshare", "-pf", "--kill-child", "unshare", "-pf", "--kill-child", "sleep", "1000"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
        try:

            def descendants() -> list[int]:
                found, rest = [], [process.pid]
                while rest:
                    pid = rest.pop()
                    below = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
                    found += below
                    rest += below
                return found

            assert wait_until(lambda: len(descendants()) == 2, timeout=30)
            outer, inner = (identity(pid, "pid") for pid in descendants())
            tree = json.loads(hezi_env.run("ns", "tree", "-J", "-t", "pid", check=True).stdout)["namespaces"]
            first = next(space for root in tree for space in root["children"] if space["namespace"] == outer)
            assert [space["namespace"] for space in first["children"]] == [inner]
            assert (first["pid"], first["inside"]) == (descendants()[0], 1)
        finally:
            process.kill()


@pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox")
def test_a_container_is_found_by_its_name(hezi_env: Hezi, box: str):
    pid = int(hezi_env.run("inspect", "--format", "{{.State.Pid}}", box, check=True).stdout)
    found = json.loads(hezi_env.run("ns", "show", "-J", box, check=True).stdout)["faces"]
    whose = {face["kind"]: face["whose"] for face in found}
    assert whose == {
        **dict.fromkeys(("uts", "ipc", "pid", "net", "mnt", "cgroup"), "own"),
        **dict.fromkeys(("user", "time"), "host"),
    }
    rows = hezi_env.run("ns", "ls", "-n", "-r", "-o", "NS,CONTAINER", "-t", "uts", check=True).stdout.splitlines()
    number = identity(pid, "uts").partition("[")[2].rstrip("]")
    assert f"{number} {box}" in rows
    assert [row for row in rows if row.endswith(f" {box}")] == [f"{number} {box}"]
    assert box in hezi_env.run("ns", "tree", "-t", "pid", check=True).stdout
    done = hezi_env.run("ns", "enter", "-t", box, "-m", "-p", "/bin/busybox", "ps", "-o", "pid,args", check=True)
    assert done.stdout.split("\n")[1].split() == ["1", "sleep", "1000"]
    assert hezi_env.run("ns", "diff", box, str(pid)).code == 0


@pytest.mark.needs("root")
def test_who_is_not_there_is_named(hezi_env: Hezi):
    done = hezi_env.run("ns", "show", "4194304")
    assert (done.code, done.stderr) == (1, "hezi: there is no process 4194304\n")
    done = hezi_env.run("ns", "enter", "-t", "nosuch", "-n", "true")
    assert done.code == 1
    assert "nosuch" in done.stderr
    done = hezi_env.run("ns", "run", "--load-interp", "x", "true")
    assert (done.code, done.stderr) == (
        1,
        "hezi: --load-interp needs a kernel facility that hezi does not drive yet\n",
    )
