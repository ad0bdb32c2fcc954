"""Every resource flag of run: set, read back from the container's groups, exceeded; or refused in docker's words."""

from __future__ import annotations

import json
import os
import stat
import subprocess

import pytest

from hezi.linux.cgroup import survey
from tests.support.harness import Hezi

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox", "cgroup-v1")
MB = 1 << 20


@pytest.fixture(scope="module")
def disk() -> tuple[str, str]:
    """A whole disk of this machine: its path, and its numbers."""
    with open("/proc/partitions") as file:
        names = [line.split()[3] for line in file if len(line.split()) == 4 and line.split()[3] != "name"]
    for name in names:
        path = f"/dev/{name}"
        if os.path.exists(f"/sys/block/{name}") and os.path.exists(path) and stat.S_ISBLK(os.stat(path).st_mode):
            number = os.stat(path).st_rdev
            return path, f"{os.major(number)}:{os.minor(number)}"
    pytest.skip("this machine has no disk")


def inside(hezi: Hezi, image: str, *flags: str, files: tuple[str, ...] = ()) -> dict[str, str]:
    """Files of the container's own groups, as the program in it reads them."""
    script = "; ".join(f'echo "{name}=$(cat /sys/fs/cgroup/{name} | tr "\\n" ";")"' for name in files)
    done = hezi.run("run", "--rm", "--network", "none", *flags, image, "sh", "-c", script, check=True)
    assert done.stderr == "", done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def mounted(controller: str) -> None:
    place = survey.take().carrying(controller)
    if place is None or place.hierarchy.version == 2:
        pytest.skip(f"{controller} is on no v1 hierarchy")


@pytest.mark.parametrize(
    ("controller", "flags", "expected"),
    [
        ("cpu", ("--cpus", "0.5"), {"cpu/cpu.cfs_quota_us": "50000;", "cpu/cpu.cfs_period_us": "100000;"}),
        (
            "cpu",
            ("-c", "512", "--cpu-period", "50000", "--cpu-quota", "20000"),
            {"cpu/cpu.shares": "512;", "cpu/cpu.cfs_quota_us": "20000;", "cpu/cpu.cfs_period_us": "50000;"},
        ),
        ("cpu", ("--cpu-quota", "-1"), {"cpu/cpu.cfs_quota_us": "-1;"}),
        (
            "cpuset",
            ("--cpuset-cpus", "0", "--cpuset-mems", "0"),
            {"cpuset/cpuset.cpus": "0;", "cpuset/cpuset.mems": "0;"},
        ),
        (
            "memory",
            ("-m", "64m", "--memory-reservation", "32m", "--memory-swappiness", "7"),
            {
                "memory/memory.limit_in_bytes": f"{64 * MB};",
                "memory/memory.memsw.limit_in_bytes": f"{128 * MB};",
                "memory/memory.soft_limit_in_bytes": f"{32 * MB};",
                "memory/memory.swappiness": "7;",
            },
        ),
        (
            "memory",
            ("-m", "64m", "--memory-swap", "96m", "--oom-kill-disable"),
            {
                "memory/memory.memsw.limit_in_bytes": f"{96 * MB};",
                "memory/memory.oom_control": "oom_kill_disable 1;under_oom 0;oom_kill 0;",
            },
        ),
        (
            "memory",
            ("-m", "64m", "--memory-swap", "-1"),
            {
                "memory/memory.limit_in_bytes": f"{64 * MB};",
                "memory/memory.memsw.limit_in_bytes": "9223372036854771712;",
            },
        ),
        ("pids", ("--pids-limit", "33"), {"pids/pids.max": "33;"}),
        ("pids", ("--pids-limit", "-1"), {"pids/pids.max": "max;"}),
    ],
)
def test_limits_are_in_the_containers_own_groups(
    hezi: Hezi, busybox_image: str, controller: str, flags: tuple[str, ...], expected: dict[str, str]
):
    mounted(controller)
    if any("memsw" in name for name in expected) and not os.path.exists(
        "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"
    ):
        pytest.skip("swap is not accounted for")
    assert inside(hezi, busybox_image, *flags, files=tuple(expected)) == expected


