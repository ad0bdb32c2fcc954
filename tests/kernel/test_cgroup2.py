"""What only cgroup v2 does: delegation to a user and to a namespace, groups that a container made below its own."""

from __future__ import annotations

import errno
import os

import pytest

from hezi.linux import namespaces
from tests.support.in_child import forked, in_child, raises

pytestmark = pytest.mark.needs("root", "cgroup2")
NAME = f"hezi-test-{os.getpid()}"


def test_a_user_moves_processes_within_what_was_delegated_and_not_out_of_it():
    def body(name: str) -> None:
        from hezi.linux.cgroup import survey, tree

        one = survey.take().v2.hierarchy
        with tree.make(one, f"/{name}") as outer, tree.make(one, f"/{name}/his") as group:
            for file in ("", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"):
                os.chown(group.path + file, 1000, 1000)
            group.add(0)

            def as_user() -> None:
                os.mkdir(f"{group.path}/mine")
                os.chown(f"{group.path}/mine", 1000, 1000)
                os.chown(f"{group.path}/mine/cgroup.procs", 1000, 1000)
                os.setgroups([])
                os.setresgid(1000, 1000, 1000)
                os.setresuid(1000, 1000, 1000)
                with open(f"{group.path}/mine/cgroup.procs", "w") as file:
                    file.write("0")
                with raises(errno.EACCES), open(f"{outer.path}/cgroup.procs", "w") as file:
                    file.write("0")

            code = forked(as_user)
            with tree.top(one) as top:
                top.add(0)
            outer.remove(recursive=True, timeout=5)
            assert code == 0

    in_child(body, NAME)


def test_the_top_of_a_namespace_keeps_the_limits_its_maker_gave_it():
    """nsdelegate: the namespace's own top is not its to limit, and what is above it is not to be joined."""

    def body(name: str) -> None:
        from hezi.linux.cgroup import survey, tree

        found = survey.take()
        if "nsdelegate" not in found.v2.options or "pids" not in found.v2.hierarchy.controllers:
            print("skip")
            return
        one = found.v2.hierarchy
        with tree.make(one, f"/{name}", controllers=["pids"]) as group:
            group.set("pids.max", "50")
            group.add(0)

            def within() -> None:
                namespaces.unshare(0x02000000)  # CLONE_NEWCGROUP
                with raises(errno.EPERM):
                    group.write("pids.max", "max")
                os.mkdir(f"{group.path}/below")
                with open(f"{group.path}/below/cgroup.procs", "w") as file:
                    file.write("0")
                with raises(errno.ENOENT), open(f"{one.mount_point}/cgroup.procs", "w") as file:
                    file.write("0")

            code = forked(within)
            with tree.top(one) as top:
                top.add(0)
            group.remove(recursive=True, timeout=5)
            assert code == 0

    if "skip" in in_child(body, NAME):
        pytest.skip("cgroup v2 is mounted without nsdelegate, or without the pids controller")


def test_programs_join_where_the_first_process_went_and_the_next_run_begins_anew():
    """A container that hands controllers on may have no process in its own group: joining there is EBUSY."""

    def body(name: str) -> None:
        from hezi.linux.cgroup import survey, tree
        from hezi.runtime import monitor_cgroup

        one = survey.take().v2.hierarchy
        domain = [name for name in one.controllers if name not in {"cpu", "cpuset", "perf_event", "pids"}]
        if not domain:
            print("skip")
            return
        with tree.top(one) as top:
            had = domain[0] in top.handed_on()
            try:
                with tree.make(one, f"/{name}", controllers=domain[:1]) as group:
                    groups = monitor_cgroup.Groups([(2, group.path, (domain[0],))])
                    group.add(0)
                    assert groups.inner(os.getpid()) == -1
                    os.makedirs(f"{group.path}/a/b")
                    with tree.open_node(one, f"/{name}/a/b") as inner:
                        inner.add(0)
                        group.hand_on(domain[0])
                        where = groups.inner(os.getpid())
                        assert os.path.sameopenfile(where, inner.fd)
                        assert forked(lambda: None, cgroup_fd=where) == 0
                        os.close(where)
                    top.add(0)
                    groups.reset()
                    assert group.children() == ()
                    assert group.handed_on() == ()
                    group.add(0)
                    top.add(0)
                    groups.delete()
            finally:
                if not had:
                    top.take_back(domain[0])

    if "skip" in in_child(body, NAME):
        pytest.skip("no controller of whole processes is on cgroup v2")
