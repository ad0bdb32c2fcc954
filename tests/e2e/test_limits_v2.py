"""Every resource flag of run and update where cgroup v2 has the controllers: set, read back, exceeded."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.linux.cgroup import layout, survey
from hezi.linux.cgroup.controllers import cpu
from tests.support.harness import Hezi, wait_until

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox", "cgroup-v2")
MB = 1 << 20
TOP = Path("/sys/fs/cgroup")
NO_NETWORK = ("--network", "none")


@pytest.fixture(scope="module")
def disk() -> tuple[str, str]:
    """A whole disk that nothing is mounted from: its path, and its numbers."""
    with open("/proc/self/mounts") as file, open("/proc/swaps") as swaps:
        used = file.read() + swaps.read()
    for name in sorted(os.listdir("/sys/block"), reverse=True):
        path = f"/dev/{name}"
        if name.startswith("vd") and path not in used and stat.S_ISBLK(os.stat(path).st_mode):
            number = os.stat(path).st_rdev
            return path, f"{os.major(number)}:{os.minor(number)}"
    pytest.skip("this machine has no disk to spare")


def inside(hezi: Hezi, image: str, *flags: str, files: tuple[str, ...]) -> dict[str, str]:
    """Files of the container's own group, as the program in it reads them."""
    script = "; ".join(f'echo "{name}=$(cat /sys/fs/cgroup/{name} | tr "\\n" ";")"' for name in files)
    done = hezi.run("run", "--rm", *NO_NETWORK, *flags, image, "sh", "-c", script, check=True)
    assert done.stderr == "", done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def group_of(container: str) -> Path:
    """The container's group, wherever its parent is."""
    (found,) = [path for path in TOP.rglob(f"*{container}*") if (path / "cgroup.procs").exists()][:1]
    return found / "container" if (found / "container").is_dir() else found


def layout_options() -> tuple[str, ...]:
    found = survey.take().v2
    assert found is not None
    return found.options


@pytest.fixture
def sleeping(hezi: Hezi, busybox_image: str) -> Iterator[str]:
    done = hezi.run("run", "-d", *NO_NETWORK, "-m", "64m", busybox_image, "sleep", "1000", check=True)
    yield done.stdout.strip()
    hezi.run("rm", "-f", done.stdout.strip(), check=True)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--cpus", "0.5"), {"cpu.max": "50000 100000;"}),
        (
            ("-c", "512", "--cpu-period", "50000", "--cpu-quota", "20000"),
            {"cpu.weight": "59;", "cpu.max": "20000 50000;"},
        ),
        (("--cpu-quota", "-1"), {"cpu.max": "max 100000;"}),
        (("--cpu-shares", "1024"), {"cpu.weight": "100;"}),
        (("--cpuset-cpus", "0", "--cpuset-mems", "0"), {"cpuset.cpus": "0;", "cpuset.mems": "0;"}),
        (
            ("-m", "64m", "--memory-reservation", "32m"),
            {"memory.max": f"{64 * MB};", "memory.swap.max": f"{64 * MB};", "memory.low": f"{32 * MB};"},
        ),
        (("-m", "64m", "--memory-swap", "96m"), {"memory.swap.max": f"{32 * MB};"}),
        (("-m", "64m", "--memory-swap", "64m"), {"memory.swap.max": "0;"}),
        (("-m", "64m", "--memory-swap", "-1"), {"memory.max": f"{64 * MB};", "memory.swap.max": "max;"}),
        (("--pids-limit", "33"), {"pids.max": "33;"}),
        (("--pids-limit", "-1"), {"pids.max": "max;"}),
        (("--blkio-weight", "300"), {"io.bfq.weight": "default 300;"}),
    ],
)
def test_limits_are_in_the_containers_own_group(
    hezi: Hezi, busybox_image: str, flags: tuple[str, ...], expected: dict[str, str]
) -> None:
    if "io.bfq.weight" in expected and not list(TOP.glob("*/io.bfq.weight")):
        pytest.skip("no disk has the bfq scheduler")
    assert inside(hezi, busybox_image, *flags, files=tuple(expected)) == expected


