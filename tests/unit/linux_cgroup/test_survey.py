"""Surveys of hosts that are not at hand: numbers, several mounts, joint and unmounted controllers."""

from __future__ import annotations

import pytest

from hezi.linux import mount, mountinfo
from hezi.linux.cgroup import mounting, survey
from tests.support.fake_kernel import FakeKernel

HYBRID = b"""\
31 30 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
32 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
36 30 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,clone_children,release_agent=/sbin/x
37 30 0:28 / /mnt/cpu rw - cgroup none rw,cpu,cpuacct
38 30 0:40 / /mnt/else rw - tmpfs none rw
"""
MEMBERSHIP = b"11:cpuacct,cpu:/a:b\n5:cpuset:/\n1:name=systemd:/init.scope\n0::/init.scope\n"
TABLE = """\
#subsys_name\thierarchy\tnum_cgroups\tenabled
cpuset\t5\t1\t1
cpu\t11\t1\t1
cpuacct\t11\t1\t1
memory\t0\t1\t0
net_cls\t0\t1\t1
pids\t0\t1\t1
"""


def take(mounts: bytes = HYBRID, membership: bytes = MEMBERSHIP, table: str = TABLE, v2: str = "pids io"):
    return survey.parse(mountinfo.parse(mounts), membership, table, lambda _: tuple(v2.split()))


def test_hierarchies_come_in_the_order_of_their_mounts_with_their_numbers():
    found = take()
    assert [(one.number, one.title) for one in found.hierarchies] == [
        (0, "pids,io"),
        (1, "name=systemd"),
        (11, "cpuacct,cpu"),
        (5, "cpuset"),
    ]


def test_a_hierarchy_mounted_twice_is_one_with_two_mount_points():
    one = take().carrying("cpuacct")
    assert one is not None
    assert one.mount_points == ("/sys/fs/cgroup/cpu,cpuacct", "/mnt/cpu")
    assert one.hierarchy.mount_point == "/sys/fs/cgroup/cpu,cpuacct"
    assert one.hierarchy.own == "/a:b"


def test_options_are_kept_that_change_how_it_works():
    found = take()
    assert found.v2 is not None
    assert found.v2.options == ("nsdelegate", "memory_recursiveprot")
    cpuset = found.carrying("cpuset")
    assert cpuset is not None
    assert cpuset.options == ("clone_children", "release_agent=/sbin/x")


def test_unmounted_controllers_are_those_on_no_mount_whatever_proc_cgroups_says():
    # pids has no number, and is on v2.
    assert take().unmounted == ("memory", "net_cls")
    assert [one.enabled for one in take().controllers if one.name == "memory"] == [False]


def test_controllers_that_only_v2_knows_are_known():
    assert [one.name for one in take().controllers][-1] == "io"


def test_joint_controllers_are_ordered_as_the_kernel_has_them():
    found = take()
    one = found.carrying("cpu")
    assert one is not None
    assert found.ordered(one) == ("cpu", "cpuacct")


def test_a_kernel_without_v1_has_no_table():
    found = take(
        b"30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", b"0::/user.slice\n", "", "cpuset cpu io memory pids"
    )
    assert [one.name for one in found.controllers] == ["cpuset", "cpu", "io", "memory", "pids"]
    assert found.unmounted == ()
    assert found.carrying("memory") == found.v2


def test_another_mount_of_v2_keeps_the_options_of_the_first(monkeypatch: pytest.MonkeyPatch):
    """They are of the hierarchy, and the last mount's count."""
    kernel = FakeKernel(monkeypatch)
    kernel.replace(mount, "mount")
    monkeypatch.setattr(survey, "take", take)
    mounting.mount("/sys/fs/cgroup/unified", version=2)
    (call,) = kernel.calls
    assert call.args["data"] == "nsdelegate,memory_recursiveprot"
