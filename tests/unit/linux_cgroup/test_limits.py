"""Limits as they are written on v2, and what is said where a host has no means; v1 is asked on the real kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hezi.linux.cgroup import limits, translate
from hezi.linux.cgroup.controllers import cpu, io, memory_limits
from hezi.linux.cgroup.group import Group
from hezi.spec.runtime import BlockIO, Cpu, Memory, Resources

MB = 1 << 20
KERNEL = "Your kernel does not support"


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    """A directory with the files of a v2 group; what is written into an empty one stands there, as in the kernel's."""
    made = tmp_path / "one"
    made.mkdir()
    for name in ("memory.max", "memory.swap.max", "memory.low", "cpu.weight", "cpuset.cpus", "cpuset.mems", "io.max"):
        (made / name).touch()
    (made / "cpu.max").write_text("max 100000\n")
    (made / "memory.current").write_text("4096\n")
    (made / "memory.swap.current").write_text("8192\n")
    group = Group(2, str(made), os.open(tmp_path, os.O_PATH))
    yield group
    group.close()


def text(group: Group, name: str) -> str:
    return group.read(name).strip()


def test_memory_and_swap_are_counted_apart_on_v2(group: Group):
    wanted = Memory(limit=64 * MB, swap=96 * MB, reservation=32 * MB)
    assert limits.apply(lambda _: group, Resources(memory=wanted)) == []
    assert text(group, "memory.max") == str(64 * MB)
    assert text(group, "memory.swap.max") == str(32 * MB)
    assert text(group, "memory.low") == str(32 * MB)
    found = memory_limits.read(group)
    assert (found.limit, found.swap, found.reservation) == (64 * MB, 96 * MB, 32 * MB)


def test_what_v2_has_not_is_told_in_dockers_words(group: Group):
    wanted = Memory(limit=64 * MB, swappiness=10, oom_kill_disable=True)
    assert limits.apply(lambda _: group, Resources(memory=wanted)) == [
        f"{KERNEL} memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
        "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
    ]
    assert text(group, "memory.max") == str(64 * MB)


def test_processors_on_v2(group: Group):
    wanted = Cpu(shares=1024, quota=50_000, period=100_000, cpus="0-1", mems="0")
    assert limits.apply(lambda _: group, Resources(cpu=wanted)) == []
    assert text(group, "cpu.weight") == "100"
    assert text(group, "cpu.max") == "50000 100000"
    assert (text(group, "cpuset.cpus"), text(group, "cpuset.mems")) == ("0-1", "0")
    assert cpu.quota(group) == (50_000, 100_000)
    assert cpu.shares(group) == 1024


def test_realtime_processors_are_an_error_on_v2(group: Group):
    with pytest.raises(OSError, match="no realtime groups"):
        limits.apply(lambda _: group, Resources(cpu=Cpu(rt_runtime=1000)))


def test_rates_on_v2(group: Group):
    assert limits.apply(lambda _: group, Resources(block_io=BlockIO(read_bps=((8, 0, MB),)))) == []
    assert text(group, "io.max") == f"8:0 rbps={MB}"
    assert io.throttles(group)["read_bps"] == {"8:0": MB}


