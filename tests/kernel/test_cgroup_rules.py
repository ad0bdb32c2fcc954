"""The rules of hierarchies, each broken on the real kernel, on hierarchies that the test mounts and unmounts itself.

Every body runs in a mount namespace of its own. The names of groups carry the process id, so that two runs on one
machine do not meet.
"""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from tests.support.in_child import in_child, raises

pytestmark = pytest.mark.needs("root", "cgroup")
NAME = f"hezi-test-{os.getpid()}"


@pytest.mark.needs("free-v1-controllers")
def test_one_hierarchy_may_carry_several_controllers(tmp_path: Path):
    def body(at: str) -> None:
        from hezi.linux.cgroup import mounting, tree

        one = mounting.mount(at, ["perf_event", "net_prio"])
        assert set(one.hierarchy.controllers) == {"perf_event", "net_prio"}
        assert one.hierarchy.version == 1
        with tree.top(one.hierarchy) as top:
            assert "net_prio.ifpriomap" in top.files()
        mounting.unmount(at)

    in_child(body, str(tmp_path), where="mounts")


@pytest.mark.needs("free-v1-controllers")
def test_a_controller_sits_on_one_hierarchy_only(tmp_path: Path):
    def body(at: str, other: str) -> None:
        from hezi.linux.cgroup import mounting

        os.mkdir(at)
        os.mkdir(other)
        mounting.mount(at, ["perf_event", "net_prio"])
        with raises(errno.EBUSY, "a controller sits on one hierarchy only", "net_prio is on", at):
            mounting.mount(other, ["net_prio"])
        # The twin: the same set again shows the same hierarchy.
        again = mounting.mount(other, ["net_prio", "perf_event"])
        assert again.mount_points == (at, other)
        os.mkdir(f"{at}/x{os.getpid()}")
        assert os.path.isdir(f"{other}/x{os.getpid()}")
        os.rmdir(f"{other}/x{os.getpid()}")
        mounting.unmount(other)
        mounting.unmount(at)

    in_child(body, str(tmp_path / "one"), str(tmp_path / "other"), where="mounts")


def test_an_unknown_controller_is_named(tmp_path: Path):
    def body(at: str) -> None:
        from hezi.linux.cgroup import mounting

        with raises(errno.EINVAL, "this kernel has no controller warp"):
            mounting.mount(at, ["warp"])
        with raises(errno.EINVAL, "has controllers, or a name"):
            mounting.mount(at)
        with raises(errno.EINVAL, "no name of a controller"):
            mounting.mount(at, ["pids,net_cls"])

    in_child(body, str(tmp_path), where="mounts")


def test_a_named_hierarchy_groups_tasks_and_limits_nothing(tmp_path: Path):
    def body(at: str, name: str) -> None:
        from hezi.linux.cgroup import mounting, survey, tree

        one = mounting.mount(at, name=name)
        assert (one.hierarchy.name, one.hierarchy.controllers) == (name, ())
        assert survey.take().carrying(f"name={name}") == one
        mounting.unmount(at)
        assert survey.take().carrying(f"name={name}") is None
        assert f"name={name}" not in tree.membership()

    in_child(body, str(tmp_path), NAME, where="mounts")


def test_the_top_of_a_new_hierarchy_holds_every_task(tmp_path: Path):
    def body(at: str, name: str) -> None:
        from hezi.linux.cgroup import mounting, tree

        one = mounting.mount(at, name=name)
        with tree.top(one.hierarchy) as top:
            members = top.processes()
            assert os.getpid() in members
            assert os.getppid() in members
            assert 1 in members
            assert tree.path_in(one.hierarchy) == "/"
            with raises(errno.EPERM, "the top of a hierarchy holds every task"):
                top.remove()
            with raises(errno.EPERM, "the top of a hierarchy"):
                top.kill()
        mounting.unmount(at)

    in_child(body, str(tmp_path), NAME, where="mounts")


def test_a_task_is_in_one_group_of_each_hierarchy(tmp_path: Path):
    def body(at: str, name: str) -> None:
        from hezi.linux.cgroup import mounting, tree

        one = mounting.mount(at, name=name).hierarchy
        with tree.make(one, "/a") as first, tree.make(one, "/b/deep") as second:
            first.add(0)
            assert first.processes() == [os.getpid()]
            second.add(0)
            assert first.processes() == []
            assert second.processes() == [os.getpid()]
            assert tree.path_in(one) == "/b/deep"
            with tree.top(one) as top:
                top.add(0)
            first.remove()
            second.remove()
        with tree.open_node(one, "/b") as left:
            left.remove()
        mounting.unmount(at)

    in_child(body, str(tmp_path), NAME, where="mounts")


