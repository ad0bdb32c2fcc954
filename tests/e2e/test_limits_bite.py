"""Limits of running containers: changed by update, reached, taken away, in places that are not as they should be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.front.cli.verbs import run as run_verb
from hezi.front.cli.verbs import update as update_verb
from hezi.linux.cgroup import survey, tree
from tests.e2e import test_limits
from tests.support.harness import Hezi, wait_until

pytestmark = pytest.mark.needs("root", "overlay", "docker-registry", "skopeo", "busybox", "cgroup-v1")
MB = 1 << 20
BOX = ("--network", "none")
NO_LIMIT = "9223372036854771712"
# Flags of update, and what the container's groups have afterwards. In this order: docker refuses some after others.
UPDATES = [
    (("--cpu-shares", "300"), {"cpu/cpu.shares": "300"}),
    (("-c", "2"), {"cpu/cpu.shares": "2"}),
    (("--cpu-period", "50000"), {"cpu/cpu.cfs_period_us": "50000"}),
    (("--cpu-quota", "20000"), {"cpu/cpu.cfs_quota_us": "20000", "cpu/cpu.cfs_period_us": "50000"}),
    (("--cpuset-cpus", "0"), {"cpuset/cpuset.cpus": "0"}),
    (("--cpuset-mems", "0"), {"cpuset/cpuset.mems": "0"}),
    (
        ("--memory", "64m", "--memory-swap", "96m"),
        {"memory/memory.limit_in_bytes": str(64 * MB), "memory/memory.memsw.limit_in_bytes": str(96 * MB)},
    ),
    (
        ("-m", "32m", "--memory-swap", "32m"),
        {"memory/memory.limit_in_bytes": str(32 * MB), "memory/memory.memsw.limit_in_bytes": str(32 * MB)},
    ),
    (("--memory-swap", "-1"), {"memory/memory.memsw.limit_in_bytes": NO_LIMIT}),
    (("--memory-reservation", "16m"), {"memory/memory.soft_limit_in_bytes": str(16 * MB)}),
    (("--pids-limit", "33"), {"pids/pids.max": "33"}),
    (("--pids-limit", "0"), {"pids/pids.max": "33"}),
    (("--pids-limit", "-1"), {"pids/pids.max": "max"}),
]
# Flags of update that need a container, a kernel or a disk of their own, and where they are tested.
ELSEWHERE = {"cpus", "blkio-weight", "cpu-rt-period", "cpu-rt-runtime", "kernel-memory", "restart"}
# Every flag of run that limits something; those of devices by path have tests of their own in test_limits.
LIMITS_OF_RUN = {
    *("blkio-weight", "blkio-weight-device", "cgroup-parent", "cgroupns", "cpu-period", "cpu-quota", "cpu-rt-period"),
    *("cpu-rt-runtime", "cpu-shares", "cpus", "cpuset-cpus", "cpuset-mems", "device-cgroup-rule", "device-read-bps"),
    *("device-read-iops", "device-write-bps", "device-write-iops", "kernel-memory", "memory", "memory-reservation"),
    *("memory-swap", "memory-swappiness", "oom-kill-disable", "pids-limit", "ulimit"),
}


@pytest.fixture
def start(hezi: Hezi, busybox_image: str) -> Iterator:
    """Start a container in the background; all of a test's are removed after it."""
    made: list[str] = []

    def call(*flags: str, program: tuple[str, ...] = ("sleep", "1000")) -> str:
        made.append(hezi.run("run", "-d", *BOX, *flags, busybox_image, *program, check=True).stdout.strip())
        return made[-1]

    yield call
    for identity in made:
        hezi.run("rm", "-f", identity)


def value(identity: str, name: str) -> str:
    """A file of the container's group, as the host sees it: ``pids/pids.max``."""
    controller, _, file = name.partition("/")
    place = survey.take().carrying(controller)
    assert place is not None
    return Path(place.hierarchy.mount_point, "hezi", identity, file).read_text().strip()


def inspect(hezi: Hezi, name: str) -> dict:
    return json.loads(hezi.run("inspect", name, check=True).stdout)[0]


# --- set ------------------------------------------------------------------------------------------------------------