def test_rates_and_weights_of_a_disk(hezi: Hezi, busybox_image: str, disk: tuple[str, str]) -> None:
    path, number = disk
    flags = (f"--device-read-bps={path}:1mb", f"--device-write-bps={path}:2mb")
    flags += (f"--device-read-iops={path}:100", f"--device-write-iops={path}:200")
    expected = f"{number} rbps={MB} wbps={2 * MB} riops=100 wiops=200;"
    assert inside(hezi, busybox_image, *flags, files=("io.max",)) == {"io.max": expected}
    if "[bfq]" in Path(f"/sys/block/{os.path.basename(path)}/queue/scheduler").read_text():
        weight = (f"--blkio-weight-device={path}:200",)
        assert f"{number} 200;" in inside(hezi, busybox_image, *weight, files=("io.bfq.weight",))["io.bfq.weight"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--memory-swappiness", "7"), "memory swappiness capabilities"),
        (("-m", "64m", "--oom-kill-disable"), "OomKillDisable. OomKillDisable discarded."),
    ],
)
def test_what_v2_has_not_is_told_in_dockers_words(
    hezi: Hezi, busybox_image: str, flags: tuple[str, ...], words: str
) -> None:
    done = hezi.run("run", "--rm", *NO_NETWORK, *flags, busybox_image, "true", check=True)
    assert f"Your kernel does not support {words}" in done.stderr


@pytest.mark.parametrize("flag", ["--cpu-rt-runtime", "--cpu-rt-period"])
def test_realtime_groups_are_not_on_v2(hezi: Hezi, busybox_image: str, flag: str) -> None:
    done = hezi.run("run", "--rm", *NO_NETWORK, flag, "5000", busybox_image, "true")
    assert done.code == 125
    assert "real-time" in done.stderr or "realtime" in done.stderr, done.stderr


# --- changed while it runs ------------------------------------------------------------------------------------------


def test_update_changes_the_group_and_what_was_not_named_stays(hezi: Hezi, sleeping: str) -> None:
    group = group_of(sleeping)
    flags = ("--cpus", "0.25", "-m", "128m", "--memory-swap", "160m", "--memory-reservation", "32m")
    hezi.run("update", *flags, "--pids-limit", "17", "--cpuset-cpus", "0", "-c", "2048", sleeping, check=True)

    def values() -> dict[str, str]:
        names = ("cpu.max", "memory.max", "memory.swap.max", "memory.low", "pids.max", "cpuset.cpus", "cpu.weight")
        return {name: (group / name).read_text().strip() for name in names}

    expected = {
        "cpu.max": "25000 100000",
        "memory.max": str(128 * MB),
        "memory.swap.max": str(32 * MB),
        "memory.low": str(32 * MB),
        "pids.max": "17",
        "cpuset.cpus": "0",
        "cpu.weight": str(cpu.weight_of_shares(2048)),
    }
    assert values() == expected
    hezi.run("update", "--pids-limit", "-1", sleeping, check=True)
    assert values() == {**expected, "pids.max": "max"}


def test_memory_in_use_stays_below_an_updated_limit(hezi: Hezi, sleeping: str) -> None:
    done = hezi.run("update", "-m", "300m", sleeping)
    assert done.code != 0
    assert "Memory limit should be smaller than already set memoryswap limit" in done.stderr


# --- exceeded -------------------------------------------------------------------------------------------------------


