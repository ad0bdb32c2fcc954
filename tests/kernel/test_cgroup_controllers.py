"""Each controller's limits set and read back on the real kernel, and groups looked into, stopped and killed."""

from __future__ import annotations

import errno
import mmap
import os
import signal
from collections.abc import Iterator

import pytest

from hezi.linux.cgroup import survey, tree
from hezi.linux.cgroup.controllers import cpu, cpuset, hugetlb, io, memory_limits
from hezi.linux.cgroup.tree import Node
from tests.support.harness import wait_until

pytestmark = pytest.mark.needs("root", "cgroup-v1")
NAME = f"/hezi-test-{os.getpid()}"


def made(controller: str) -> Iterator[Node]:
    place = survey.take().carrying(controller)
    if place is None or place.hierarchy.version == 2:
        pytest.skip(f"{controller} is on no v1 hierarchy")
    with tree.make(place.hierarchy, NAME) as group:
        try:
            yield group
        finally:
            group.kill()
            group.remove(recursive=True, timeout=5)


@pytest.fixture
def memory() -> Iterator[Node]:
    yield from made("memory")


@pytest.fixture
def processor() -> Iterator[Node]:
    yield from made("cpu")


@pytest.fixture
def processors() -> Iterator[Node]:
    yield from made("cpuset")


@pytest.fixture
def disk() -> Iterator[Node]:
    yield from made("blkio")


@pytest.fixture
def freezer() -> Iterator[Node]:
    yield from made("freezer")


def child_in(group: Node) -> int:
    pid = os.fork()
    if pid == 0:
        while True:
            signal.pause()
    group.add(pid)
    return pid


def test_memory_limits_are_whole_pages_and_come_back(memory: Node):
    limits = memory_limits.Limits(
        limit=(64 << 20) + 5, reservation=32 << 20, swappiness=10, swap=128 << 20, oom_kill_disable=True
    )
    if not memory_limits.can_swap(memory):
        limits = limits._replace(swap=None)
    memory_limits.apply(memory, limits)
    found = memory_limits.read(memory)
    assert found.limit == 64 << 20
    assert (found.reservation, found.swappiness, found.oom_kill_disable) == (32 << 20, 10, True)
    assert limits.swap is None or found.swap == 128 << 20


def test_memory_and_swap_go_up_and_down_in_an_order_that_the_kernel_takes(memory: Node):
    if not memory_limits.can_swap(memory):
        pytest.skip("swap is not accounted for")
    for limit, swap in [(64 << 20, 64 << 20), (256 << 20, 512 << 20), (16 << 20, 16 << 20), (-1, -1), (8 << 20, -1)]:
        memory_limits.apply(memory, memory_limits.Limits(limit=limit, swap=swap))
        found = memory_limits.read(memory)
        assert (found.limit, found.swap) == (limit, swap)


def test_swap_below_memory_is_refused_before_anything_is_written(memory: Node):
    with pytest.raises(OSError, match="less than memory") as caught:
        memory_limits.apply(memory, memory_limits.Limits(limit=64 << 20, swap=32 << 20))
    assert caught.value.errno == errno.EINVAL
    assert memory_limits.read(memory).limit == memory_limits.UNLIMITED


def test_cpu_shares_and_quota_come_back(processor: Node):
    cpu.apply(processor, cpu.Limits(shares=512, quota=30_000, period=50_000))
    assert cpu.shares(processor) == 512
    assert cpu.quota(processor) == (30_000, 50_000)
    cpu.apply(processor, cpu.Limits(quota=-1))
    assert cpu.quota(processor) == (-1, 50_000)


def test_a_value_that_the_kernel_changes_is_an_error(processor: Node):
    with pytest.raises(OSError, match="asked for '1', the kernel has '2'") as caught:
        cpu.apply(processor, cpu.Limits(shares=1))
    assert caught.value.errno == errno.ERANGE


