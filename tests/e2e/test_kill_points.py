"""kill -9 of the command, the monitor and the container's first process, at points of create, start, run, stop and rm.

The command is killed at one of its own system calls that change something; the points are spread evenly over all of
them, so that every stage of a verb is met whatever the machine's speed. The other two are killed while the verb is at
work on them. Whatever was hit: the next command works, ends are right or unknown, and nothing is left.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.faults import killed_at
from tests.support.harness import wait_until
from tests.support.life import NO_NETWORK, Life

pytestmark = pytest.mark.needs("root", "overlay", "cgroup", "docker-registry", "busybox", "strace")

CALLS = (
    "mkdir,mkdirat,unlink,unlinkat,rmdir,rename,renameat,renameat2,write,pwrite64,fsync,fdatasync,ftruncate,sendmsg,"
    "sendto,clone3,fsopen,fsconfig,fsmount,move_mount,open_tree,mount_setattr,chmod,fchmod,fchown,kill,pidfd_send_signal"
)
SCRIPT = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"
VERBS = {
    "create": ("create", *NO_NETWORK, "--name", "{}", "@", "sh", "-c", SCRIPT),
    "run": ("run", "-d", *NO_NETWORK, "--name", "{}", "-v", "/data", "@", "sh", "-c", SCRIPT),
    "start": ("start", "{}"),
    "stop": ("stop", "-t", "1", "{}"),
    "rm": ("rm", "-f", "-v", "{}"),
}
# What may be inspect's word for how it is after the verb was cut off anywhere.
LEGAL = {
    "create": {"created", "No such object"},
    "run": {"created", "running", "No such object", "exited"},
    "start": {"created", "running", "exited"},
    "stop": {"running", "exited"},
    "rm": {"running", "exited", "created", "No such object"},
}
POINTS = [2, pytest.param(50, marks=pytest.mark.slow)]
FEWER = [1, pytest.param(50, marks=pytest.mark.slow)]


def words(life: Life, verb: str, name: str) -> list[str]:
    return [word.replace("{}", name).replace("@", life.image) for word in VERBS[verb]]


def prepare(life: Life, verb: str, name: str) -> None:
    """Have the container in the state that the verb begins with."""
    if verb == "start":
        life.create(name, command=("sh", "-c", SCRIPT))
    elif verb in {"stop", "rm"}:
        life.up(name, "-v", "/data", command=("sh", "-c", SCRIPT))
        life.written(name, "ready")


def calls_of(life: Life, verb: str, trace: Path) -> list[tuple[str, int]]:
    """Return the calls of a verb that change something, in their order: the name, and the how manieth of that name."""
    prepare(life, verb, "counted")
    prefix = ("strace", "-qqq", "-o", str(trace), "-e", f"trace={CALLS}")
    life.run(*words(life, verb, "counted"), prefix=prefix, check=True)
    names = [line.partition("(")[0] for line in trace.read_text(errors="replace").splitlines() if "(" in line]
    return [(name, names[: at + 1].count(name)) for at, name in enumerate(names)]


def spread(calls: list[tuple[str, int]], points: int) -> Iterator[tuple[str, int]]:
    """Choose so many of them, evenly from the first to the last."""
    for point in range(points):
        yield calls[(2 * point + 1) * len(calls) // (2 * points)]


def looks_right(life: Life, verb: str, name: str) -> None:
    """What is said of a container is one of the things that can be so, and it can be removed."""
    said = life.look(name, "{{.State.Status}}")
    assert any(word in said for word in LEGAL[verb]), said
    if said == "exited":
        # By itself it ends with 7; killed with its monitor it has no code that anybody knows.
        assert life.look(name, "{{.State.ExitCode}}") in {"7", "137", "143", "255"}
    if "No such" not in said:
        assert life.run("rm", "-f", "-v", name, check=True).stdout == f"{name}\n"
    # The name is free, and a container by that name works.
    done = life.run("run", "--rm", *NO_NETWORK, "--name", name, life.image, "echo", "again")
    assert done == (0, "again\n", "")


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("verb", VERBS)
def test_the_command_is_killed(life: Life, verb: str, points: int, tmp_path: Path) -> None:
    calls = calls_of(life, verb, tmp_path / "trace")
    killed = 0
    for point, (call, when) in enumerate(spread(calls, points)):
        name = f"{verb}-{point}"
        prepare(life, verb, name)
        done = life.run(*words(life, verb, name), prefix=killed_at(call, when=str(when), follow=False))
        killed += done.code in {-signal.SIGKILL, 128 + signal.SIGKILL}
        looks_right(life, verb, name)
    assert killed >= points // 2


@pytest.mark.parametrize("points", FEWER)
@pytest.mark.parametrize("verb", ["stop", "rm"])
@pytest.mark.parametrize("victim", ["monitor", "first"])
def test_who_is_asked_is_killed(life: Life, verb: str, victim: str, points: int) -> None:
    """From before the verb is there to when it is through, in steps."""
    for point in range(points):
        name = f"{verb}-{point}"
        prepare(life, verb, name)
        said = life.said(life.look(name, "{{.Id}}"))
        pid = said["monitor_pid"] if victim == "monitor" else said["pid"]
        process = life.popen(*words(life, verb, name))
        with suppress(OSError):
            handle = os.pidfd_open(pid)
            # Longer and longer: the verb's own start takes most of it.
            with suppress(Exception):
                process.wait(0.3 * point / points)
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)
        process.communicate(timeout=60)
        assert process.returncode in {0, 1}
        looks_right(life, verb, name)


@pytest.mark.parametrize("points", FEWER)
@pytest.mark.parametrize("verb", ["run", "start"])
def test_its_monitor_is_killed_while_it_starts(life: Life, verb: str, points: int) -> None:
    for point in range(points):
        name = f"{verb}-{point}"
        prepare(life, verb, name)
        process = life.popen(*words(life, verb, name))
        wait_until(lambda: process.poll() is not None or monitor_of(process.pid), every=0.001)  # noqa: B023 - at once
        victim = monitor_of(process.pid)
        if victim:
            with suppress(Exception):
                process.wait(0.1 * point / points)
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        process.communicate(timeout=60)
        assert process.returncode in {0, 1, 125}
        looks_right(life, verb, name)


def monitor_of(command: int) -> int:
    """Return the interpreter that a command has started to become the monitor, 0 when there is none."""
    with suppress(OSError):
        for child in Path(f"/proc/{command}/task/{command}/children").read_text().split():
            if b"monitor" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return 0


def test_prune_after_a_removal_that_was_cut_off(life: Life, tmp_path: Path) -> None:
    for point in range(3):
        prepare(life, "start", f"it-{point}")
    calls = calls_of(life, "rm", tmp_path / "trace")
    for point, (call, when) in enumerate(spread(calls, 3)):
        life.run("rm", f"it-{point}", prefix=killed_at(call, when=str(when), follow=False))
    life.run("container", "prune", "-f", check=True)
    assert life.run("ps", "-aq", check=True).stdout == ""
