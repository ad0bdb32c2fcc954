"""Values of disks and of swap by the other version's name: for :mod:`hezi.linux.cgroup.translate`.

::

    io.max              254:0 rbps=1048576 wbps=max riops=100 wiops=max
    blkio.throttle.read_bps_device   254:0 1048576            and three more files like it
    io.bfq.weight       default 300                           blkio.bfq.weight  300
    memory.swap.max     swap alone                            memory.memsw.limit_in_bytes  with the memory
"""

from __future__ import annotations

from hezi.linux import abi
from hezi.linux.cgroup.controllers import io, memory_limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.linux.cgroup.group import Group

_EINVAL = 22
_MAX = "io.max"
# The order in which the kernel writes them.
_KEYS = {"rbps": "read_bps", "wbps": "write_bps", "riops": "read_iops", "wiops": "write_iops"}
_FILES = {f"blkio.throttle.{field}_device": field for field in _KEYS.values()}
_WEIGHTS = {
    "blkio.weight": "io.weight",
    "blkio.bfq.weight": "io.bfq.weight",
    "io.weight": "blkio.weight",
    "io.bfq.weight": "blkio.bfq.weight",
}
_BOTH, _BOTH_USED = "memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes"
_SWAP, _SWAP_USED = "memory.swap.max", "memory.swap.current"
_NAMES = {_BOTH: _SWAP, _BOTH_USED: _SWAP_USED, _SWAP: _BOTH, _SWAP_USED: _BOTH_USED}


def knows(group: Group, name: str) -> bool:
    """Whether the group has the value under its other name."""
    if name == _MAX:
        return all(map(group.has, _FILES))
    if name in _FILES:
        return group.has(_MAX)
    other = _WEIGHTS.get(name) or _NAMES.get(name)
    return other is not None and group.has(other)


def read(group: Group, name: str) -> str:
    """Read what :func:`knows` says is there.

    :raises OSError: the kernel's.
    """
    if name == _MAX:
        return _read_max(group)
    if name in _FILES:
        return "\n".join(f"{device} {rate}" for device, rate in io.throttles(group)[_FILES[name]].items())
    if name in _WEIGHTS:
        words = group.read(_WEIGHTS[name]).split()
        return f"default {words[0]}" if group.version == 1 else words[1]
    if name in {_BOTH_USED, _SWAP_USED}:
        used = memory_limits.use(group)
        return str((used.swap or 0) + (used.current if name == _BOTH_USED else 0))
    return _read_swap(group, name)


def write(group: Group, name: str, value: str) -> None:
    """Write what :func:`knows` says is there.

    :raises OSError: EINVAL, no value of this kind; otherwise the kernel's.
    """
    if name == _MAX:
        device, *words = value.split()
        for word in words:
            key, found, rate = word.partition("=")
            if key not in _KEYS or not found:
                raise _no(group, name, value)
            _limit(group, _KEYS[key], device, "0" if rate == "max" else rate, (name, value))
    elif name in _FILES:
        device, _, rate = value.partition(" ")
        _limit(group, _FILES[name], device, rate, (name, value))
    elif name in _WEIGHTS:
        group.write(_WEIGHTS[name], value.removeprefix("default "))
    elif name in {_BOTH, _SWAP}:
        _write_swap(group, name, value)
    else:
        raise _no(group, name, value)


def _read_max(group: Group) -> str:
    rates = io.throttles(group)
    devices = dict.fromkeys(device for field in _KEYS.values() for device in rates[field])
    shown = {
        device: " ".join(f"{key}={rates[field].get(device, 'max')}" for key, field in _KEYS.items())
        for device in devices
    }
    return "\n".join(f"{device} {text}" for device, text in shown.items())


def _limit(group: Group, field: str, device: str, rate: str, given: tuple[str, str]) -> None:
    major, _, minor = device.partition(":")
    if not (major.isdecimal() and minor.isdecimal() and rate.isdecimal()):
        raise _no(group, *given)
    one = (int(major), int(minor), int(rate))
    fields: dict[str, Any] = {field: (one,)}
    io.apply(group, io.Limits(**fields))


def _read_swap(group: Group, name: str) -> str:
    found = memory_limits.read(group)
    unlimited = memory_limits.UNLIMITED
    if name == _BOTH:
        return str(unlimited if found.swap is None else found.swap)
    if found.swap is None or found.limit is None or unlimited in {found.swap, found.limit}:
        return "max"
    return str(found.swap - found.limit)


def _write_swap(group: Group, name: str, value: str) -> None:
    if value in {"max", "-1"}:
        memory_limits.apply(group, memory_limits.Limits(swap=memory_limits.UNLIMITED))
        return
    if not value.isdecimal():
        raise _no(group, name, value)
    number = int(value)
    if name == _SWAP:
        limit = memory_limits.read(group).limit
        if limit is None or limit == memory_limits.UNLIMITED:
            detail = "v1 limits swap together with memory, which has no limit here"
            raise abi.error(_EINVAL, "write", f"{group.path}/{name}", detail)
        number += limit
    memory_limits.apply(group, memory_limits.Limits(swap=number))


def _no(group: Group, name: str, value: str) -> OSError:
    return abi.error(_EINVAL, "write", f"{group.path}/{name}", f"value {value!r}")
