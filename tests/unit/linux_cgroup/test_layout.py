"""Layouts of hosts that are not at hand, from their mountinfo and /proc/self/cgroup."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from hezi.linux import mountinfo
from hezi.linux.cgroup import layout, view


class Host(NamedTuple):
    mounts: str
    membership: str
    v2: str = ""

    def parse(self) -> layout.Layout:
        return layout.parse(
            mountinfo.parse(self.mounts.strip().encode() + b"\n"),
            self.membership.strip().encode() + b"\n",
            lambda _mount_point: tuple(self.v2.split()),
        )


V2 = Host(
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate",
    "0::/user.slice/user-0.slice/session-1.scope",
    "cpuset cpu io memory hugetlb pids rdma misc",
)
# Debian 10: systemd's hybrid, with joint controllers.
JOINT = Host(
    """
30 23 0:25 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
32 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
34 30 0:29 / /sys/fs/cgroup/net_cls,net_prio rw - cgroup cgroup rw,net_cls,net_prio
35 30 0:30 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
36 30 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,clone_children
""",
    """
12:pids:/a
11:cpu,cpuacct:/a:b
5:cpuset:/
3:net_cls,net_prio:/
1:name=systemd:/init.scope
0::/init.scope
""",
)
# Inside a container without a cgroup namespace: the mounts show a part of the hierarchy.
NESTED = Host(
    """
40 30 0:30 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids
41 30 0:30 / /mnt/pids\\040all rw - cgroup cgroup rw,pids
42 30 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
""",
    "9:pids:/docker/abc\n4:memory:/docker/abc",
)


def test_v2_alone() -> None:
    found = V2.parse()
    assert found.kind == "v2"
    assert found.v2 is not None
    assert found.v2.own == "/user.slice/user-0.slice/session-1.scope"
    assert found.carrying("memory") == found.v2
    assert found.carrying("devices") is None
    assert view.mounts(found) == (("cgroup2", "/sys/fs/cgroup", ("ro", "nosuid", "noexec", "nodev")),)
    assert view.links(found) == ()


def test_hybrid_with_joint_controllers() -> None:
    found = JOINT.parse()
    assert found.kind == "hybrid"
    joint = found.carrying("cpuacct")
    assert joint is not None
    assert joint == found.carrying("cpu")
    assert (joint.controllers, joint.own) == (("cpu", "cpuacct"), "/a:b")
    assert found.hierarchies[-1].version == 2
    assert [one.name for one in found.hierarchies if not one.controllers] == ["systemd", ""]
    shown = {mount.destination: mount.options[4:] for mount in view.mounts(found)}
    assert shown["/sys/fs/cgroup/cpu,cpuacct"] == ("cpu", "cpuacct")
    assert shown["/sys/fs/cgroup/systemd"] == ("none", "name=systemd")
    assert shown["/sys/fs/cgroup/unified"] == ()
    assert dict(view.links(found)) == {
        "/sys/fs/cgroup/cpu": "cpu,cpuacct",
        "/sys/fs/cgroup/cpuacct": "cpu,cpuacct",
        "/sys/fs/cgroup/net_cls": "net_cls,net_prio",
        "/sys/fs/cgroup/net_prio": "net_cls,net_prio",
    }


def test_views_take_the_containers_paths() -> None:
    paths = {"/sys/fs/cgroup/pids": "/sys/fs/cgroup/pids/hezi/x"}
    shown = {one.name: one for one in view.hierarchies(JOINT.parse(), paths)}
    assert shown["pids"] == ("pids", "cgroup", (("pids", None),), "/sys/fs/cgroup/pids/hezi/x", "/sys/fs/cgroup/pids")
    assert shown["systemd"].options == (("none", None), ("name", "systemd"))
    (alone,) = view.hierarchies(V2.parse(), {"/sys/fs/cgroup": "/sys/fs/cgroup/hezi/x"})
    assert alone == ("", "cgroup2", (), "/sys/fs/cgroup/hezi/x", "/sys/fs/cgroup")


def test_of_two_mounts_the_one_that_shows_more_is_used() -> None:
    found = NESTED.parse()
    assert found.kind == "v1"
    pids, memory = found.carrying("pids"), found.carrying("memory")
    assert pids is not None
    assert memory is not None
    assert (pids.mount_point, pids.root) == ("/mnt/pids all", "/")
    assert (memory.mount_point, memory.root) == ("/sys/fs/cgroup/memory", "/docker/abc")
    # An unusual mount point says nothing inside: there it has the controllers' name.
    assert "/sys/fs/cgroup/pids" in {mount.destination for mount in view.mounts(found)}


def test_a_named_hierarchy_does_not_make_a_v2_host_hybrid() -> None:
    mounts = V2.mounts + "\n31 30 0:40 / /sys/fs/cgroup/elogind rw - cgroup cgroup rw,name=elogind"
    found = Host(mounts, "1:name=elogind:/\n0::/", V2.v2).parse()
    assert found.kind == "v2"
    assert len(found.hierarchies) == 2
    assert len(view.mounts(found)) == 1


@pytest.mark.parametrize(
    "mounts", ["", "22 1 0:5 / /proc rw - proc proc rw", "9 1 0:9 / /x rw - cgroup cgroup rw,pids"]
)
def test_nothing_mounted_or_nothing_that_we_are_in(mounts: str) -> None:
    found = Host(mounts, "0::/").parse()
    assert found == layout.Layout("none", ())
    assert view.mounts(found) == ()


def test_controllers_built_in_but_not_mounted_do_not_count() -> None:
    found = Host("9 1 0:9 / /c/pids rw - cgroup cgroup rw,pids", "4:pids:/\n0::/").parse()
    assert found.kind == "v1"
    assert found.v2 is None


def test_this_machine() -> None:
    found = layout.detect()
    assert found.kind in {"v1", "v2", "hybrid", "none"}
    for one in found.hierarchies:
        assert one.mount_point.startswith("/")