def test_the_tables_know_every_flag():
    listed = {option.name for option in update_verb.VERB.options}
    short = {"c": "cpu-shares", "m": "memory"}
    words = {word.lstrip("-") for flags, _ in UPDATES for word in flags if word.startswith("-") and word != "-1"}
    assert {short.get(word, word) for word in words} | ELSEWHERE == listed
    assert {option.name for option in run_verb.VERB.options} >= LIMITS_OF_RUN
    told = repr(test_limits.REFUSED) + Path(test_limits.__file__).read_text() + Path(__file__).read_text()
    assert [name for name in LIMITS_OF_RUN if f'"--{name}' not in told and f'"--{name}=' not in told] == []


def test_update_sets_each_limit_of_what_runs(hezi: Hezi, start):
    identity = start()
    for flags, wanted in UPDATES:
        done = hezi.run("update", *flags, identity, check=True)
        assert {name: value(identity, name) for name in wanted} == wanted, (flags, done.stderr)
    host = inspect(hezi, identity)["HostConfig"]
    assert (host["CpuShares"], host["CpuPeriod"], host["CpuQuota"], host["CpusetCpus"]) == (2, 50000, 20000, "0")
    assert (host["Memory"], host["MemorySwap"], host["MemoryReservation"]) == (32 * MB, -1, 16 * MB)


def test_update_of_processors_as_a_number_and_of_the_weight_of_disks(hezi: Hezi, start):
    identity = start("--cpus", "1")
    hezi.run("update", "--cpus", "0.25", identity, check=True)
    assert value(identity, "cpu/cpu.cfs_quota_us") == "25000"
    done = hezi.run("update", "--blkio-weight", "300", identity, check=True)
    told = "Your kernel does not support Block I/O weight" in done.stderr
    place = survey.take().carrying("blkio")
    assert place is not None
    there = os.path.exists(f"{place.hierarchy.mount_point}/hezi/{identity}/blkio.bfq.weight")
    assert told != there
    assert not there or value(identity, "blkio/blkio.bfq.weight") == "300"


def test_no_limit_of_processes_looks_as_dockers_does(hezi: Hezi, start):
    """nil from the beginning, 0 after an update with -1; an update with 0 is none."""
    form = ("inspect", "--format", "{{.HostConfig.PidsLimit}}")
    identity = start("--pids-limit", "0")
    assert hezi.run(*form, identity, check=True).stdout == "<nil>\n"
    for limit, shown in (("7", "7"), ("0", "7"), ("-1", "0"), ("9", "9")):
        hezi.run("update", "--pids-limit", limit, identity, check=True)
        assert hezi.run(*form, identity, check=True).stdout == f"{shown}\n"


def test_the_plan_lists_the_groups_and_every_limit_with_its_origin(hezi: Hezi, busybox_image: str):
    flags = ("-m", "64m", "--cpus", "0.5", "--cpuset-cpus", "0", "--memory-swappiness", "3", "--blkio-weight", "300")
    flags += ("--cgroup-parent", "/plan", "--device-cgroup-rule", "c 10:229 r", "--oom-kill-disable")
    lines = hezi.run("run", "--plan", *BOX, *flags, busybox_image, "true", check=True).stdout.splitlines()
    rows = [line.split(None, 2)[1:] for line in lines if line.startswith("outside")]
    limits = [what for name, what in rows if name == "SetLimit"]
    assert next(what for name, what in rows if name == "MakeCgroups").startswith("/plan/")
    assert limits[:-1] == [
        "pids.limit 2048  [default]",
        "cpu.quota 50000  [flag]",
        "cpu.period 100000  [flag]",
        "cpu.cpus 0  [flag]",
        f"memory.limit {64 * MB}  [flag]",
        f"memory.swap {128 * MB}  [flag]",
        "memory.swappiness 3  [flag]",
        "memory.oom_kill_disable yes  [flag]",
        "blockIO.weight 300  [flag]",
    ]
    assert limits[-1].startswith("devices deny a *:* rwm, allow c *:* m,")
    assert limits[-1].endswith(", allow c 10:229 r  [flag]")
    plain = hezi.run("run", "--plan", *BOX, "--pids-limit", "-1", busybox_image, "true", check=True).stdout
    assert "pids.limit max  [flag]" in plain
    assert "memory." not in plain


# --- reached --------------------------------------------------------------------------------------------------------


