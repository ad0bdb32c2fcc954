"""One name for a value on v1 and v2: ``memory.max`` is ``memory.limit_in_bytes`` where the memory controller is on v1.

A value can be asked for by either version's name, and is read and written in the terms of the name that was used. What
only one version has (``memory.high``, ``memory.swappiness``) has no other name.
"""

from __future__ import annotations

from hezi.linux import abi
from hezi.linux.cgroup import translate_io
from hezi.linux.cgroup.controllers import cpu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.tree import Node

_ENOENT, _EINVAL = 2, 22
# v1 name -> v2 name, where only "no limit" is said in another way.
_SAME = {
    "cpu.cfs_burst_us": "cpu.max.burst",
    "cpuset.effective_cpus": "cpuset.cpus.effective",
    "cpuset.effective_mems": "cpuset.mems.effective",
    "memory.limit_in_bytes": "memory.max",
    "memory.max_usage_in_bytes": "memory.peak",
    "memory.soft_limit_in_bytes": "memory.low",
    "memory.usage_in_bytes": "memory.current",
    "tasks": "cgroup.threads",
}
_BACK = {v2: v1 for v1, v2 in _SAME.items()}
_V1_NO_LIMIT = 1 << 62
_FREEZE = {"freezer.state": 1, "cgroup.freeze": 2}
_QUOTA = {"cpu.cfs_quota_us", "cpu.cfs_period_us"}


def controllers_of(name: str) -> tuple[str, ...]:
    """The controllers that may carry a value, by either version's name: ``blkio.x`` is (blkio, io)."""
    word = name.partition(".")[0]
    if name == "cgroup.freeze" or word == "freezer":
        return "freezer", ""
    if word in {"io", "blkio"}:
        return "io", "blkio"
    return (word,) if word != "cgroup" and "." in name else ("",)


def read(node: Node, name: str) -> str:
    """Read a value of a group by either version's name.

    :raises OSError: ENOENT, it has none such.
    """
    if node.has(name):
        return node.read(name).rstrip("\n")
    if name == "cpu.weight" and node.has("cpu.shares"):
        return str(cpu.weight_of_shares(cpu.shares(node)))
    if name == "cpu.shares" and node.has("cpu.weight"):
        return str(cpu.shares(node))
    if name == "cpu.max" and node.has("cpu.cfs_quota_us"):
        quota, period = cpu.quota(node)
        return f"{'max' if quota < 0 else quota} {period}"
    if name in _QUOTA and node.has("cpu.max"):
        return str(cpu.quota(node)[name == "cpu.cfs_period_us"])
    if name in _FREEZE and (node.has("freezer.state") or node.has("cgroup.freeze")):
        frozen = node.frozen()
        return ("FROZEN" if frozen else "THAWED") if _FREEZE[name] == 1 else str(int(frozen))
    if translate_io.knows(node, name):
        return translate_io.read(node, name)
    other = _other(name)
    if other is None or not node.has(other):
        raise abi.error(_ENOENT, "read", f"{node.path}/{name}")
    return _shown(node.read(other).rstrip("\n"), to_version=2 if node.version == 1 else 1)


def write(node: Node, name: str, value: str) -> None:
    """Write a value of a group by either version's name.

    :raises OSError: ENOENT, it has none such; EINVAL, ERANGE and others, the kernel does not take it.
    """
    if node.has(name):
        node.write(name, value)
    elif name == "cpu.weight" and node.has("cpu.shares"):
        node.write("cpu.shares", str(cpu.shares_of_weight(_number(node, name, value))))
    elif name == "cpu.shares" and node.has("cpu.weight"):
        node.write("cpu.weight", str(cpu.weight_of_shares(_number(node, name, value))))
    elif name == "cpu.max" and node.has("cpu.cfs_quota_us"):
        quota, _, period = value.partition(" ")
        wanted = -1 if quota == "max" else _number(node, name, quota)
        cpu.apply(node, cpu.Limits(quota=wanted, period=_number(node, name, period) if period else None))
    elif name in _QUOTA and node.has("cpu.max"):
        number = _number(node, name, value)
        cpu.apply(node, cpu.Limits(quota=number) if name == "cpu.cfs_quota_us" else cpu.Limits(period=number))
    elif name in _FREEZE and (node.has("freezer.state") or node.has("cgroup.freeze")):
        (node.freeze if value in {"FROZEN", "1"} else node.thaw)()
    elif translate_io.knows(node, name):
        translate_io.write(node, name, value)
    else:
        other = _other(name)
        if other is None or not node.has(other):
            raise abi.error(_ENOENT, "write", f"{node.path}/{name}")
        node.write(other, _shown(value, to_version=node.version))


def _other(name: str) -> str | None:
    """The name on the other version."""
    found = _SAME.get(name) or _BACK.get(name)
    if found is None and name.startswith("hugetlb."):
        for v1, v2 in (("limit_in_bytes", "max"), ("usage_in_bytes", "current")):
            for one, other in ((v1, v2), (v2, v1)):
                if name.endswith(f".{one}"):
                    return name.removesuffix(one) + other
    return found


def _shown(value: str, *, to_version: int) -> str:
    """Say "no limit" as the version does."""
    if to_version == 1:
        return "-1" if value == "max" else value
    number = int(value) if value.lstrip("-").isdigit() else 0
    return "max" if value == "-1" or number >= _V1_NO_LIMIT else value


def _number(node: Node, name: str, value: str) -> int:
    if not value.lstrip("-").isdigit() or len(value) > 20:
        raise abi.error(_EINVAL, "write", f"{node.path}/{name}", f"value {value!r}")
    return int(value)
