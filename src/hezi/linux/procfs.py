"""A procfs of our own: what is mounted on /proc may be covered, in part or whole, by whoever set up the namespace."""

from __future__ import annotations

import errno
import os

from hezi.linux import fd, mount

# A seccomp filter or a missing privilege; then the system's own /proc has to do.
_NO_PRIVATE = (errno.EPERM, errno.EACCES, errno.ENOSYS)


def open_private() -> int:
    """Open a procfs root that nobody can mount over: a detached mount, seen by no other process.

    With ``subset=pid`` (Linux 5.8) it holds processes only, so even the descriptor leaked into a container would give
    no /proc/sys and no /proc/sysrq-trigger. Without the privilege to make one (CAP_SYS_ADMIN over the mount and PID
    namespaces, and a /proc not partly covered), the system's /proc is opened and checked to be a procfs.

    :return: a descriptor for :mod:`hezi.linux.fd` functions with ``proc_fd`` and for ``openat``; close-on-exec.
    :raises OSError: EXDEV when there is neither.
    """
    try:
        root = mount.new_mount("proc", [("subset", "pid")], mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV)
    except OSError as error:
        if error.errno not in _NO_PRIVATE:
            raise
        return fd.open_procfs()
    try:
        fd.verify_procfs(root)
    except BaseException:
        os.close(root)
        raise
    return root
