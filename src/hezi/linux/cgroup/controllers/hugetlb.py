"""The hugetlb controller: how much of each size of huge pages a group may have.

::

    limit            hugetlb.2MB.limit_in_bytes        hugetlb.2MB.max
    reserved         hugetlb.2MB.rsvd.limit_in_bytes   hugetlb.2MB.rsvd.max    counted when mapped, not when touched
    use              hugetlb.2MB.usage_in_bytes        hugetlb.2MB.current
"""

from __future__ import annotations

from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from hezi.linux.cgroup.group import Group

NAME = "hugetlb"
UNLIMITED = -1
_ERANGE = 34
_LIMIT = {1: "limit_in_bytes", 2: "max"}
_USE = {1: "usage_in_bytes", 2: "current"}
_UNITS = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_NO_LIMIT = 1 << 61
# Of all architectures.
_SIZES = ("64KB", "1MB", "2MB", "16MB", "32MB", "256MB", "512MB", "1GB", "2GB", "16GB")


def sizes(group: Group) -> tuple[str, ...]:
    """Return the page sizes as files spell them: ``2MB``, ``1GB``."""
    suffix = f".{_USE[group.version]}"
    return tuple(size for size in _SIZES if group.has(f"hugetlb.{size}{suffix}"))


def bytes_of(size: str) -> int:
    """Return the bytes of one page of a size."""
    return int(size[:-2]) * _UNITS[size[-2:]]


def apply(group: Group, limits: Mapping[str, int]) -> None:
    """Set limits in bytes by page size, of reservations too where the kernel has them (5.7), and read them back.

    :raises OSError: ENOENT, no such size; ERANGE, not whole pages, or the kernel has another value then.
    """
    for size, wanted in limits.items():
        for prefix in (f"hugetlb.{size}.", f"hugetlb.{size}.rsvd."):
            name = prefix + _LIMIT[group.version]
            if "rsvd" in prefix and not group.has(name):
                continue
            group.write(name, str(wanted) if wanted != UNLIMITED else "-1" if group.version == 1 else "max")
            found = limit(group, size)
            if found != wanted:
                detail = f"asked for {wanted}, the kernel has {found}"
                raise abi.error(_ERANGE, "write", f"{group.path}/{name}", detail)


def limit(group: Group, size: str) -> int:
    """Return the limit in bytes, -1 for none."""
    text = group.read(f"hugetlb.{size}.{_LIMIT[group.version]}").strip()
    return UNLIMITED if text == "max" or int(text) >= _NO_LIMIT else int(text)


def use(group: Group, size: str) -> int:
    """Return the bytes in use."""
    return int(group.read(f"hugetlb.{size}.{_USE[group.version]}"))
