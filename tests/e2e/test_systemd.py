"""Containers where systemd is process 1: scopes, slices, limits that outlive a reload, and nothing left behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.harness import Hezi, wait_until

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox", "systemd")
MB = 1 << 20
TOP = Path("/sys/fs/cgroup")


def systemctl(*words: str) -> str:
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False).stdout


def run(hezi: Hezi, image: str, *flags: str, command: tuple[str, ...] = ("sleep", "1000")) -> tuple[str, Path]:
    """Start a container; give its id and its scope's place."""
    container = hezi.run("run", "-d", "--network", "none", *flags, image, *command, check=True).stdout.strip()
    unit = f"hezi-{container}.scope"
    place = systemctl("show", "--property=ControlGroup", "--value", unit).strip()
    assert place.endswith(f"/{unit}"), place
    return container, TOP / place[1:]


def remove(hezi: Hezi, container: str, scope: Path) -> None:
    hezi.run("rm", "-f", container, check=True)
    assert wait_until(lambda: not scope.exists())
    shown = systemctl("show", "--property=LoadState,ActiveState", f"hezi-{container}.scope").split()
    assert "ActiveState=inactive" in shown


def test_a_container_is_in_a_scope_that_systemd_made(hezi: Hezi, busybox_image: str) -> None:
    container, scope = run(hezi, busybox_image, "-m", "64m")
    try:
        assert scope.parent == TOP / "system.slice"
        assert systemctl("is-active", scope.name).strip() == "active"
        assert systemctl("show", "--property=Delegate", "--value", scope.name).strip() == "yes"
        (program,) = (scope / "container" / "cgroup.procs").read_text().split()
        assert Path(f"/proc/{program}/cmdline").read_bytes().startswith(b"sleep\0")
        (monitor,) = (scope / "monitor" / "cgroup.procs").read_text().split()
        assert b"hezi" in Path(f"/proc/{monitor}/cmdline").read_bytes()
        assert (scope / "container" / "memory.max").read_text() == f"{64 * MB}\n"
        assert "sleep" in systemctl("status", scope.name)
    finally:
        remove(hezi, container, scope)


def test_limits_stay_when_systemd_reloads_and_when_they_were_updated(hezi: Hezi, busybox_image: str) -> None:
    container, scope = run(hezi, busybox_image, "-m", "64m", "--cpus", "0.5", "--pids-limit", "50")
    group = scope / "container"

    def limits() -> list[str]:
        return [(group / name).read_text().strip() for name in ("memory.max", "cpu.max", "pids.max")]

    try:
        assert limits() == [str(64 * MB), "50000 100000", "50"]
        systemctl("daemon-reload")
        assert limits() == [str(64 * MB), "50000 100000", "50"]
        flags = ("-m", "96m", "--memory-swap", "128m", "--cpus", "0.25", "--pids-limit", "60")
        hezi.run("update", *flags, container, check=True)
        systemctl("daemon-reload")
        # Another unit comes and goes beside it, which makes systemd look through the slice's controllers.
        subprocess.run(["systemd-run", "--wait", "--quiet", "-p", "MemoryMax=50M", "true"], check=True)
        assert limits() == [str(96 * MB), "25000 100000", "60"]
    finally:
        remove(hezi, container, scope)


def test_a_slice_is_a_parent_and_its_limit_holds(hezi: Hezi, busybox_image: str) -> None:
    container, scope = run(hezi, busybox_image, "--cgroup-parent", "hezitest-inner.slice")
    try:
        assert scope.parent == TOP / "hezitest.slice" / "hezitest-inner.slice"
        systemctl("set-property", "--runtime", "hezitest-inner.slice", "TasksMax=7")
        assert (scope.parent / "pids.max").read_text() == "7\n"
        script = "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; wait"
        done = hezi.run("exec", container, "sh", "-c", script)
        assert "can't fork" in done.stderr
    finally:
        remove(hezi, container, scope)
        systemctl("stop", "hezitest.slice")


