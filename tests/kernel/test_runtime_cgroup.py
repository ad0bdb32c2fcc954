"""A box in its cgroups: joined before anything else, seen from inside as the top, killed as one."""

from __future__ import annotations

import os
import time

import pytest

from hezi import errors
from hezi.linux.cgroup import layout, manager, view
from hezi.runtime.plan import Options
from hezi.spec import runtime as rt
from tests.kernel import boxes

pytestmark = pytest.mark.needs("root", "overlay", "busybox")

CGROUP = rt.Mount("/sys/fs/cgroup", "cgroup", "cgroup", ("ro", "nosuid", "noexec", "nodev"))


@pytest.fixture
def room(tmp_path):
    return boxes.Room(tmp_path)


@pytest.fixture
def host():
    found = layout.detect()
    if found.kind == "none":
        pytest.fail("no cgroup hierarchy is mounted")
    return found


@pytest.fixture
def group(host):
    made = manager.create(host, f"/hezi/test-runtime-{os.getpid()}")
    yield made
    made.kill()
    made.delete()
    made.close()


def show(host, group) -> Options:
    return Options(hierarchies=view.hierarchies(host, group.paths))


def test_the_box_is_the_top_of_its_own_tree(room, host, group):
    mounts = (*boxes.MOUNTS, CGROUP)
    script = (
        "cut -d: -f3 /proc/self/cgroup | sort -u; find /sys/fs/cgroup -name '*procs' | head -1 | xargs cat | head -1"
    )
    result = room.shell(script, mounts=mounts, options=show(host, group), cgroup=group)
    assert result.stdout.split("\n")[0] == "/"
    assert "1" in result.stdout.split("\n")[1:]


def test_it_is_read_only_and_has_the_host_s_names(room, host, group):
    script = """
        for dir in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $dir/x 2>/dev/null && echo $dir is writable; done
        ls /sys/fs/cgroup
    """
    result = room.shell(script, mounts=(*boxes.MOUNTS, CGROUP), options=show(host, group), cgroup=group)
    assert "writable" not in result.stdout
    if host.kind != "v2":
        names = {one.name for one in view.hierarchies(host)} | {
            part for one in host.hierarchies for part in one.controllers
        }
        assert names <= set(result.stdout.split()) | {"unified"} | set(host.hierarchies[-1].controllers)


def test_a_shared_cgroup_namespace_shows_the_container_s_part(room, host, group):
    if host.kind == "v2":
        pytest.skip("needs: a cgroup v1 hierarchy")
    namespaces = tuple(rt.Namespace(kind) for kind in boxes.NAMESPACES if kind != "cgroup")
    script = (
        "grep -c test-runtime /proc/self/cgroup; for dir in /sys/fs/cgroup/*; do cat $dir/cgroup.procs | head -1; done"
    )
    result = room.shell(
        script,
        mounts=(*boxes.MOUNTS, CGROUP),
        linux={"namespaces": namespaces},
        options=show(host, group),
        cgroup=group,
    )
    lines = result.stdout.split()
    assert int(lines[0]) == len(host.hierarchies)
    assert set(lines[1:]) == {"1"}


def test_a_limit_of_one_process_is_enough_for_one(room, host, group):
    group.apply(rt.Resources(pids_limit=1))
    wanted = boxes.spec("true")
    if host.kind == "v2":
        # The process is born in it, and nobody else was there before.
        with room.start(wanted, cgroup=group) as running:
            assert running.wait(timeout=5) is not None
    else:
        with pytest.raises(errors.Error, match="CloneInit"), room.start(wanted, cgroup=group):
            pass
    with room.start(wanted, cgroup=group, join_late=True) as running:
        status = running.wait(timeout=5)
        assert status is not None
        assert status.code == 0


def test_everything_in_the_box_is_killed(room, host, group):
    """Without a process namespace of its own, where the kernel does not do it."""
    namespaces = tuple(rt.Namespace(kind) for kind in boxes.NAMESPACES if kind != "pid")
    script = "sleep 1000 & sleep 1000 & echo ready; wait"
    with room.start(
        boxes.spec("sh", "-c", script, linux={"namespaces": namespaces}), show(host, group), cgroup=group
    ) as running:
        assert os.read(running.stdout, 10) == b"ready\n"
        assert len(group.pids()) == 3
        running.kill_all()
        assert running.wait(timeout=5) is not None
    deadline = time.monotonic() + 5
    while group.pids() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert group.pids() == []
