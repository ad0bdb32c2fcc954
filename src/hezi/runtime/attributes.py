"""Attributes and propagation of mounts: by mount_setattr(2) where there is one (Linux 5.12), else by mount(2).

The old call takes only a path, and only of an attached mount. The path is a descriptor's number, relative to this
process's own ``fd`` directory in the private procfs, so that nothing in the container's tree is looked up. It cannot
reach the mounts below: with it, as with Docker on such kernels, a recursive bind is read-only at its top alone.
"""

from __future__ import annotations

import errno
import os

from hezi.linux import fd as _fd
from hezi.linux import mount

PROPAGATION = {
    "private": mount.MS_PRIVATE,
    "slave": mount.MS_SLAVE,
    "shared": mount.MS_SHARED,
    "unbindable": mount.MS_UNBINDABLE,
}
# MOUNT_ATTR_* -> MS_*, where the numbers differ or the meaning is one of several
_MS = {
    mount.MOUNT_ATTR_RDONLY: mount.MS_RDONLY,
    mount.MOUNT_ATTR_NOSUID: mount.MS_NOSUID,
    mount.MOUNT_ATTR_NODEV: mount.MS_NODEV,
    mount.MOUNT_ATTR_NOEXEC: mount.MS_NOEXEC,
    mount.MOUNT_ATTR_NOATIME: mount.MS_NOATIME,
    mount.MOUNT_ATTR_STRICTATIME: mount.MS_STRICTATIME,
    mount.MOUNT_ATTR_NODIRATIME: mount.MS_NODIRATIME,
}
_ST_RELATIME = 0x1000
_ST_KEPT = mount.MS_RDONLY | mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC | mount.MS_NOATIME | mount.MS_NODIRATIME
_ATIMES = mount.MS_NOATIME | mount.MS_STRICTATIME | mount.MS_RELATIME


class Change:
    """What is to change on a mount. ``propagation`` is "" or a word of fstab(5), with "r" in front for all below."""

    __slots__ = ("clear", "propagation", "recursive", "set")

    def __init__(self, set: int = 0, clear: int = 0, propagation: str = "", *, recursive: bool = False) -> None:  # noqa: A002 - attr_set, attr_clr
        self.set = set
        self.clear = clear
        self.propagation = propagation
        self.recursive = recursive

    def apply(self, fd: int) -> bool:
        """Change the mount ``fd`` is the root of, attached or not; False where the kernel cannot."""
        below = mount.AT_EMPTY_PATH | mount.AT_RECURSIVE
        try:
            if self.set or self.clear:
                flags = below if self.recursive else mount.AT_EMPTY_PATH
                mount.mount_setattr(fd, b"", flags, set=self.set, clr=self.clear)
            if self.propagation:
                flags = below if self.propagation.startswith("r") else mount.AT_EMPTY_PATH
                mount.mount_setattr(fd, b"", flags, propagation=PROPAGATION[self.propagation.removeprefix("r")])
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
            return False
        return True

    def apply_attached(self, fd: int, procfs: int) -> None:
        """Change an attached mount by whatever call there is.

        :param procfs: the private procfs. The working directory may be left inside: what cares for it sets it itself.
        """
        if self.apply(fd):
            return
        own = _fd.open_self_fd(procfs)
        try:
            os.fchdir(own)
        finally:
            os.close(own)
        name = b"%d" % fd
        if self.set or self.clear:
            mount.mount(None, name, None, mount.MS_REMOUNT | mount.MS_BIND | self._flags(fd))
        if self.propagation:
            recursive = mount.MS_REC if self.propagation.startswith("r") else 0
            mount.mount(None, name, None, PROPAGATION[self.propagation.removeprefix("r")] | recursive)

    def _flags(self, fd: int) -> int:
        """A remount sets all flags of a mount: those it has, with the change made."""
        have = os.fstatvfs(fd).f_flag
        flags = have & _ST_KEPT | (mount.MS_RELATIME if have & _ST_RELATIME else 0)
        if self.clear & mount.MOUNT_ATTR__ATIME:
            flags &= ~_ATIMES
        for attribute, flag in _MS.items():
            if self.set & attribute:
                flags |= flag
            elif self.clear & attribute:
                flags &= ~flag
        return flags