def test_realtime_limits_need_a_kernel_that_has_them(processor: Node):
    if processor.has("cpu.rt_runtime_us"):
        cpu.apply(processor, cpu.Limits(rt_period=1_000_000, rt_runtime=0))
        assert processor.read("cpu.rt_period_us").strip() == "1000000"
        return
    with pytest.raises(OSError, match="CONFIG_RT_GROUP_SCHED"):
        cpu.apply(processor, cpu.Limits(rt_runtime=1000))


def test_use_of_the_processor_is_counted(processor: Node):
    accounts = survey.take().carrying("cpuacct")
    assert accounts is not None
    used = cpu.use(processor)
    assert used.periods >= 0
    with tree.top(accounts.hierarchy) as top:
        total = cpu.use(processor, top).total_us
        assert total is not None
        assert total > 0


def test_cpusets_come_back_and_stay_within_the_parent(processors: Node):
    here = cpuset.effective(processors)
    first = min(cpuset.parse(here.cpus or ""))
    cpuset.apply(processors, cpuset.Limits(cpus=f"{first}-{first}", mems="0"))
    assert cpuset.effective(processors) == cpuset.Limits(str(first), "0")
    with pytest.raises(OSError, match=r"cpuset\.cpus") as caught:
        cpuset.apply(processors, cpuset.Limits(cpus="8000"))
    assert caught.value.errno in {errno.EACCES, errno.EINVAL, errno.ERANGE}
    with pytest.raises(OSError, match="goes down"):
        cpuset.apply(processors, cpuset.Limits(cpus="3-1"))


def test_rates_of_a_disk_come_back_and_go(disk: Node):
    if not io.can_throttle(disk):
        pytest.skip("no blkio.throttle")
    device = os.stat("/").st_dev
    if os.major(device) == 0:
        with open("/proc/partitions") as file:
            major, minor = (int(word) for word in file.read().splitlines()[2].split()[:2])
    else:
        major, minor = os.major(device), os.minor(device)
    one = ((major, minor, 1 << 20),)
    io.apply(disk, io.Limits(read_bps=one, write_bps=one, read_iops=((major, minor, 100),)))
    key = f"{major}:{minor}"
    found = io.throttles(disk)
    assert (found["read_bps"], found["write_bps"], found["read_iops"]) == ({key: 1 << 20}, {key: 1 << 20}, {key: 100})
    io.apply(disk, io.Limits(read_bps=((major, minor, 0),)))
    assert io.throttles(disk)["read_bps"] == {}
    with pytest.raises(OSError, match=r"blkio\.throttle"):
        io.apply(disk, io.Limits(read_bps=((4095, 1, 5),)))
    assert io.use(disk) == io.Use(0, 0, 0, 0)


@pytest.mark.needs("cgroup2-controller")
def test_huge_pages_on_v2():
    place = survey.take().carrying("hugetlb")
    if place is None or place.hierarchy.version == 1:
        pytest.skip("hugetlb is not on v2")
    with tree.top(place.hierarchy) as top:
        had = "hugetlb" in top.handed_on()
        try:
            with tree.make(place.hierarchy, NAME, controllers=["hugetlb"]) as group:
                for size in hugetlb.sizes(group):
                    hugetlb.apply(group, {size: 4 * hugetlb.bytes_of(size)})
                    assert hugetlb.limit(group, size) == 4 * hugetlb.bytes_of(size)
                    assert group.read(f"hugetlb.{size}.rsvd.max").strip() == str(4 * hugetlb.bytes_of(size))
                    assert hugetlb.use(group, size) == 0
                    hugetlb.apply(group, {size: -1})
                    assert hugetlb.limit(group, size) == -1
                group.remove()
        finally:
            if not had:
                top.take_back("hugetlb")


_POOL = "/proc/sys/vm/nr_hugepages"
_MAP_HUGETLB = 0x40000