def test_rates_of_disks(hezi: Hezi, busybox_image: str, disk: tuple[str, str]):
    mounted("blkio")
    path, number = disk
    flags = (f"--device-read-bps={path}:1mb", f"--device-write-bps={path}:2mb")
    flags += (f"--device-read-iops={path}:100", f"--device-write-iops={path}:200")
    expected = {
        "blkio/blkio.throttle.read_bps_device": f"{number} {MB};",
        "blkio/blkio.throttle.write_bps_device": f"{number} {2 * MB};",
        "blkio/blkio.throttle.read_iops_device": f"{number} 100;",
        "blkio/blkio.throttle.write_iops_device": f"{number} 200;",
    }
    assert inside(hezi, busybox_image, *flags, files=tuple(expected)) == expected


def test_weights_are_set_or_their_absence_is_told_in_dockers_words(
    hezi: Hezi, busybox_image: str, disk: tuple[str, str]
):
    """The groups have a file for weights when there is a scheduler that knows them, whether or not the disk uses it."""
    mounted("blkio")
    flags = ("--blkio-weight", "300", f"--blkio-weight-device={disk[0]}:200")
    script = "cd /sys/fs/cgroup/blkio; cat blkio.bfq.weight blkio.weight; true"
    command = ("run", "--rm", "--network", "none", *flags, busybox_image, "sh", "-c", script)
    done = hezi.run(*command, check=True)
    told = (
        "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded." in done.stderr
    )
    assert told != ("300" in done.stdout)
    with open(f"/sys/block/{os.path.basename(disk[0])}/queue/scheduler") as file:
        if "[bfq]" not in file.read():
            assert "Block I/O weight_device or the cgroup is not mounted. Weight-device discarded." in done.stderr


def test_device_rules_of_the_user_come_behind_dockers(hezi: Hezi, busybox_image: str):
    mounted("devices")
    if not os.path.exists("/dev/fuse"):
        pytest.skip("no /dev/fuse to be opened")
    probe = "mknod /tmp/fuse c 10 229 && head -c0 /tmp/fuse"
    refused = hezi.run("run", "--rm", "--network", "none", busybox_image, "sh", "-c", probe)
    assert refused.code == 1
    assert "Operation not permitted" in refused.stderr
    rule = ("--device-cgroup-rule", "c 10:229 rm")
    listed = inside(hezi, busybox_image, *rule, files=("devices/devices.list",))["devices/devices.list"]
    assert "c 10:229 rm;" in listed
    allowed = hezi.run("run", "--rm", "--network", "none", *rule, busybox_image, "sh", "-c", probe)
    assert allowed.code == 0, allowed.stderr


def test_the_host_shows_the_same_values(hezi: Hezi, busybox_image: str):
    mounted("memory")
    parent = f"hezi-test-limits-{os.getpid()}"
    try:
        # The program waits for its end of input, so that the groups are there to be looked at.
        running = hezi.popen(
            "run", "--rm", "--network", "none", "-i", "--cgroup-parent", parent, "-m", "48m", "--cpus", "0.25",
            busybox_image, "sh", "-c", "echo ready; cat", stdin=subprocess.PIPE,
        )  # fmt: skip
        assert running.stdout is not None
        assert running.stdout.readline().strip() in {b"ready", "ready"}
        (made,) = [entry for entry in os.scandir(f"/sys/fs/cgroup/memory/{parent}") if entry.is_dir()]
        with open(f"{made.path}/memory.limit_in_bytes") as file:
            assert int(file.read()) == 48 * MB
        with open(f"/sys/fs/cgroup/cpu/{parent}/{made.name}/cpu.cfs_quota_us") as file:
            assert int(file.read()) == 25_000
        running.communicate(timeout=60)
        assert running.returncode == 0
    finally:
        for one in survey.take().hierarchies:
            path = f"{one.hierarchy.mount_point}/{parent}"
            if os.path.isdir(path):
                os.rmdir(path)


def test_inspect_shows_what_was_asked_for(hezi: Hezi, busybox_image: str, disk: tuple[str, str]):
    flags = ("--cpus", "1.5", "-c", "300", "-m", "64m", "--memory-reservation", "32m", "--memory-swappiness", "9")
    flags += ("--cpuset-cpus", "0", "--cpuset-mems", "0", "--oom-kill-disable", "--blkio-weight", "300")
    flags += ("--device-read-bps", f"{disk[0]}:1mb", "--device-cgroup-rule", "c 1:11 r", "--pids-limit", "5")
    done = hezi.run("create", "--network", "none", "--name", "limited", *flags, busybox_image, "true", check=True)
    host = json.loads(hezi.run("inspect", done.stdout.strip(), check=True).stdout)[0]["HostConfig"]
    wanted = {
        "NanoCpus": 1_500_000_000,
        "CpuShares": 300,
        "Memory": 64 * MB,
        "MemorySwap": 128 * MB,
        "MemoryReservation": 32 * MB,
        "MemorySwappiness": 9,
        "CpusetCpus": "0",
        "CpusetMems": "0",
        "OomKillDisable": True,
        "BlkioWeight": 300,
        "BlkioDeviceReadBps": [{"Path": disk[0], "Rate": MB}],
        "DeviceCgroupRules": ["c 1:11 r"],
        "PidsLimit": 5,
    }
    assert {key: host[key] for key in wanted} == wanted
    hezi.run("rm", "limited", check=True)


