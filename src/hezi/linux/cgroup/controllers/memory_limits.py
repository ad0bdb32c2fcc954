"""The memory controller: limits of memory and swap, and how much is in use.

What v1 and v2 have in common, and under which names::

    limit        memory.limit_in_bytes         memory.max
    swap         memory.memsw.limit_in_bytes   memory.swap.max      with the memory on v1, without it on v2
    reservation  memory.soft_limit_in_bytes    memory.low           given back first below it / kept below it
    high         -                             memory.high          slowed down above it
    swappiness   memory.swappiness             -
    oom_kill     memory.oom_control            -                    off: tasks wait for memory instead of dying
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.group import Group

NAME = "memory"
UNLIMITED = -1
_EINVAL, _ERANGE, _EBUSY, _EOPNOTSUPP = 22, 34, 16, 95
_LIMIT = {1: "memory.limit_in_bytes", 2: "memory.max"}
_USE = {1: "memory.usage_in_bytes", 2: "memory.current"}
_PEAK = {1: "memory.max_usage_in_bytes", 2: "memory.peak"}
_SWAP = {1: "memory.memsw.limit_in_bytes", 2: "memory.swap.max"}
_RESERVATION = {1: "memory.soft_limit_in_bytes", 2: "memory.low"}
# v1 says "no limit" with the largest number of whole pages.
_NO_LIMIT = 1 << 62


class Limits(NamedTuple):
    """Limits in bytes; -1 is no limit, None leaves alone.

    :ivar swap: memory and swap together.
    """

    limit: int | None = None
    swap: int | None = None
    reservation: int | None = None
    swappiness: int | None = None
    oom_kill_disable: bool | None = None


class Use(NamedTuple):
    """Bytes in use now and at most ever; ``swap`` alone, None where it is not counted."""

    current: int
    peak: int | None
    swap: int | None


def is_limited(group: Group) -> bool:
    """Whether memory is accounted for and can be limited here: not at the top, nor where v2 has not handed it on."""
    return group.has(_LIMIT[group.version])


def can_swap(group: Group) -> bool:
    """Whether swap is accounted for."""
    return group.has(_SWAP[group.version])


def apply(group: Group, limits: Limits) -> None:
    """Set limits and read them back; the kernel rounds down to whole pages.

    :raises OSError: EINVAL, swap below memory, or without a memory limit on v2; EBUSY, below what is in use; ERANGE,
        the kernel has another value then; EOPNOTSUPP, this version has no such thing.
    """
    both = limits.limit is not None and limits.swap is not None and limits.swap != UNLIMITED
    if both and (limits.limit == UNLIMITED or (limits.swap or 0) < (limits.limit or 0)):
        raise abi.error(_EINVAL, "memory", group.path, "memory and swap together are less than memory")
    if limits.limit is not None or limits.swap is not None:
        _apply_both(group, limits.limit, limits.swap)
    if limits.reservation is not None:
        _put(group, _RESERVATION[group.version], limits.reservation)
    if limits.swappiness is not None:
        _only_v1(group, "memory.swappiness")
        group.set("memory.swappiness", str(limits.swappiness))
    if limits.oom_kill_disable is not None:
        _only_v1(group, "memory.oom_control")
        wanted = int(limits.oom_kill_disable)
        group.write("memory.oom_control", str(wanted))
        if f"oom_kill_disable {wanted}" not in group.read("memory.oom_control").splitlines():
            raise abi.error(_ERANGE, "write", f"{group.path}/memory.oom_control")


def _only_v1(group: Group, name: str) -> None:
    if group.version == 2:
        raise abi.error(_EOPNOTSUPP, "memory", group.path, f"cgroup v2 has nothing like {name}")


def _apply_both(group: Group, limit: int | None, swap: int | None) -> None:
    """In an order that the kernel takes: on v1 memory may at no moment be more than memory and swap together."""
    if group.version == 2:
        if limit is not None:
            _put(group, _LIMIT[2], limit)
        if swap is not None:
            _put(group, _SWAP[2], swap if swap == UNLIMITED else swap - _known_limit(group, limit))
        return
    steps = [(_LIMIT[1], limit), (_SWAP[1], swap)]
    present = _number(group, _SWAP[1]) if swap is not None else UNLIMITED
    if swap == UNLIMITED or (limit is not None and present != UNLIMITED and limit > present):
        steps.reverse()
    for name, value in steps:
        if value is not None:
            _put(group, name, value)


def _known_limit(group: Group, limit: int | None) -> int:
    known = _number(group, _LIMIT[2]) if limit is None else limit
    if known == UNLIMITED:
        raise abi.error(_EINVAL, "memory", group.path, "a limit of memory and swap together needs a memory limit")
    return known


def _put(group: Group, name: str, value: int) -> None:
    text = str(value) if value != UNLIMITED else "-1" if group.version == 1 else "max"
    group.write(name, text)
    found = _number(group, name)
    page = os.sysconf("SC_PAGE_SIZE")
    if found != value and (value == UNLIMITED or found != value // page * page):
        raise abi.error(_ERANGE, "write", f"{group.path}/{name}", f"asked for {value}, the kernel has {found}")


def _number(group: Group, name: str) -> int:
    text = group.read(name).strip()
    if text == "max":
        return UNLIMITED
    value = int(text)
    return UNLIMITED if value >= _NO_LIMIT else value


def limit(group: Group) -> int:
    """Read the limit of memory in bytes; -1 is none."""
    return _number(group, _LIMIT[group.version])


def current(group: Group) -> int:
    """Bytes in use now."""
    return int(group.read(_USE[group.version]))


def read(group: Group) -> Limits:
    """Read the limits back."""
    known = limit(group) if is_limited(group) else UNLIMITED
    swap: int | None = None
    if can_swap(group):
        swap = _number(group, _SWAP[group.version])
        if group.version == 2 and swap != UNLIMITED:
            swap = UNLIMITED if known == UNLIMITED else swap + known
    reservation = _number(group, _RESERVATION[group.version]) if group.has(_RESERVATION[group.version]) else None
    if group.version == 2:
        return Limits(known, swap, reservation)
    disabled = "oom_kill_disable 1" in group.read("memory.oom_control").splitlines()
    return Limits(known, swap, reservation, int(group.read("memory.swappiness")), disabled)


def use(group: Group) -> Use:
    """How much is in use, now and at most."""
    now = current(group)
    peak = int(group.read(_PEAK[group.version])) if group.has(_PEAK[group.version]) else None
    if group.version == 2:
        swap = int(group.read("memory.swap.current")) if group.has("memory.swap.current") else None
    else:
        name = "memory.memsw.usage_in_bytes"
        swap = max(0, int(group.read(name)) - now) if group.has(name) else None
    return Use(now, peak, swap)