@pytest.fixture
def two_huge_pages() -> Iterator[str]:
    """The pool of the usual size has two pages more meanwhile; gives that size, as the controller's files spell it."""
    with open("/proc/meminfo") as file:
        kilobytes = next(int(line.split()[1]) for line in file if line.startswith("Hugepagesize:"))
    with open(_POOL) as file:
        before = int(file.read())
    try:
        with open(_POOL, "w") as file:
            file.write(str(before + 2))
        with open(_POOL) as file:
            if int(file.read()) < before + 2:
                pytest.skip("the memory is too much in pieces for huge pages")
        yield f"{kilobytes // 1024}MB"
    finally:
        with open(_POOL, "w") as file:
            file.write(str(before))


def _mapped(group: Node, size: int) -> int:
    """The error of a process of the group that asks for so much in huge pages, 0 for none."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            group.add(0)
            mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_HUGETLB).close()
            code = 0
        except OSError as error:
            code = error.errno or 254
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.needs("cgroup2-controller")
def test_more_huge_pages_than_the_limit_cannot_be_mapped(two_huge_pages: str):
    place = survey.take().carrying("hugetlb")
    if place is None:
        pytest.skip("hugetlb is mounted nowhere")
    page = hugetlb.bytes_of(two_huge_pages)
    with tree.top(place.hierarchy) as top:
        had = place.hierarchy.version == 1 or "hugetlb" in top.handed_on()
        try:
            with tree.make(place.hierarchy, NAME, controllers=["hugetlb"]) as group:
                hugetlb.apply(group, {two_huge_pages: page})
                assert (_mapped(group, page), _mapped(group, 2 * page)) == (0, errno.ENOMEM)
                hugetlb.apply(group, {two_huge_pages: 2 * page})
                assert _mapped(group, 2 * page) == 0
                group.remove(timeout=5)
        finally:
            if not had:
                top.take_back("hugetlb")


def test_a_group_is_frozen_and_thawed(freezer: Node):
    pid = child_in(freezer)
    freezer.freeze()
    assert freezer.frozen()
    os.kill(pid, signal.SIGKILL)
    assert os.waitpid(pid, os.WNOHANG) == (0, 0)  # it cannot even die
    freezer.thaw()
    assert not freezer.frozen()
    os.waitpid(pid, 0)


def test_killing_takes_processes_of_the_groups_below_too(freezer: Node):
    with tree.make(freezer.hierarchy, f"{NAME}/in/deep") as deep:
        pids = [child_in(freezer), child_in(deep)]
        assert freezer.populated()
        # As somebody else's children: ours would stay as zombies, which count.
        killer = os.fork()
        if killer == 0:
            try:
                freezer.kill(timeout=10)
                os._exit(0)
            finally:
                os._exit(1)
        for pid in pids:
            assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        assert os.waitpid(killer, 0)[1] == 0
        wait_until(lambda: not freezer.populated())


def test_what_happened_in_a_group_is_counted(memory: Node):
    events = memory.events()
    assert events["memory.oom_kill"] == 0
    assert events["memory.under_oom"] == 0


def test_walking_lists_parents_first(memory: Node):
    for path in ("a", "a/b", "c"):
        tree.make(memory.hierarchy, f"{NAME}/{path}").close()
    found = list(tree.walk(memory))
    assert found[0] == NAME
    assert sorted(found) == [NAME, f"{NAME}/a", f"{NAME}/a/b", f"{NAME}/c"]
    assert found.index(f"{NAME}/a") + 1 == found.index(f"{NAME}/a/b")
    assert sorted(memory.children()) == ["a", "c"]


@pytest.mark.parametrize("path", ["/../x", "/a//b", "/a\n1:x:/", "/."])
def test_a_path_leads_nowhere_else(memory: Node, path: str):
    with pytest.raises(OSError, match="cgroup") as caught:
        tree.make(memory.hierarchy, path)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.needs("cgroup2")
def test_pressure_is_told_on_v2():
    place = survey.take().v2
    assert place is not None
    with tree.make(place.hierarchy, NAME) as group:
        try:
            if not group.has("cpu.pressure"):
                pytest.skip("the kernel measures no pressure")
            pressure = group.pressure("cpu")
            assert pressure is not None
            assert pressure.some_total_us == 0
            assert not group.populated()
        finally:
            group.remove()