def test_a_death_for_want_of_memory_is_told_everywhere_each_time(hezi: Hezi, start):
    """The end may be heard of before the kill it came from: the event is there all the same, once."""
    for _ in range(4):
        identity = start("-m", "16m", "--memory-swap", "16m", program=("tail", "/dev/zero"))
        assert hezi.run("wait", identity, check=True).stdout == "137\n"
        assert inspect(hezi, identity)["State"]["OOMKilled"] is True
        told = hezi.run(
            "events", "--since", "10m", "--until", "0s", "--filter", f"container={identity}", "--format", "{{.Action}}"
        )
        assert told.stdout.split() == ["create", "start", "oom", "die"]
        assert "ran out of memory" in hezi.run("why", identity, check=True).stdout


def test_a_fork_too_many_is_told_by_why_and_by_exec(hezi: Hezi, start):
    identity = start("--pids-limit", "2", program=("sh", "-c", "(true | true | true); sleep 1000"))
    place = survey.take().carrying("pids")
    assert place is not None
    with tree.open_node(place.hierarchy, f"/hezi/{identity}") as group:
        assert wait_until(lambda: "max 0" not in group.read("pids.events"))
    hezi.run("kill", identity, check=True)
    hezi.run("wait", identity, check=True)
    assert "by the limit of 2" in hezi.run("why", identity, check=True).stdout
    full = start()
    hezi.run("update", "--pids-limit", "1", full, check=True)
    done = hezi.run("exec", full, "true")
    assert done.code != 0
    assert "has as many processes as it may have" in done.stderr


def test_a_processor_that_it_may_not_have_cannot_be_chosen(hezi: Hezi, busybox_image: str):
    script = "nproc; grep Cpus_allowed_list /proc/self/status; taskset 2 true && echo had"
    done = hezi.run("run", "--rm", *BOX, "--cpuset-cpus", "0", busybox_image, "sh", "-c", script)
    assert done.stdout.split() == ["1", "Cpus_allowed_list:", "0"]


def test_a_device_that_is_not_allowed_cannot_be_opened(hezi: Hezi, busybox_image: str):
    """Its node can be made: that is another letter of the rule."""
    rule = ("--device-cgroup-rule", "c 10:229 m")
    if not os.path.exists("/dev/fuse"):
        pytest.skip("no /dev/fuse to be opened")
    done = hezi.run("run", "--rm", *BOX, *rule, busybox_image, "sh", "-c", "mknod /f c 10 229 && head -c0 /f")
    assert (done.code, "Operation not permitted" in done.stderr) == (1, True)


def test_an_ulimit_beyond_what_the_caller_has_is_as_much_as_there_is_with_a_warning(hezi: Hezi, busybox_image: str):
    """Without CAP_SYS_RESOURCE nobody raises a hard limit."""
    weak = ("prlimit", "--nofile=1024:2048", "setpriv", "--bounding-set=-sys_resource")
    command = ("run", "--rm", *BOX, "--ulimit", "nofile=4096:8192", busybox_image, "sh", "-c", "ulimit -n; ulimit -Hn")
    done = hezi.run(*command, check=True, prefix=weak)
    assert done.stdout.split() == ["2048", "2048"]
    assert "warning: SetRlimit RLIMIT_NOFILE 4096:8192: not allowed here" in done.stderr
    done = hezi.run(*command, check=True)
    assert (done.stdout.split(), done.stderr) == (["4096", "8192"], "")


@pytest.mark.slow
def test_no_more_is_written_to_a_disk_than_its_rate_allows(hezi: Hezi, busybox_image: str, tmp_path: Path):
    number = os.stat(tmp_path).st_dev
    device = f"/dev/block/{os.major(number)}:{os.minor(number)}"
    named = os.path.realpath(device) if os.path.exists(device) else ""
    if not named:
        with open("/proc/partitions") as file:
            rows = [line.split() for line in file if len(line.split()) == 4]
        wanted = [str(os.major(number)), str(os.minor(number))]
        named = next((f"/dev/{row[3]}" for row in rows if row[:2] == wanted), "")
    if not named or not os.path.exists(named):
        pytest.skip("the tests' files are on no disk with a name")
    script = (
        "start=$(cut -d. -f1 /proc/uptime)\n"
        "dd if=/dev/zero of=/v/f bs=128k count=24 oflag=direct 2>/dev/null || exit 9\n"
        "echo $(($(cut -d. -f1 /proc/uptime) - start)); cat /sys/fs/cgroup/blkio/blkio.throttle.io_service_bytes"
    )
    rate = ("--device-write-bps", f"{named}:1mb", "-v", f"{tmp_path}:/v")
    done = hezi.run("run", "--rm", *BOX, *rate, busybox_image, "sh", "-c", script)
    if done.code == 9:
        pytest.skip("this file system has no direct writes, and others are nobody's in particular on v1")
    assert done.code == 0, done.stderr
    lines = done.stdout.splitlines()
    written = next(int(line.split()[2]) for line in lines if line.split()[1:2] == ["Write"])
    # Whole seconds, and the first slice of a tenth of one: never more than was allowed.
    assert written >= 3 * MB
    assert int(lines[0]) + 2 >= written / MB


