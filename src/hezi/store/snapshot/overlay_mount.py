"""Mounting overlayfs from descriptors, in the newest way the kernel knows.

Linux 6.13 takes descriptors as layers, 6.5 takes them one by one as ``lowerdir+``, and before that all layers have to
stand in one page of options. The last two name the descriptors as ``/proc/self/fd/N``: short whatever the root is
called, and never resolved through names that could have changed.
"""

from __future__ import annotations

import errno
import os

from hezi.linux import fd as linux_fd
from hezi.linux import mount as linux_mount
from hezi.store.snapshot.base import Rootfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What a container changed must be readable as a layer: no references from one directory to another (redirect_dir), no
# files whose data is elsewhere (metacopy), no table of links (index).
_FIXED = (("index", "off"), ("metacopy", "off"), ("redirect_dir", "off"))
_TOO_OLD = frozenset(
    {errno.EINVAL, errno.ENOTTY, errno.EOPNOTSUPP, errno.ENOPARAM if hasattr(errno, "ENOPARAM") else 519}
)

FD = "fd"
PATH = "path"
MOUNT2 = "mount2"


def empty_rootfs() -> Rootfs:
    """Return a root file system without any layer, to try whether overlayfs works."""
    return Rootfs(())


def mount(
    lower: Sequence[int],
    upper: str | None,
    work: str | None,
    *,
    volatile: bool = False,
    readonly: bool = False,
    scratch: str,
    ways: Sequence[str] = (FD, PATH, MOUNT2),
) -> int:
    """Mount the directories ``lower`` (top first) and give the detached mount's descriptor.

    :param scratch: a private directory in which a mount point may be made for a moment.
    :param ways: for tests: which of the three ways to try, in this order.
    :raises OSError: none of them works; the first one's error.
    """
    first: OSError | None = None
    opened: list[int] = []
    try:
        if upper is not None and work is not None:
            opened = [os.open(upper, _DIRECTORY), os.open(work, _DIRECTORY)]
        for way in ways:
            try:
                if way == MOUNT2:
                    return _by_mount2(lower, opened, volatile=volatile, readonly=readonly, scratch=scratch)
                return _by_fsconfig(lower, opened, volatile=volatile, readonly=readonly, by_fd=way == FD)
            except OSError as error:
                first = first or error
                if error.errno not in _TOO_OLD:
                    break
    finally:
        for fd in opened:
            os.close(fd)
    raise first or OSError(errno.EINVAL, "overlay: no way to mount was given")


def mount_mapped(lower: Sequence[int], rootfs: Rootfs) -> int:
    """Mount the directories ``lower`` (top first) with their owners as ``rootfs.mapped`` says.

    :raises OSError: EINVAL, the kernel (before Linux 6.13) or the store's file system does not do that.
    """
    from hezi.linux import idmapped

    if rootfs.mapped is None:
        raise AssertionError
    space, *owner = rootfs.mapped
    ends = None if rootfs.upper is None or rootfs.work is None else (rootfs.upper, rootfs.work)
    options: list[tuple[str, str | bytes | int | None]] = [*_FIXED]
    if rootfs.volatile and ends is not None:
        options.append(("volatile", None))
    attributes = linux_mount.MOUNT_ATTR_RDONLY if rootfs.readonly else 0
    return idmapped.overlay(lower, ends, space, (owner[0], owner[1]), options, attributes)


def _name(fd: int) -> str:
    return f"/proc/self/fd/{fd}"


def _by_fsconfig(
    lower: Sequence[int], upper_work: Sequence[int], *, volatile: bool, readonly: bool, by_fd: bool
) -> int:
    if not by_fd:
        os.close(linux_fd.open_procfs())  # /proc is what it should be
    options: list[tuple[str, str | bytes | int | None]] = [("source", "overlay")]
    options += [("lowerdir+", fd if by_fd else _name(fd)) for fd in lower]
    options += [(key, fd if by_fd else _name(fd)) for key, fd in zip(("upperdir", "workdir"), upper_work, strict=False)]
    options += _FIXED
    if volatile and upper_work:
        options.append(("volatile", None))
    attributes = linux_mount.MOUNT_ATTR_RDONLY if readonly else 0
    return linux_mount.new_mount("overlay", options, attributes)


def _by_mount2(lower: Sequence[int], upper_work: Sequence[int], *, volatile: bool, readonly: bool, scratch: str) -> int:
    """Before Linux 6.5: mount(2) somewhere, take a detached copy, and away with the attached one."""
    os.close(linux_fd.open_procfs())
    parts = ["lowerdir=" + ":".join(_name(fd) for fd in lower)]
    parts += [f"{key}={_name(fd)}" for key, fd in zip(("upperdir", "workdir"), upper_work, strict=False)]
    parts += [f"{key}={value}" for key, value in _FIXED]
    if volatile and upper_work:
        parts.append("volatile")
    place = os.path.join(scratch, f".tmp-mount-{os.urandom(8).hex()}")
    os.mkdir(place, 0o700)
    try:
        linux_mount.mount("overlay", place, "overlay", linux_mount.MS_RDONLY if readonly else 0, ",".join(parts))
        try:
            return linux_mount.open_tree(linux_mount.AT_FDCWD, place, linux_mount.OPEN_TREE_CLONE)
        finally:
            linux_mount.umount2(place, linux_mount.MNT_DETACH)
    finally:
        os.rmdir(place)
