"""The controllers rdma and misc: numbers of things that have names, in the same two files on v1 and v2.

rdma: ``rdma.max`` has a line for each adapter, ``mlx4_0 hca_handle=2 hca_object=2000`` (cgroup-v1/rdma.rst). misc:
``misc.max`` has one for each kind, ``sev 10``; since 5.13, with ``misc.capacity`` at the top for what the machine has.
"""

from __future__ import annotations

from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from hezi.linux.cgroup.group import Group

RDMA, MISC = "rdma", "misc"
_ERANGE = 34


def apply_rdma(group: Group, limits: Mapping[str, Mapping[str, int | None]]) -> None:
    """Set limits of adapters, adapter -> {"hca_handle": 2, "hca_object": None}, and read them back; None is none.

    :raises OSError: EINVAL, no such adapter or resource; ERANGE, the kernel has something else then.
    """
    for adapter, wanted in limits.items():
        words = [f"{key}={'max' if value is None else value}" for key, value in wanted.items()]
        group.write("rdma.max", f"{adapter} {' '.join(words)}")
        found = dict(line.split(" ", 1) for line in group.read("rdma.max").splitlines()).get(adapter, "").split()
        # An adapter without any limit has no line.
        if not set(words) <= set(found) and (found or any(value is not None for value in wanted.values())):
            raise abi.error(_ERANGE, "write", f"{group.path}/rdma.max", f"the kernel has {found} for {adapter}")


def apply_misc(group: Group, limits: Mapping[str, int | None]) -> None:
    """Set limits by kind and read them back; None is none.

    :raises OSError: EINVAL, no such kind; ERANGE, the kernel has something else then.
    """
    for kind, wanted in limits.items():
        text = "max" if wanted is None else str(wanted)
        group.write("misc.max", f"{kind} {text}")
        found = numbers(group, "misc.max").get(kind)
        if found != text:
            raise abi.error(_ERANGE, "write", f"{group.path}/misc.max", f"asked for {kind} {text}, it has {found}")


def numbers(group: Group, name: str) -> dict[str, str]:
    """Read ``misc.max``, ``misc.current`` or ``misc.capacity``."""
    return dict(line.split(None, 1) for line in group.read(name).splitlines())