def why(hezi: Hezi, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(hezi.run("why", "--format", "json", name, check=True).stdout)
    return found


def test_too_much_memory_is_seen_and_named(hezi: Hezi, busybox_image: str) -> None:
    script = 'x=0123456789abcdef; while true; do x="$x$x"; done'
    flags = ("--name", "glutton", *NO_NETWORK, "-m", "32m", "--memory-swap", "32m")
    assert hezi.run("run", *flags, busybox_image, "sh", "-c", script).code == 137
    try:
        assert why(hezi, "glutton")["Kind"] == "oom"
        (shown,) = json.loads(hezi.run("inspect", "glutton", check=True).stdout)
        assert shown["State"]["OOMKilled"] is True
    finally:
        hezi.run("rm", "-f", "glutton", check=True)


def test_swap_is_used_up_to_its_own_limit(hezi: Hezi, busybox_image: str) -> None:
    if len(Path("/proc/swaps").read_text().splitlines()) < 2:
        pytest.skip("this machine has no swap")
    # 24 MB in a tmpfs do not fit in 12 MB of memory: the rest is in swap, or it is the end.
    fill = "dd if=/dev/zero of=/dev/shm/x bs=64k count=384 2>/dev/null && cat /sys/fs/cgroup/memory.swap.current"
    base = ("run", "--rm", *NO_NETWORK, "-m", "12m")
    done = hezi.run(*base, "--memory-swap", "64m", busybox_image, "sh", "-c", fill, check=True)
    assert int(done.stdout) > 8 * MB
    assert hezi.run(*base, "--memory-swap", "12m", busybox_image, "sh", "-c", fill).code != 0


def test_the_smallest_memory_that_docker_takes_is_enough_to_start(hezi: Hezi, busybox_image: str) -> None:
    done = hezi.run("run", "--rm", *NO_NETWORK, "-m", "6m", busybox_image, "echo", "here", check=True)
    assert done.stdout == "here\n"


def test_too_many_processes_cannot_be_forked_and_why_says_so(hezi: Hezi, busybox_image: str) -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; wait"
    flags = ("--name", "many", *NO_NETWORK, "--pids-limit", "4")
    done = hezi.run("run", *flags, busybox_image, "sh", "-c", script)
    try:
        assert done.code != 0
        assert "can't fork" in done.stderr
        assert "by the limit of 4" in hezi.run("why", "many", check=True).stdout
    finally:
        hezi.run("rm", "-f", "many", check=True)


def test_the_processor_is_had_for_the_share_of_time_that_was_asked_for(hezi: Hezi, busybox_image: str) -> None:
    """By the group's own account: what is used of the periods that had something to run."""
    turn = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done"
    spin = f"end=$(($(date +%s)+6)); while [ $(date +%s) -lt $end ]; do {turn}; done"
    script = f"{spin}; cat /sys/fs/cgroup/cpu.stat"
    done = hezi.run("run", "--rm", *NO_NETWORK, "--cpus", "0.3", busybox_image, "sh", "-c", script, check=True)
    values = {name: int(value) for name, value in (line.split() for line in done.stdout.splitlines())}
    assert values["nr_throttled"] > 0
    assert values["usage_usec"] / 1e6 == pytest.approx(values["nr_periods"] * 0.1 * 0.3, rel=0.2)


@pytest.mark.parametrize("way", ["read", "write"])
def test_a_disk_is_no_faster_than_its_rate(hezi: Hezi, busybox_image: str, disk: tuple[str, str], way: str) -> None:
    """4 MiB at 1 MiB a second take four seconds less the first slice; without the limit a fraction of one."""
    path, number = disk
    copy = f"if={path} of=/dev/null iflag=direct" if way == "read" else f"if=/dev/zero of={path} oflag=direct"
    script = f"dd {copy} bs=256k count=16 2>/dev/null && cat /sys/fs/cgroup/io.stat"
    flags = ("--device", path, f"--device-{way}-bps", f"{path}:1mb")
    started = time.monotonic()
    done = hezi.run("run", "--rm", *NO_NETWORK, *flags, busybox_image, "sh", "-c", script, check=True)
    took = time.monotonic() - started
    counted = re.search(rf"^{number} .*\b{way[0]}bytes=(\d+)", done.stdout, re.MULTILINE)
    assert counted is not None, done.stdout
    assert int(counted[1]) >= 4 * MB
    assert took > 2.9


def test_devices_are_denied_by_a_program_and_allowed_by_rule(
    hezi: Hezi, busybox_image: str, disk: tuple[str, str]
) -> None:
    major, minor = disk[1].split(":")
    probe = f"mknod /tmp/disk b {major} {minor} && head -c512 /tmp/disk | wc -c"
    refused = hezi.run("run", "--rm", *NO_NETWORK, busybox_image, "sh", "-c", probe)
    assert "Operation not permitted" in refused.stderr
    rule = ("--device-cgroup-rule", f"b {major}:{minor} rm")
    allowed = hezi.run("run", "--rm", *NO_NETWORK, *rule, busybox_image, "sh", "-c", probe, check=True)
    assert allowed.stdout.strip() == "512"
    write = f"{probe} && echo x >/tmp/disk"
    assert "Operation not permitted" in hezi.run(
        "run", "--rm", *NO_NETWORK, *rule, busybox_image, "sh", "-c", write
    ).stderr  # fmt: skip


def test_pause_stops_it_and_stats_and_top_show_it(hezi: Hezi, sleeping: str) -> None:
    group = group_of(sleeping)
    hezi.run("pause", sleeping, check=True)
    assert "frozen 1" in (group / "cgroup.events").read_text()
    hezi.run("unpause", sleeping, check=True)
    assert "frozen 0" in (group / "cgroup.events").read_text()
    assert "sleep" in hezi.run("top", sleeping, check=True).stdout
    shown = json.loads(hezi.run("stats", "--no-stream", "--format", "json", sleeping, check=True).stdout)
    assert "64MiB" in shown["MemUsage"]
    assert shown["PIDs"] == "1"


# --- where it is, and what it sees ----------------------------------------------------------------------------------


@pytest.mark.skipif(os.path.exists("/run/systemd/system"), reason="needs: groups without systemd")
def test_the_group_is_below_the_parent_that_was_named(hezi: Hezi, busybox_image: str) -> None:
    parent = f"hezi-test-{os.getpid()}"
    flags = ("--cgroup-parent", f"/{parent}/inner", "-m", "48m")
    done = hezi.run("run", "-d", *NO_NETWORK, *flags, busybox_image, "sleep", "1000", check=True)
    container = done.stdout.strip()
    try:
        group = TOP / parent / "inner" / container
        assert (group / "memory.max").read_text() == f"{48 * MB}\n"
        assert len((group / "cgroup.procs").read_text().split()) == 1
    finally:
        hezi.run("rm", "-f", container, check=True)
        assert wait_until(lambda: not group.exists())
        (TOP / parent / "inner").rmdir()
        (TOP / parent).rmdir()


def test_its_own_group_is_the_top_it_sees_unless_the_hosts_namespace_is_wanted(hezi: Hezi, busybox_image: str) -> None:
    before = layout_options()
    script = "cat /proc/self/cgroup; test -e /sys/fs/cgroup/cgroup.type && echo no-root; mkdir /sys/fs/cgroup/x"
    own = hezi.run("run", "--rm", *NO_NETWORK, busybox_image, "sh", "-c", script)
    assert own.stdout.splitlines() == ["0::/", "no-root"]
    assert "Read-only file system" in own.stderr
    hosts = hezi.run("run", "--rm", *NO_NETWORK, "--cgroupns", "host", busybox_image, "sh", "-c", script)
    assert re.match(r"0::/.*[0-9a-f]{64}", hosts.stdout), hosts.stdout
    assert "no-root" not in hosts.stdout
    assert "Read-only file system" in hosts.stderr
    # A mount of cgroup2 outside of a namespace sets the options of the whole host's.
    assert layout_options() == before


DELEGATED = """
set -e
cd /sys/fs/cgroup
mkdir app rest
echo 0 >rest/cgroup.procs
cat cgroup.procs | while read pid; do echo $pid >rest/cgroup.procs; done
echo +pids +memory >cgroup.subtree_control
echo 5 >app/pids.max
cat app/pids.max cgroup.subtree_control
"""


@pytest.mark.parametrize("flags", [("--security-opt", "writable-cgroups=true"), ("--privileged",)], ids=" ".join)
def test_a_container_may_be_given_its_groups_to_share_out(
    hezi: Hezi, busybox_image: str, flags: tuple[str, ...]
) -> None:
    done = hezi.run("run", "--rm", *NO_NETWORK, *flags, busybox_image, "sh", "-c", DELEGATED)
    assert done.code == 0, done.stderr
    assert done.stdout.split() == ["5", "memory", "pids"]


def test_writable_groups_do_not_let_it_lift_its_own_limits(hezi: Hezi, busybox_image: str) -> None:
    """With nsdelegate the kernel refuses writes to the limits of a namespace's top."""
    if "nsdelegate" not in Path("/proc/self/mounts").read_text():
        pytest.skip("cgroup v2 is mounted without nsdelegate")
    script = "echo max >/sys/fs/cgroup/pids.max; echo max >/sys/fs/cgroup/memory.max; cat /sys/fs/cgroup/pids.max"
    flags = ("--security-opt", "writable-cgroups=true", "--pids-limit", "9", "-m", "64m")
    done = hezi.run("run", "--rm", *NO_NETWORK, *flags, busybox_image, "sh", "-c", script)
    assert done.stdout == "9\n"
    assert done.stderr.count("Operation not permitted") == 2, done.stderr


def test_groups_that_a_container_made_go_with_it(hezi: Hezi, busybox_image: str) -> None:
    script = "mkdir -p /sys/fs/cgroup/a/b/c && echo 0 >/sys/fs/cgroup/a/b/c/cgroup.procs; echo made; exec sleep 1000"
    flags = ("--security-opt", "writable-cgroups=true")
    done = hezi.run("run", "-d", *NO_NETWORK, *flags, busybox_image, "sh", "-c", script, check=True)
    container = done.stdout.strip()
    assert wait_until(lambda: "made" in hezi.run("logs", container).stdout)
    group = group_of(container)
    # A program that joins is put where the container began, though that has groups of its own by now.
    joined = hezi.run("exec", container, "cat", "/proc/self/cgroup", check=True)
    assert joined.stdout.startswith("0::/")
    hezi.run("rm", "-f", container, check=True)
    assert wait_until(lambda: not group.exists())


def test_exec_after_the_controllers_were_handed_on(hezi: Hezi, busybox_image: str) -> None:
    """The container's own group may hold no process any more: the kernel's rule, which has to be met or named."""
    script = f"{DELEGATED}\necho made; exec sleep 1000"
    flags = ("--security-opt", "writable-cgroups=true")
    done = hezi.run("run", "-d", *NO_NETWORK, *flags, busybox_image, "sh", "-c", script, check=True)
    container = done.stdout.strip()
    try:
        assert wait_until(lambda: "made" in hezi.run("logs", container).stdout)
        joined = hezi.run("exec", container, "cat", "/proc/self/cgroup", check=True)
        assert joined.stdout.startswith("0::/")
    finally:
        hezi.run("rm", "-f", container, check=True)


def test_the_parents_that_hezi_makes_stay_fit_for_the_next(hezi: Hezi, busybox_image: str) -> None:
    """Two at once, each with limits: what one needs handed on is not taken back by the end of the other."""
    first = hezi.popen(
        "run", "--rm", "-i", *NO_NETWORK, "-m", "64m", busybox_image,
        "sh", "-c", "echo ready; cat; cat /sys/fs/cgroup/memory.max",
        stdin=subprocess.PIPE,
    )  # fmt: skip
    assert first.stdout is not None
    assert first.stdout.readline() == b"ready\n"
    assert inside(hezi, busybox_image, "-m", "32m", files=("memory.max",)) == {"memory.max": f"{32 * MB};"}
    output, _ = first.communicate(b"", timeout=60)
    assert output == f"{64 * MB}\n".encode()


def test_info_names_the_layout(hezi: Hezi) -> None:
    assert layout.detect().kind == "v2"
    assert "v2" in hezi.run("info", check=True).stdout
