"""A container's limits of processor, memory and disks, put into the groups that carry them.

Apart from :mod:`hezi.linux.cgroup.manager`, which loads it for those containers alone that have such limits. What this
host has no means for is left out with a warning in docker's words; what the kernel refuses is an error.
"""

from __future__ import annotations

from hezi._util.record import Protocol
from hezi.linux.cgroup.controllers import cpu, cpuset, io, memory_limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hezi.linux.cgroup.controllers.io import PerDevice
    from hezi.linux.cgroup.group import Group

    Carrying = Callable[[str], Group | None]

_EOPNOTSUPP = 95
_NOT_MOUNTED = "or the cgroup is not mounted."
_KERNEL = "Your kernel does not support"
_SWAP = f"{_KERNEL} swap limit capabilities {_NOT_MOUNTED} Memory limited without swap."
_NO_LIMIT_NO_KILL = (
    "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of"
    " resources."
)


class Cpu(Protocol):
    """Of the runtime specification, as the ones below."""

    @property
    def shares(self) -> int | None: ...
    @property
    def quota(self) -> int | None: ...
    @property
    def period(self) -> int | None: ...
    @property
    def rt_runtime(self) -> int | None: ...
    @property
    def rt_period(self) -> int | None: ...
    @property
    def cpus(self) -> str | None: ...
    @property
    def mems(self) -> str | None: ...


class Memory(Protocol):
    """Bytes; ``swap`` is of both together."""

    @property
    def limit(self) -> int | None: ...
    @property
    def reservation(self) -> int | None: ...
    @property
    def swap(self) -> int | None: ...
    @property
    def swappiness(self) -> int | None: ...
    @property
    def oom_kill_disable(self) -> bool | None: ...


class BlockIO(Protocol):
    """(major, minor, value) for each device."""

    @property
    def weight(self) -> int | None: ...
    @property
    def weight_device(self) -> Sequence[PerDevice]: ...
    @property
    def read_bps(self) -> Sequence[PerDevice]: ...
    @property
    def write_bps(self) -> Sequence[PerDevice]: ...
    @property
    def read_iops(self) -> Sequence[PerDevice]: ...
    @property
    def write_iops(self) -> Sequence[PerDevice]: ...


class Resources(Protocol):
    """What :func:`apply` looks at."""

    @property
    def cpu(self) -> Cpu | None: ...
    @property
    def memory(self) -> Memory | None: ...
    @property
    def block_io(self) -> BlockIO | None: ...


def apply(carrying: Carrying, resources: Resources) -> list[str]:
    """Set the limits and read each back; return warnings about what this host cannot do.

    :param carrying: gives the container's group in the hierarchy of a controller.
    :raises OSError: one could not be applied.
    """
    warnings: list[str] = []
    if resources.memory is not None:
        _memory(_with(carrying, "memory", "memory.limit_in_bytes", "memory.max"), resources.memory, warnings)
    if resources.cpu is not None:
        _cpu(_with(carrying, "cpu", "cpu.shares", "cpu.weight"), resources.cpu, warnings)
        _cpuset(_with(carrying, "cpuset", "cpuset.cpus", "cpuset.cpus"), resources.cpu, warnings)
    if resources.block_io is not None:
        group = _with(carrying, "blkio", "blkio.reset_stats", "") or _with(carrying, "io", "", "io.max")
        _block_io(group, resources.block_io, warnings)
    return warnings


def _with(carrying: Carrying, controller: str, v1: str, v2: str) -> Group | None:
    """The group with a controller that works in it: one that v2 has not handed on leaves no files there."""
    group = carrying(controller)
    if group is None or not group.has(v1 if group.version == 1 else v2):
        return None
    return group