# --- places that are not as they should be --------------------------------------------------------------------------


def in_a_place(script: str) -> tuple[str, ...]:
    """Run a command in a mount namespace of its own after ``script``."""
    return ("unshare", "--mount", "sh", "-c", f'{script}; exec "$@"', "-")


def test_a_limit_below_what_is_in_use_is_refused_with_the_rule_and_nothing_is_kept(hezi: Hezi, start):
    program = ("sh", "-c", "dd if=/dev/zero of=/dev/shm/x bs=1M count=24 2>/dev/null; echo full; sleep 1000")
    identity = start("-m", "64m", "--memory-swap", "64m", program=program)
    assert wait_until(lambda: hezi.run("logs", identity).stdout == "full\n")
    done = hezi.run("update", "-m", "8m", "--memory-swap", "8m", identity)
    assert done.code == 1
    assert "a limit cannot be set below what is in use and cannot be given back" in done.stderr
    assert value(identity, "memory/memory.limit_in_bytes") == str(64 * MB)
    assert inspect(hezi, identity)["HostConfig"]["Memory"] == 64 * MB


def test_a_hierarchy_that_can_only_be_read_fails_the_start_by_its_name(hezi: Hezi, busybox_image: str):
    before = sorted(os.listdir("/sys/fs/cgroup/cpu/hezi")) if os.path.isdir("/sys/fs/cgroup/cpu/hezi") else []
    place = in_a_place("mount -o remount,bind,ro /sys/fs/cgroup/pids")
    done = hezi.run("run", "--rm", "--name", "read-only", *BOX, busybox_image, "true", prefix=place)
    assert done.code == 125
    assert "cannot make the container's cgroup: mkdir: Read-only file system: /sys/fs/cgroup/pids/hezi" in done.stderr
    assert hezi.run("ps", "-aq", "--filter", "name=read-only", check=True).stdout == ""
    ours = [name for name in os.listdir("/sys/fs/cgroup/cpu/hezi") if name in done.stderr] if before else []
    assert ours == []


def test_controllers_that_are_mounted_nowhere_are_left_out_with_a_warning(hezi: Hezi, busybox_image: str):
    place = in_a_place("umount /sys/fs/cgroup/pids /sys/fs/cgroup/memory")
    limits = ("--pids-limit", "5", "-m", "32m", "--cpus", "0.5")
    script = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us; test -e /sys/fs/cgroup/pids || echo none"
    done = hezi.run("run", "--rm", *BOX, *limits, busybox_image, "sh", "-c", script, prefix=place, check=True)
    assert done.stdout.split() == ["50000", "none"]
    assert "the pids controller is not available" in done.stderr
    assert "Your kernel does not support memory limit capabilities" in done.stderr


def test_a_machine_without_any_hierarchy_is_told_so(hezi: Hezi, busybox_image: str):
    place = in_a_place("umount --recursive /sys/fs/cgroup")
    done = hezi.run("run", "--rm", *BOX, busybox_image, "true", prefix=place)
    assert done.code == 125
    assert "no cgroup hierarchy is mounted" in done.stderr


def test_a_parent_that_somebody_made_without_processors_and_memory_nodes_gets_those_above(
    hezi: Hezi, busybox_image: str
):
    place = survey.take().carrying("cpuset")
    assert place is not None
    parent = f"hezi-test-bare-{os.getpid()}"
    os.mkdir(f"{place.hierarchy.mount_point}/{parent}")
    try:
        script = "cat /sys/fs/cgroup/cpuset/cpuset.cpus"
        done = hezi.run("run", "--rm", *BOX, "--cgroup-parent", parent, busybox_image, "sh", "-c", script, check=True)
        assert done.stdout.strip() == Path(place.hierarchy.mount_point, "cpuset.cpus").read_text().strip()
    finally:
        for one in survey.take().hierarchies:
            path = f"{one.hierarchy.mount_point}/{parent}"
            if os.path.isdir(path):
                os.rmdir(path)


