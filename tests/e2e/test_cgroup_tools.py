"""hezi cgroup: groups made, limited, filled, drawn, explained and removed, by readable words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.linux.cgroup import survey, tree
from tests.support.harness import Hezi, wait_until

pytestmark = pytest.mark.needs("root", "cgroup-v1")
GROUP = f"/hezi-test-tools-{os.getpid()}"


@pytest.fixture
def group(hezi_env: Hezi) -> Iterator[str]:
    """A group in the hierarchies of four controllers, with one below it."""
    hezi_env.run("cgroup", "create", f"cpu,memory,pids,freezer:{GROUP}/in", check=True)
    yield GROUP
    for one in survey.take().hierarchies:
        try:
            node = tree.open_node(one.hierarchy, GROUP)
        except FileNotFoundError:
            continue
        with node:
            node.kill()
            node.remove(recursive=True, timeout=5)


@pytest.fixture
def sleeper() -> Iterator[int]:
    with subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL) as process:
        yield process.pid
        process.kill()


def test_values_are_set_and_read_by_the_names_of_either_version(hezi_env: Hezi, group: str):
    hezi_env.run(
        "cgroup", "set", group, "memory.max=64M", "cpu.max=50000 100000", "cpu.weight=100", "pids.max=9", check=True
    )  # fmt: skip
    names = (
        "memory.limit_in_bytes",
        "cpu.cfs_quota_us",
        "cpu.shares",
        "memory.max",
        "cpu.max",
        "cpu.weight",
        "pids.max",
    )
    done = hezi_env.run("cgroup", "get", "-v", group, *names, check=True)
    assert done.stdout.splitlines() == ["67108864", "50000", "1024", "67108864", "50000 100000", "100", "9"]
    hezi_env.run("cgroup", "set", group, "memory.max=max", "cpu.max=max", check=True)
    done = hezi_env.run("cgroup", "get", "-v", group, "memory.max", "cpu.max", "cpu.cfs_quota_us", check=True)
    assert done.stdout.splitlines() == ["max", "max 100000", "-1"]


def test_a_value_that_there_is_not_and_one_that_makes_no_sense(hezi_env: Hezi, group: str):
    done = hezi_env.run("cgroup", "set", group, "memory.nope=1")
    assert (done.code, "has no memory.nope" in done.stderr) == (1, True)
    done = hezi_env.run("cgroup", "set", group, "pids.max=many")
    assert (done.code, "Invalid argument (value 'many')" in done.stderr) == (1, True)
    done = hezi_env.run("cgroup", "set", group, "pids.max")
    assert (done.code, "is not NAME=VALUE" in done.stderr) == (1, True)
    done = hezi_env.run("cgroup", "get", f"{group}/nope")
    assert (done.code, "there is no control group" in done.stderr) == (1, True)
    done = hezi_env.run("cgroup", "create", "/../escape")
    assert (done.code, "no name of a control group" in done.stderr) == (1, True)


def test_programs_run_in_it_and_processes_move_into_it(hezi_env: Hezi, group: str, sleeper: int):
    done = hezi_env.run("cgroup", "exec", group, "sh", "-c", "cat /proc/self/cgroup; exit 7")
    assert done.code == 7
    assert f":memory:{group}" in done.stdout
    assert hezi_env.run("cgroup", "exec", group, "no-such-program").code == 127
    hezi_env.run("cgroup", "classify", f"cpu:{group}/in", str(sleeper), check=True)
    assert tree.membership(sleeper)["cpu"] == f"{group}/in"
    drawn = hezi_env.run("cgroup", "tree", group, check=True).stdout.splitlines()
    assert drawn[1].split() == [group, "0", "cpu,freezer,memory,pids"]
    assert drawn[2].split() == ["└─in", "1", "cpu,freezer,memory,pids"]


def test_explain_names_the_group_that_sets_a_limit(hezi_env: Hezi, group: str, sleeper: int):
    hezi_env.run("cgroup", "set", group, "memory.max=64M", "pids.max=9", "cpu.max=50000 100000", check=True)
    hezi_env.run("cgroup", "set", f"{group}/in", "memory.max=32M", check=True)
    hezi_env.run("cgroup", "classify", f"{group}/in", str(sleeper), check=True)
    for named in (f"{group}/in", str(sleeper)):
        said = hezi_env.run("cgroup", "explain", named, check=True).stdout
        assert "Memory: at most 32MiB, set here;" in said
        assert f"Processes: at most 9 with their threads, set by {group} above; 1 now." in said
        assert f"Processor: at most 0.50 processors, set by {group} above." in said


def test_a_rule_that_is_broken_is_named(hezi_env: Hezi, group: str):
    done = hezi_env.run("cgroup", "rm", group)
    assert done.code == 1
    assert "only when it has no processes and no groups in it" in done.stderr
    hezi_env.run("cgroup", "rm", "-r", group, check=True)
    assert hezi_env.run("cgroup", "tree", group).code == 1


def test_rm_kills_only_when_asked_to(hezi_env: Hezi, group: str, sleeper: int):
    hezi_env.run("cgroup", "classify", f"{group}/in", str(sleeper), check=True)
    assert hezi_env.run("cgroup", "rm", "-r", group).code == 1
    assert os.path.exists(f"/proc/{sleeper}")
    with subprocess.Popen(hezi_env.argv("cgroup", "rm", "-r", "--kill", group), env=hezi_env.env) as removing:
        # Ours to collect: a dead child counts until then.
        os.waitpid(sleeper, 0)
        assert removing.wait(timeout=60) == 0


def test_top_shows_use_in_columns(hezi_env: Hezi, group: str):
    lines = hezi_env.run("cgroup", "top", "-a", "-n", "1", "-i", "50ms", group, check=True).stdout.splitlines()
    assert lines[0].split() == ["GROUP", "CPU", "%", "MEMORY", "TASKS", "READ/s", "WRITTEN/s"]
    assert {line.split()[0] for line in lines[1:]} == {group, f"{group}/in"}


def test_a_snapshot_is_loaded_again(hezi_env: Hezi, group: str):
    hezi_env.run("cgroup", "set", f"{group}/in", "pids.max=5", check=True)
    blocks = hezi_env.run("cgroup", "snapshot", "pids", check=True).stdout.split("\n\n")
    own = [block for block in blocks if block.startswith(f"group {group[1:]}")]
    assert len(own) == 2
    hezi_env.run("cgroup", "rm", "-r", group, check=True)
    path = hezi_env.directory / "groups.conf"
    path.write_text("\n\n".join(own) + "\n")
    hezi_env.run("cgroup", "load", str(path), check=True)
    assert hezi_env.run("cgroup", "get", "-v", f"{group}/in", "pids.max", check=True).stdout == "5\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("classify", "{G}", "4194304"), "there is no process 4194304"),
        (("classify", "{G}", "{P}", "abc"), "no number of a process: 'abc'"),
        (("classify", "{G}", "{P}", "0"), "no number of a process: '0'"),
        (("snapshot", "no-such"), "controller no-such is on no mounted hierarchy"),
        (("load", "/no/such"), "cannot load /no/such: No such file or directory"),
        (("load", "/"), "cannot load /: Is a directory"),
        (("load", "{T}"), "{T}: error at line number 1 at {{: syntax error"),
    ],
)
def test_each_mistake_says_what_is_wrong(
    hezi_env: Hezi, group: str, sleeper: int, words: tuple[str, ...], message: str, tmp_path: Path
):
    bad = tmp_path / "bad.conf"
    bad.write_text("group {\n")
    done = hezi_env.run("cgroup", *(word.format(G=group, P=sleeper, T=bad) for word in words))
    assert done.code == 1
    assert message.format(T=bad) in done.stderr
    assert done.stdout == ""
    # What was named first has not been moved either.
    assert tree.membership(sleeper) == tree.membership()


def test_ls_has_every_hierarchy(hezi_env: Hezi):
    found = survey.take()
    lines = hezi_env.run("cgroup", "ls", "-a", check=True).stdout.splitlines()
    for one in found.hierarchies:
        assert any(one.mount_points[0] in line.split() and f"v{one.hierarchy.version}" in line for line in lines)
    for name in found.unmounted:
        assert any(line.split()[2] == name for line in lines)


@pytest.mark.needs("overlay", "docker-registry", "skopeo", "busybox")
def test_containers_are_marked_and_explained_by_name(hezi_env: Hezi, busybox_image: str):
    process = hezi_env.popen(
        "run", "--rm", "-i", "--name", "web", "--network", "none", "-m", "64m", busybox_image, "cat",
        stdin=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert wait_until(lambda: "web" in hezi_env.run("ps", "--format", "{{.Names}}").stdout.split(), timeout=60)
        assert wait_until(lambda: "[container web]" in hezi_env.run("cgroup", "tree", "/hezi").stdout, timeout=60)
        said = hezi_env.run("cgroup", "explain", "web", check=True).stdout
        assert "Memory: at most 64MiB, set here;" in said
        assert "Processes: at most 2048 with their threads, set here; 1 now." in said
    finally:
        process.communicate(timeout=60)