def test_weights_without_a_scheduler_that_knows_them(group: Group):
    assert limits.apply(lambda _: group, Resources(block_io=BlockIO(weight=300, weight_device=((8, 0, 200),)))) == [
        "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
        "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    ]


def test_a_host_without_the_controllers_says_so_for_each():
    wanted = Resources(
        cpu=Cpu(shares=512, quota=50_000, cpus="0"),
        memory=Memory(limit=64 * MB, reservation=32 * MB),
        block_io=BlockIO(weight=300, write_iops=((8, 0, 5),)),
    )
    assert [warning.rpartition(". ")[2] for warning in limits.apply(lambda _: None, wanted)] == [
        "Limitation discarded.",
        "Limitation discarded.",
        "Shares discarded.",
        "CFS quota and period discarded.",
        "CPUset discarded.",
        "Weight discarded.",
        "Block I/O IOPS write limit discarded.",
    ]


def test_a_controller_that_v2_has_not_handed_on_is_as_good_as_none(group: Group):
    os.unlink("memory.max", dir_fd=group.fd)
    assert limits.apply(lambda _: group, Resources(memory=Memory(limit=64 * MB))) == [
        "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded."
    ]


def test_memory_that_is_never_killed_for_and_never_ends():
    warnings = limits.apply(lambda _: None, Resources(memory=Memory(oom_kill_disable=True)))
    assert warnings[0].startswith("OOM killer is disabled for the container, but no memory limit is set")


@pytest.mark.parametrize(
    ("name", "value", "file", "written"),
    [
        ("memory.limit_in_bytes", "64M", "memory.max", "64M"),
        ("memory.limit_in_bytes", "-1", "memory.max", "max"),
        ("memory.soft_limit_in_bytes", "1048576", "memory.low", "1048576"),
        ("cpu.shares", "1024", "cpu.weight", "100"),
        ("cpu.cfs_quota_us", "25000", "cpu.max", "25000 100000"),
        ("memory.memsw.limit_in_bytes", "-1", "memory.swap.max", "max"),
        ("blkio.throttle.write_iops_device", "8:0 50", "io.max", "8:0 wiops=50"),
        ("blkio.throttle.read_bps_device", "8:0 0", "io.max", "8:0 rbps=max"),
    ],
)
def test_names_of_v1_on_v2(group: Group, name: str, value: str, file: str, written: str):
    translate.write(group, name, value)
    assert text(group, file) == written


def test_values_of_v2_by_the_names_of_v1(group: Group):
    assert translate.read(group, "memory.usage_in_bytes") == "4096"
    assert translate.read(group, "cpu.cfs_period_us") == "100000"
    with pytest.raises(FileNotFoundError):
        translate.read(group, "memory.nope")


def test_memory_with_swap_on_v2_by_the_names_of_v1(group: Group):
    translate.write(group, "memory.low", "0")
    translate.write(group, "memory.limit_in_bytes", str(64 * MB))
    translate.write(group, "memory.memsw.limit_in_bytes", str(96 * MB))
    assert text(group, "memory.swap.max") == str(32 * MB)
    assert translate.read(group, "memory.memsw.limit_in_bytes") == str(96 * MB)
    assert translate.read(group, "memory.memsw.usage_in_bytes") == "12288"
    with pytest.raises(OSError, match="value 'much'"):
        translate.write(group, "memory.memsw.limit_in_bytes", "much")


def test_rates_and_weights_on_v2_by_the_names_of_v1(group: Group):
    group.write("io.max", "8:0 rbps=1048576 wbps=max riops=100 wiops=max")
    assert translate.read(group, "blkio.throttle.read_bps_device") == "8:0 1048576"
    assert translate.read(group, "blkio.throttle.write_bps_device") == ""
    with open(f"{group.path}/io.bfq.weight", "w") as file:
        file.write("default 100\n8:0 200\n")
    assert translate.read(group, "blkio.bfq.weight") == "100"
    with pytest.raises(OSError, match="value '8:0 fast'"):
        translate.write(group, "blkio.throttle.read_bps_device", "8:0 fast")


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Group]:
    """The same of v1."""
    made = tmp_path / "first"
    made.mkdir()
    for field in ("read_bps", "write_bps", "read_iops", "write_iops"):
        (made / f"blkio.throttle.{field}_device").touch()
    (made / "blkio.bfq.weight").write_text("100\n")
    (made / "memory.limit_in_bytes").write_text(f"{64 * MB}\n")
    (made / "memory.memsw.limit_in_bytes").write_text(f"{104 * MB}\n")
    (made / "memory.usage_in_bytes").write_text("4096\n")
    (made / "memory.memsw.usage_in_bytes").write_text("12288\n")
    (made / "memory.oom_control").write_text("oom_kill_disable 0\n")
    (made / "memory.swappiness").write_text("60\n")
    group = Group(1, str(made), os.open(tmp_path, os.O_PATH))
    yield group
    group.close()


def test_names_of_v2_on_v1(first: Group):
    translate.write(first, "io.max", "8:0 rbps=1048576 wiops=50")
    assert text(first, "blkio.throttle.read_bps_device") == "8:0 1048576"
    assert translate.read(first, "io.max") == "8:0 rbps=1048576 wbps=max riops=max wiops=50"
    assert translate.read(first, "io.bfq.weight") == "default 100"
    translate.write(first, "io.bfq.weight", "default 300")
    assert text(first, "blkio.bfq.weight") == "300"
    assert translate.read(first, "memory.swap.max") == str(40 * MB)
    assert translate.read(first, "memory.swap.current") == "8192"
    translate.write(first, "memory.swap.max", str(48 * MB))
    assert text(first, "memory.memsw.limit_in_bytes") == str(112 * MB)
    with pytest.raises(OSError, match="value '8:0 speed=5'"):
        translate.write(first, "io.max", "8:0 speed=5")