def test_children_start_in_the_group_of_their_parent_and_may_be_moved(tmp_path: Path):
    def body(at: str, name: str) -> None:
        from hezi.linux.cgroup import mounting, tree

        one = mounting.mount(at, name=name).hierarchy
        with tree.make(one, "/a") as first, tree.make(one, "/b") as second, tree.top(one) as top:
            first.add(0)
            pid = os.fork()
            if pid == 0:
                signal.pause()
            assert sorted(first.processes()) == sorted([os.getpid(), pid])
            second.add(pid)
            assert first.processes() == [os.getpid()]
            assert second.processes() == [pid]
            top.add(0)
            second.kill()
            assert os.waitpid(pid, 0)[1] == signal.SIGKILL
            first.remove()
            second.remove(timeout=5)
        mounting.unmount(at)

    in_child(body, str(tmp_path), NAME, where="mounts")


@pytest.mark.parametrize("version", [1, pytest.param(2, marks=pytest.mark.needs("cgroup2"))])
def test_a_group_is_removed_only_when_it_is_empty(tmp_path: Path, version: int):
    def body(at: str, name: str, version: int) -> None:
        from hezi.linux.cgroup import mounting, tree

        one = mounting.mount(at, name=name if version == 1 else "", version=version).hierarchy
        with tree.make(one, f"/{name}/child") as child, tree.open_node(one, f"/{name}") as group:
            with raises(errno.EBUSY, "only when it has no processes and no groups"):
                group.remove()
            child.add(0)
            with raises(errno.EBUSY, "only when it has no processes and no groups"):
                child.remove()
            with raises(errno.EBUSY, "only when it has no processes"):
                group.remove(recursive=True)
            with tree.top(one) as top:
                top.add(0)
            group.remove(recursive=True)
            with raises(errno.ENOENT, "read"):
                child.processes()
            with raises(errno.ENOENT):
                tree.open_node(one, f"/{name}")
        mounting.unmount(at)

    in_child(body, str(tmp_path), NAME, version, where="mounts")


@pytest.mark.needs("cgroup-v1")
def test_a_cpuset_without_processors_takes_no_task():
    def body(name: str) -> None:
        from hezi.linux.cgroup import survey, tree

        place = survey.take().carrying("cpuset")
        if place is None or place.hierarchy.version == 2:
            return
        bare = f"{place.hierarchy.mount_point}/{name}"
        os.mkdir(bare)
        try:
            with tree.open_node(place.hierarchy, name) as group:
                if not group.read("cpuset.cpus").strip():
                    with raises(errno.ENOSPC, "takes tasks only when it has processors"):
                        group.add(0)
        finally:
            os.rmdir(bare)
        # The twin: made by us it has what its parent has.
        with tree.make(place.hierarchy, f"/{name}") as group, tree.top(place.hierarchy) as top:
            group.add(0)
            top.add(0)
            group.remove()

    in_child(body, NAME)


@pytest.mark.needs("cgroup-v1")
def test_a_group_cannot_have_more_than_its_parent():
    def body(name: str) -> None:
        from hezi.linux.cgroup import survey, tree
        from hezi.linux.cgroup.controllers import cpu

        place = survey.take().carrying("cpu")
        if place is None or place.hierarchy.version == 2:
            return
        with tree.make(place.hierarchy, f"/{name}") as above, tree.make(place.hierarchy, f"/{name}/in") as below:
            try:
                cpu.apply(above, cpu.Limits(quota=50_000, period=100_000))
                with raises(errno.EINVAL, "cpu.cfs_quota_us"):
                    cpu.apply(below, cpu.Limits(quota=80_000))
                cpu.apply(below, cpu.Limits(quota=20_000, period=50_000))
                assert cpu.quota(below) == (20_000, 50_000)
                cpu.apply(below, cpu.Limits(quota=40_000, period=100_000))
                assert cpu.quota(below) == (40_000, 100_000)
            finally:
                above.remove(recursive=True)

    in_child(body, NAME)