# --- exceeded -------------------------------------------------------------------------------------------------------


def test_too_much_memory_is_the_end(hezi: Hezi, busybox_image: str):
    mounted("memory")
    # A string that doubles; tail would keep what it reads as well.
    script = 'x=0123456789abcdef; while true; do x="$x$x"; done'
    done = hezi.run(
        "run", "--rm", "--network", "none", "-m", "32m", "--memory-swap", "32m", busybox_image, "sh", "-c", script
    )
    assert done.code == 137


def test_the_smallest_memory_that_docker_takes_is_enough_to_start(hezi: Hezi, busybox_image: str):
    mounted("memory")
    assert (
        hezi.run("run", "--rm", "--network", "none", "-m", "6m", busybox_image, "echo", "here", check=True).stdout
        == "here\n"
    )


def test_too_many_processes_cannot_be_forked(hezi: Hezi, busybox_image: str):
    mounted("pids")
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; wait"
    done = hezi.run("run", "--rm", "--network", "none", "--pids-limit", "4", busybox_image, "sh", "-c", script)
    assert done.code != 0
    assert "can't fork" in done.stderr


@pytest.mark.slow
def test_the_processor_is_had_for_the_share_of_time_that_was_asked_for(hezi: Hezi, busybox_image: str):
    """By the group's own account: what is used of the periods that had something to run."""
    mounted("cpu")
    turn = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
    spin = f"end=$(($(date +%s)+4)); while [ $(date +%s) -lt $end ]; do {turn}; done"
    script = f"{spin}; cat /sys/fs/cgroup/cpu/cpu.stat; cat /sys/fs/cgroup/cpuacct/cpuacct.usage"
    done = hezi.run("run", "--rm", "--network", "none", "--cpus", "0.2", busybox_image, "sh", "-c", script, check=True)
    lines = done.stdout.split()
    values = {lines[index]: int(lines[index + 1]) for index in range(0, len(lines) - 1, 2)}
    used = int(lines[-1]) / 1e9
    given = values["nr_periods"] * 0.1 * 0.2
    assert values["nr_throttled"] > 0
    # Of a machine that has other things to do it may get less, but never more.
    assert 0.85 * given <= used <= 1.05 * given


# --- refused --------------------------------------------------------------------------------------------------------

