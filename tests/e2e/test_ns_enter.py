"""hezi ns enter: what nsenter(1) got after the version that the conformance suite compares with."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.linux import namespaces
from hezi.linux.cgroup import layout, tree
from tests.support.harness import Hezi, wait_until


@pytest.fixture
def grouped() -> Iterator[int]:
    """A process in a control group of its own, in a hierarchy that is mounted."""
    hierarchy = layout.detect().hierarchies[-1]
    with tree.make(hierarchy, f"/test-enter-{os.getpid()}") as node:
        with subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL) as process:
            try:
                node.add(process.pid)
                yield process.pid
            finally:
                process.kill()
                process.wait()
        node.remove(timeout=10)


@pytest.mark.needs("root")
def test_the_program_joins_the_control_groups_of_the_target(hezi_env: Hezi, grouped: int):
    theirs = Path(f"/proc/{grouped}/cgroup").read_text()
    assert theirs != Path("/proc/self/cgroup").read_text()
    done = hezi_env.run("ns", "enter", "-t", str(grouped), "-c", "cat", "/proc/self/cgroup", check=True)
    assert done.stdout == theirs


@pytest.mark.needs("root", "kernel:5.6")
def test_the_network_of_a_socket_is_entered(hezi_env: Hezi):
    """A process may have a socket of a network that it is not in itself."""
    program = (
        "import os, socket, sys, time\n"
        f"sys.path.insert(0, {str(Path(namespaces.__file__).parents[2])!r})\n"
        "from hezi.linux import namespaces\n"
        "home = os.open('/proc/self/ns/net', os.O_RDONLY)\n"
        "namespaces.unshare(namespaces.CLONE_NEWNET)\n"
        "there = socket.socket()\n"
        "print(there.fileno(), os.readlink('/proc/self/ns/net'), flush=True)\n"
        "namespaces.setns(home)\n"
        "print(flush=True)\n"
        "time.sleep(1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            number, name = process.stdout.readline().split()
            assert process.stdout.readline() == "\n"
            enter = ("ns", "enter", "-t", str(process.pid))
            done = hezi_env.run(*enter, "-N", number, "readlink", "/proc/self/ns/net", check=True)
            assert done.stdout == f"{name}\n" != os.readlink("/proc/self/ns/net") + "\n"
            done = hezi_env.run(*enter, "-N", "0", "true")
            assert (done.code, "has no network namespace" in done.stderr) == (1, True)
            done = hezi_env.run(*enter, "-N", "999", "true")
            assert done.stderr.startswith(f"hezi: cannot take descriptor 999 of process {process.pid}: ")
        finally:
            process.kill()
    assert hezi_env.run("ns", "enter", "-N", "3", "true").stderr == "hezi: no target PID specified for --net-socket\n"


@pytest.mark.needs("root", "unshare")
def test_the_parent_of_a_user_namespace_is_entered_instead_of_it(hezi_env: Hezi):
    argv = ["unshare", "-Ur", "unshare", "-Ur", "sleep", "1000"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
        try:
            command = Path(f"/proc/{process.pid}/cmdline")
            assert wait_until(lambda: command.read_bytes().startswith(b"sleep\0"))
            with namespaces.Namespace.of(process.pid, "user") as inner, inner.parent() as parent:
                name = parent.name
            enter = ("ns", "enter", "-t", str(process.pid), "-U", "--preserve-credentials")
            done = hezi_env.run(*enter, "--user-parent", "readlink", "/proc/self/ns/user", check=True)
            assert done.stdout == f"{name}\n"
        finally:
            process.kill()


@pytest.mark.needs("root")
def test_what_this_kernel_cannot_is_refused_by_name(hezi_env: Hezi):
    done = hezi_env.run("ns", "enter", "--net=:7", "true")
    assert done.code == 1
    assert done.stderr.splitlines() == [
        "hezi: --net=:7: namespaces by number need Linux 6.19; give a process by --target, or a file",
        "  hint: `hezi ns ls -o NS,PATH` has a file for each",
    ]


def test_without_selinux_there_is_no_context_to_follow(hezi_env: Hezi):
    if os.path.exists("/sys/fs/selinux/enforce"):
        pytest.skip("this machine has SELinux")
    assert hezi_env.run("ns", "enter", "-Z", "echo", "there").stdout == "there\n"


def test_the_program_gets_the_environment_that_hezi_got(hezi_env: Hezi):
    """In the C locale Python puts LC_CTYPE there (PEP 538)."""
    env = {name: value for name, value in hezi_env.env.items() if not name.startswith(("LC_", "LANG"))}
    for verb in ("enter", "run"):
        for extra in ({}, {"LC_CTYPE": "C"}):
            argv = hezi_env.argv("ns", verb, "env")
            done = subprocess.run(argv, env=env | extra, capture_output=True, text=True, check=True)
            assert [line for line in done.stdout.splitlines() if line.startswith("LC_")] == [
                f"{name}={value}" for name, value in extra.items()
            ]


def test_a_socket_knows_its_network():
    with socket.socket() as mine:
        try:
            found = namespaces.of_socket(mine.fileno())
        except PermissionError:
            pytest.skip("CAP_NET_ADMIN is needed")
        with found, namespaces.Namespace.of("self", "net") as ours:
            assert found == ours