def test_a_parent_that_is_no_slice_is_refused_in_dockers_words(hezi: Hezi, busybox_image: str) -> None:
    done = hezi.run("run", "--rm", "--network", "none", "--cgroup-parent", "/a/b", busybox_image, "true")
    assert done.code == 125
    assert 'valid slice named as "xxx.slice"' in done.stderr


def test_cgroupfs_can_be_asked_for(hezi: Hezi, busybox_image: str) -> None:
    script = "cat /sys/fs/cgroup/memory.max"
    command = (
        "run",
        "--rm",
        "--network",
        "none",
        "--cgroup-parent",
        "hezitest",
        "-m",
        "32m",
        busybox_image,
        "sh",
        "-c",
    )
    done = hezi.run(*command, script, env={"HEZI_CGROUP_MANAGER": "cgroupfs"}, check=True)
    assert done.stdout == f"{32 * MB}\n"
    (TOP / "hezitest").rmdir()


def test_exec_stop_start_and_restart(hezi: Hezi, busybox_image: str) -> None:
    container, scope = run(hezi, busybox_image)
    try:
        assert hezi.run("exec", container, "cat", "/proc/self/cgroup", check=True).stdout == "0::/\n"
        for _ in range(2):
            hezi.run("stop", "-t", "0", container, check=True)
            assert wait_until(lambda: not scope.exists())
            hezi.run("start", container, check=True)
            assert (scope / "container" / "cgroup.procs").read_text().split()
        hezi.run("restart", "-t", "0", container, check=True)
        assert (scope / "container" / "cgroup.procs").read_text().split()
    finally:
        remove(hezi, container, scope)


def test_a_policy_starts_it_again_in_the_same_scope(hezi: Hezi, busybox_image: str) -> None:
    flags = ("--restart", "always", "--security-opt", "writable-cgroups=true")
    # It leaves a group of its own behind, to which it has handed controllers on.
    script = "cd /sys/fs/cgroup && mkdir x && echo 0 >x/cgroup.procs && echo +memory >cgroup.subtree_control"
    script += "; echo ran; sleep 1"
    container, scope = run(hezi, busybox_image, *flags, command=("sh", "-c", script))
    try:
        assert wait_until(lambda: hezi.run("logs", container).stdout.count("ran") >= 2, timeout=60, every=0.5)
        assert "mkdir" not in hezi.run("logs", container).stderr
        assert scope.exists()
    finally:
        remove(hezi, container, scope)


def test_memory_that_runs_out_ends_the_container_and_not_its_monitor(hezi: Hezi, busybox_image: str) -> None:
    script = 'x=0123456789abcdef; while true; do x="$x$x"; done'
    flags = ("--name", "glutton", "--network", "none", "-m", "32m", "--memory-swap", "32m")
    assert hezi.run("run", *flags, busybox_image, "sh", "-c", script).code == 137
    assert "oom" in hezi.run("why", "--format", "json", "glutton", check=True).stdout
    hezi.run("rm", "glutton", check=True)
    assert wait_until(lambda: "hezi-" not in systemctl("list-units", "--all", "--no-legend", "hezi-*.scope"))


def test_systemd_can_stop_it(hezi: Hezi, busybox_image: str) -> None:
    container, scope = run(hezi, busybox_image)
    systemctl("stop", scope.name)
    assert wait_until(lambda: not scope.exists(), timeout=30)
    assert wait_until(lambda: container[:12] not in hezi.run("ps", "-q", check=True).stdout)
    hezi.run("rm", container, check=True)


def test_a_start_that_fails_leaves_no_scope(hezi: Hezi, busybox_image: str) -> None:
    assert hezi.run("run", "--rm", "--network", "none", busybox_image, "/no/such/program").code == 127
    assert wait_until(lambda: "hezi-" not in systemctl("list-units", "--all", "--no-legend", "hezi-*.scope"))