REFUSED = [
    (("--cpus", "9999"), "Range of CPUs is from 0.01 to"),
    (("--cpus", "-1"), "Range of CPUs is from 0.01 to"),
    (("--cpus", "0.001"), "quota"),
    (("--cpus", "1", "--cpu-period", "50000"), "Conflicting options: Nano CPUs and CPU Period cannot both be set"),
    (("--cpus", "1", "--cpu-quota", "50000"), "Conflicting options: Nano CPUs and CPU Quota cannot both be set"),
    (("--cpu-shares", "1"), "the minimum allowed cpu-shares is 2"),
    (("--cpu-shares", "-1"), "shares: invalid argument"),
    (("--cpu-period", "100"), "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"),
    (("--cpu-period", "2000000"), "CPU cfs period can not be less than 1ms"),
    (("--cpu-quota", "100"), "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
    (
        ("--cpu-rt-runtime", "5000", "--cpu-rt-period", "1000"),
        "cpu real-time runtime cannot be higher than cpu real-time",
    ),
    (("--cpuset-cpus", "7999"), "Requested CPUs are not available - requested 7999, available: 0"),
    (("--cpuset-cpus", "abc"), "Invalid value abc for cpuset cpus: invalid format: abc"),
    (("--cpuset-mems", "7999"), "Requested memory nodes are not available - requested 7999, available: 0"),
    (("--cpuset-mems", "x"), "Invalid value x for cpuset mems: invalid format: x"),
    (("--memory", "1m"), "Minimum memory limit allowed is 6MB"),
    (("-m", "64m", "--memory-swap", "32m"), "Minimum memoryswap limit should be larger than memory limit, see usage"),
    (("--memory-swap", "64m"), "You should always set the Memory limit when using Memoryswap limit, see usage"),
    (("--memory-reservation", "1m"), "Minimum memory reservation allowed is 6MB"),
    (
        ("-m", "64m", "--memory-reservation", "128m"),
        "Minimum memory limit can not be less than memory reservation limit, see usage",
    ),
    (("--memory-swappiness", "101"), "invalid value: 101. Valid memory swappiness range is 0-100"),
    (("--memory-swappiness", "-2"), "invalid value: -2. Valid memory swappiness range is 0-100"),
    (("--blkio-weight-device", "/dev/vda:5"), "invalid weight for device: /dev/vda:5"),
    (("--blkio-weight-device", "vda"), "bad format: vda"),
    (("--blkio-weight-device", "vda:100"), "bad format for device path: vda:100"),
    (("--device-read-bps", "/dev/vda"), "bad format: /dev/vda"),
    (("--device-read-bps", "/dev/vda:-1"), "Unit is optional and can be kb, mb, or gb"),
    (("--device-read-bps", "/etc/passwd:1mb"), "bad format for device path: /etc/passwd:1mb"),
    (("--device-read-bps", "/dev/no-such-disk:1mb"), "stat /dev/no-such-disk: no such file or directory"),
    (("--device-read-iops", "/dev/vda:1mb"), "<device-path>:<number>. Number must be a positive integer"),
    (("--device-cgroup-rule", "c 1:3"), "invalid device cgroup format 'c 1:3'"),
    (("--device-cgroup-rule", "x 1:3 rwm"), "invalid device cgroup format 'x 1:3 rwm'"),
    (("--kernel-memory", "64m"), "the kernel no longer offers it"),
]


@pytest.mark.parametrize(("flags", "text"), REFUSED, ids=[" ".join(flags) for flags, _ in REFUSED])
def test_refused_in_dockers_words(hezi: Hezi, busybox_image: str, flags: tuple[str, ...], text: str):
    done = hezi.run("run", "--rm", "--network", "none", *flags, busybox_image, "true")
    assert done.code == 125
    assert text in done.stderr, done.stderr


@pytest.mark.parametrize("flags", [("--memory-swappiness", "101"), ("--cgroupns", "bad"), ("--memory", "x")])
def test_create_has_125_for_what_needs_no_engine_to_be_seen(hezi: Hezi, busybox_image: str, flags: tuple[str, ...]):
    assert hezi.run("create", "--network", "none", *flags, busybox_image).code == 125
    # What the engine refuses is 1, as with docker.
    assert hezi.run("create", "--network", "none", "--memory", "5m", busybox_image).code == 1


def test_what_is_kept_of_odd_values_is_what_docker_keeps(hezi: Hezi, busybox_image: str):
    flags = ("--ulimit", "nofile=10", "--ulimit", "core=0", "--ulimit", "nofile=20:30", "--shm-size", "0")
    hezi.run("create", "--network", "none", "--name", "odd", "--cpus", "1e-1", *flags, busybox_image, check=True)
    shown = "{{json .HostConfig.Ulimits}} {{.HostConfig.ShmSize}} {{.HostConfig.NanoCpus}}"
    done = hezi.run("inspect", "-f", shown, "odd", check=True)
    limits = '[{"Hard":0,"Name":"core","Soft":0},{"Hard":30,"Name":"nofile","Soft":20}]'
    assert done.stdout == f"{limits} {64 * MB} 100000000\n"
    hezi.run("rm", "odd", check=True)


def test_update_refuses_a_reservation_with_which_nothing_would_start(hezi: Hezi, busybox_image: str):
    hezi.run("create", "--network", "none", "--name", "kept", "-m", "64m", busybox_image, "true", check=True)
    done = hezi.run("update", "--memory-reservation", "128m", "kept")
    assert done.code == 1
    assert "Minimum memory limit can not be less than memory reservation limit" in done.stderr
    done = hezi.run("update", "--kernel-memory", "32m", "kept")
    assert (done.code, "--kernel-memory is refused" in done.stderr) == (1, True)
    hezi.run("start", "kept", check=True)
    hezi.run("rm", "-f", "kept", check=True)