def test_groups_removed_under_a_container_that_runs_are_no_end_of_it(hezi: Hezi, start):
    identity = start("-m", "64m", "--name", "bereft")
    for controller in ("pids", "memory"):
        place = survey.take().carrying(controller)
        assert place is not None
        with tree.open_node(place.hierarchy, f"/hezi/{identity}") as group, tree.top(place.hierarchy) as top:
            for pid in group.processes():
                top.add(pid)
            group.remove()
    assert hezi.run("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", "bereft", check=True).stdout == (
        "bereft 0B / 0B\n"
    )
    done = hezi.run("update", "--pids-limit", "9", "-m", "32m", "--memory-swap", "32m", "bereft", check=True)
    assert "the pids controller is not available" in done.stderr
    # What runs in it from now on would be without its limits.
    done = hezi.run("exec", "bereft", "echo", "here")
    assert (done.code, done.stdout) == (1, "")
    assert "a control group of the container was removed" in done.stderr
    said = hezi.run("cgroup", "explain", "bereft", check=True).stdout
    assert "Processor:" in said
    assert "Memory:" not in said
    hezi.run("stop", "-t", "0", "bereft", check=True)
    hezi.run("rm", "bereft", check=True)


def test_hezi_in_a_container_of_hezi_has_groups_and_limits_of_its_own(
    hezi: Hezi, busybox_image: str, start, tmp_path: Path
):
    """Privileged, in a cgroup namespace of its own: what it sees as the top is the container's group."""
    archive = tmp_path / "busybox.tar"
    hezi.run("save", "-o", str(archive), busybox_image, check=True)
    inner = Path("/inner/hezi.sh")
    (tmp_path / inner.name).write_text(
        "export PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin PYTHONDONTWRITEBYTECODE=1\n"
        f'exec {" ".join(hezi.argv("--root", "/work-inner/root", "--runroot", "/work-inner/run"))} "$@"\n'
    )
    binds = [word for path in _needed() for word in ("-v", f"{path}:{path}:ro")]
    # The box has the image's own shell at /bin; what the interpreter needs comes from the host.
    container = start(
        "--privileged", "--cgroupns", "private", "--pids-limit", "200", *binds, "-v", f"{tmp_path}:/inner",
        "--tmpfs", "/work-inner", "-e", f"PYTHONPATH={hezi.env['PYTHONPATH']}",
    )  # fmt: skip

    def inside(*words: str, check: bool = True):
        return hezi.run("exec", container, "sh", str(inner), *words, check=check)

    inside("load", "-i", f"/inner/{archive.name}")
    show = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max"
    limits = ("-m", "32m", "--memory-swap", "32m", "--pids-limit", "20")
    done = inside("run", "--rm", *BOX, *limits, busybox_image, "sh", "-c", show)
    assert done.stdout.split() == [str(32 * MB), "20"]
    inside("run", "-d", "--name", "fat", *BOX, *limits, busybox_image, "tail", "/dev/zero")
    assert inside("wait", "fat").stdout == "137\n"
    assert "ran out of memory" in inside("why", "fat").stdout
    # From outside it is a group below the container's.
    place = survey.take().carrying("memory")
    assert place is not None
    assert os.path.isdir(f"{place.hierarchy.mount_point}/hezi/{container}/hezi")
    inside("rm", "fat")
    done = inside(
        "run",
        "--rm",
        *BOX,
        "--pids-limit",
        "4",
        busybox_image,
        "sh",
        "-c",
        "sleep 9 & sleep 9 & sleep 9 & sleep 9 & sleep 9",
        check=False,
    )
    assert "can't fork" in done.stderr


def _needed() -> list[str]:
    """Directories of the host by which this interpreter, and the programs that hezi calls, run."""
    import sys

    found = ["/usr", "/lib", "/lib64", "/etc/alternatives", str(Path(__file__).parents[2])]
    found += [sys.prefix, sys.base_prefix]
    kept = [path for path in dict.fromkeys(found) if os.path.isdir(path)]
    return [path for path in kept if not any(path != other and path.startswith(f"{other}/") for other in kept)]
