"""Which hosts can let a container share out its own control group, and what the others say."""

from __future__ import annotations

import pytest

from hezi import errors
from hezi.engine import delegation
from hezi.linux import mountinfo
from hezi.linux.cgroup import survey

V2 = b"31 30 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
NAMED = b"32 30 0:27 / /sys/fs/cgroup/elogind rw - cgroup cgroup rw,xattr,name=elogind\n"
V1 = b"33 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"


def host(mounts: bytes) -> survey.Survey:
    membership = b"5:memory:/\n1:name=elogind:/\n0::/\n"
    return survey.parse(mountinfo.parse(mounts), membership, "", lambda _: ("pids",))


@pytest.mark.parametrize("mounts", [V2 + b",nsdelegate\n", V2 + b",nsdelegate\n" + NAMED])
def test_where_the_kernel_keeps_it_within_bounds(mounts: bytes) -> None:
    delegation.check(host(mounts), "private")


@pytest.mark.parametrize(
    ("mounts", "cgroupns", "text"),
    [
        (V2 + b",nsdelegate\n" + V1, "private", r"lift its own limits where they are on v1 \(memory\)"),
        (V2 + b"\n", "private", "mounted without nsdelegate"),
        (NAMED, "private", "cgroup v2 is not mounted"),
        (V2 + b",nsdelegate\n", "host", "with --cgroupns host"),
    ],
)
def test_elsewhere_it_is_refused_by_name(mounts: bytes, cgroupns: str, text: str) -> None:
    with pytest.raises(errors.Error, match=text) as caught:
        delegation.check(host(mounts), cgroupns)
    assert caught.value.kind == errors.UNSUPPORTED