def _memory(group: Group | None, wanted: Memory, warnings: list[str]) -> None:
    if wanted.oom_kill_disable and wanted.limit is None:
        warnings.append(_NO_LIMIT_NO_KILL)
    if group is None:
        if wanted.limit is not None or wanted.swap is not None:
            warnings.append(f"{_KERNEL} memory limit capabilities {_NOT_MOUNTED} Limitation discarded.")
        if wanted.reservation is not None:
            text = "memory soft limit capabilities"
            warnings.append(f"{_KERNEL} {text} {_NOT_MOUNTED} Limitation discarded.")
        return
    values = memory_limits.Limits(
        wanted.limit, wanted.swap, wanted.reservation, wanted.swappiness, wanted.oom_kill_disable
    )
    if values.swap is not None and not memory_limits.can_swap(group):
        warnings.append(_SWAP)
        values = values._replace(swap=None)
    if group.version == 2:
        if values.swappiness is not None:
            warnings.append(f"{_KERNEL} memory swappiness capabilities {_NOT_MOUNTED} Memory swappiness discarded.")
        if values.oom_kill_disable:
            warnings.append(f"{_KERNEL} OomKillDisable. OomKillDisable discarded.")
        values = values._replace(swappiness=None, oom_kill_disable=None)
    memory_limits.apply(group, values)


def _cpu(group: Group | None, wanted: Cpu, warnings: list[str]) -> None:
    if group is not None:
        values = cpu.Limits(wanted.shares, wanted.quota, wanted.period, wanted.rt_runtime, wanted.rt_period)
        cpu.apply(group, values)
        return
    if wanted.shares is not None:
        warnings.append(f"{_KERNEL} CPU shares {_NOT_MOUNTED} Shares discarded.")
    if wanted.quota is not None or wanted.period is not None:
        warnings.append(f"{_KERNEL} CPU cfs quota/period {_NOT_MOUNTED} CFS quota and period discarded.")
    if wanted.rt_period is not None or wanted.rt_runtime is not None:
        warnings.append(f"{_KERNEL} CPU real-time scheduler {_NOT_MOUNTED} Real-time limits discarded.")


def _cpuset(group: Group | None, wanted: Cpu, warnings: list[str]) -> None:
    if wanted.cpus is None and wanted.mems is None:
        return
    if group is None:
        warnings.append(f"{_KERNEL} cpuset {_NOT_MOUNTED} CPUset discarded.")
        return
    cpuset.apply(group, cpuset.Limits(wanted.cpus, wanted.mems))


_RATES = (
    ("read_bps", "BPS Block I/O read limit", "Block I/O BPS read limit"),
    ("write_bps", "BPS Block I/O write limit", "Block I/O BPS write limit"),
    ("read_iops", "IOPS Block read limit", "Block I/O IOPS read limit"),
    ("write_iops", "IOPS Block write limit", "Block I/O IOPS write limit"),
)


def _block_io(group: Group | None, wanted: BlockIO, warnings: list[str]) -> None:
    weight = wanted.weight
    if weight is not None and (group is None or io.weight_file(group) is None):
        warnings.append(f"{_KERNEL} Block I/O weight {_NOT_MOUNTED} Weight discarded.")
        weight = None
    if wanted.weight_device and not _weigh_devices(group, wanted.weight_device):
        warnings.append(f"{_KERNEL} Block I/O weight_device {_NOT_MOUNTED} Weight-device discarded.")
    if group is None or not io.can_throttle(group):
        for field, capability, what in _RATES:
            if getattr(wanted, field):
                warnings.append(f"{_KERNEL} {capability} {_NOT_MOUNTED} {what} discarded.")
        if group is not None:
            io.apply(group, io.Limits(weight))
        return
    io.apply(group, io.Limits(weight, (), wanted.read_bps, wanted.write_bps, wanted.read_iops, wanted.write_iops))


def _weigh_devices(group: Group | None, weights: Sequence[PerDevice]) -> bool:
    """Whether the disks took their weights: the file is there with bfq, and refuses for a disk that does not use it."""
    if group is None or io.weight_device_file(group) is None:
        return False
    try:
        io.apply(group, io.Limits(weight_device=weights))
    except OSError as error:
        if error.errno != _EOPNOTSUPP:
            raise
        return False
    return True