@pytest.mark.needs("cgroup-v1")
def test_a_memory_limit_below_what_is_in_use_is_refused():
    def body(name: str) -> None:
        import mmap

        from hezi.linux.cgroup import survey, tree

        place = survey.take().carrying("memory")
        if place is None or place.hierarchy.version == 2:
            return
        before = tree.path_in(place.hierarchy)
        with tree.make(place.hierarchy, f"/{name}") as group, tree.open_node(place.hierarchy, before) as home:
            group.add(0)
            try:
                # Shared memory without swap to go to cannot be given back.
                held = mmap.mmap(-1, 8 << 20)
                held.write(b"x" * (8 << 20))
                with open("/proc/swaps") as file:
                    swap = len(file.readlines()) > 1
                if not swap:
                    with raises(errno.EBUSY, "cannot be set below what is in use"):
                        group.set("memory.limit_in_bytes", "4096")
            finally:
                home.add(0)
                group.remove(timeout=5)

    in_child(body, NAME)


# --- v2 -------------------------------------------------------------------------------------------------------------


@pytest.mark.needs("cgroup2-controller")
def test_v2_no_processes_where_controllers_are_handed_on():
    def body(name: str) -> None:
        from hezi.linux.cgroup import survey, tree

        one = survey.take().v2.hierarchy
        # Those that can count threads one by one are handed on beside processes: the group can become a threaded one.
        domain = [name for name in one.controllers if name not in {"cpu", "cpuset", "perf_event", "pids"}]
        if not domain:
            return
        controller = domain[0]
        with tree.top(one) as top:
            had = controller in top.handed_on()
            try:
                with tree.make(one, f"/{name}/in", controllers=[controller]) as inner:
                    group = inner.parent()
                    assert controller in group.handed_on()
                    assert controller in inner.available()
                    with raises(errno.EBUSY, "has no processes of its own"):
                        group.add(0)
                    inner.add(0)  # the leaf takes it
                    with raises(errno.EBUSY, "has no processes of its own"):
                        inner.hand_on(controller)
                    top.add(0)
                    with raises(errno.EBUSY, "taken back from the children before the parent"):
                        top.take_back(controller)
                    group.take_back(controller)
                    group.add(0)  # nothing is handed on any more
                    top.add(0)
                    group.remove(recursive=True)
                    group.close()
            finally:
                if not had:
                    top.take_back(controller)

    in_child(body, NAME)


@pytest.mark.needs("cgroup2-controller")
def test_v2_controllers_come_from_the_top():
    def body(name: str) -> None:
        from hezi.linux.cgroup import survey, tree

        one = survey.take().v2.hierarchy
        with tree.top(one) as top:
            missing = [name for name in one.controllers if name not in top.handed_on()]
        if not missing:
            return
        with tree.make(one, f"/{name}") as group:
            try:
                with raises(errno.ENOENT, "only what its parent hands on to it"):
                    group.hand_on(missing[0])
                assert missing[0] not in group.available()
            finally:
                group.remove()

    in_child(body, NAME)


@pytest.mark.needs("cgroup2")
def test_v2_threads_of_a_process_stay_together_unless_the_subtree_is_threaded():
    def body(name: str) -> None:
        import threading

        from hezi.linux.cgroup import survey, tree

        one = survey.take().v2.hierarchy
        done = threading.Event()
        found = []
        thread = threading.Thread(target=lambda: (found.append(threading.get_native_id()), done.wait()))
        with tree.make(one, f"/{name}") as group, tree.make(one, f"/{name}/in") as inner, tree.top(one) as top:
            group.add(0)
            thread.start()
            while not found:
                os.sched_yield()
            try:
                with raises(errno.EOPNOTSUPP, "stay in one group"):
                    inner.add_thread(found[0])
                inner.make_threaded()
                inner.add_thread(found[0])
                assert inner.threads() == found
                assert os.getpid() in group.threads()
            finally:
                done.set()
                thread.join()
                top.add(0)
                group.remove(recursive=True, timeout=5)

    in_child(body, NAME)


@pytest.mark.needs("cgroup-v1")
def test_v1_hierarchies_have_nothing_to_hand_on(tmp_path: Path):
    def body(at: str, name: str) -> None:
        from hezi.linux.cgroup import mounting, tree

        one = mounting.mount(at, name=name).hierarchy
        with tree.top(one) as top, raises(errno.EOPNOTSUPP, "always hand on all"):
            top.hand_on("memory")
        mounting.unmount(at)

    in_child(body, str(tmp_path), NAME, where="mounts")
