"""Mount propagation: which mounts learn of a mount or unmount below another (mount_namespaces(7)).

shared            gives to and takes from its peer group
slave             takes from its master, gives nothing
shared-and-slave  takes from its master, gives to and takes from its peer group
private           neither
unbindable        neither, and cannot be bind mounted
"""

from __future__ import annotations

import errno
import os

from hezi.linux import abi, fd, mount, mountinfo

SHARED = "shared"
SLAVE = "slave"
PRIVATE = "private"
UNBINDABLE = "unbindable"
SHARED_AND_SLAVE = "shared-and-slave"

# The kernel has no single flag for the last: a slave made shared keeps its master.
_FLAGS = {
    SHARED: (mount.MS_SHARED,),
    SLAVE: (mount.MS_SLAVE,),
    PRIVATE: (mount.MS_PRIVATE,),
    UNBINDABLE: (mount.MS_UNBINDABLE,),
    SHARED_AND_SLAVE: (mount.MS_SLAVE, mount.MS_SHARED),
}
STATES = tuple(_FLAGS)


def make(target: str | bytes | int, state: str, recursive: bool = False) -> None:
    """Change the state of a mount, and with ``recursive`` of all below it.

    The kernel's answer may be another state than asked for: a shared mount alone in its group has nobody to be slave
    of and becomes private, and a private mount made slave stays private. :func:`read` tells what came of it.

    :param target: a path (links are followed) or a descriptor of the mount's root.
    :param state: one of :data:`STATES`.
    :raises OSError: EINVAL when the target is no mount point, EPERM without CAP_SYS_ADMIN.
    :raises ValueError: for a state that is none.
    """
    if state not in _FLAGS:
        message = f"no state of mount propagation: {state!r}; there are {', '.join(STATES)}"
        raise ValueError(message)
    for flag in _FLAGS[state]:
        _set(target, flag, recursive)


def _set(target: str | bytes | int, flag: int, recursive: bool) -> None:
    dir_fd, path = (target, "") if isinstance(target, int) else (abi.AT_FDCWD, target)
    at_flags = (0 if path else mount.AT_EMPTY_PATH) | (mount.AT_RECURSIVE if recursive else 0)
    try:
        mount.mount_setattr(dir_fd, path, at_flags, propagation=flag)
    except OSError as error:
        # Linux before 5.12, or a seccomp filter that does not know the call.
        if error.errno != errno.ENOSYS:
            raise
        _set_by_mount(target, flag, recursive)


def _set_by_mount(target: str | bytes | int, flag: int, recursive: bool) -> None:
    flags = flag | (mount.MS_REC if recursive else 0)
    if isinstance(target, int):
        fd.check_self_fd()
        mount.mount(None, f"/proc/self/fd/{target}", None, flags)
    else:
        mount.mount(None, target, None, flags)


def read(target: str | bytes | int) -> str:
    """Read the state of the mount which a path or descriptor is on: one of :data:`STATES`.

    :raises OSError: ENOENT when that mount is not attached below this process's root.
    """
    if isinstance(target, int):
        return mountinfo.entry_of(target).propagation
    file = fd.openat2(abi.AT_FDCWD, target, abi.O_PATH)
    try:
        return mountinfo.entry_of(file).propagation
    finally:
        os.close(file)
