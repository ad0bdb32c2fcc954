"""The calls that make and join namespaces: clone3(2), unshare(2), setns(2), as they are.

What starts a container needs these and nothing more; :mod:`hezi.linux.namespaces` is the library on top of them.

:func:`clone3` returns twice, like fork(2): in the child the pid is 0. Only the calling thread exists in the child, so a
lock which another thread held would stay locked for ever; hence it refuses when there is another thread.
"""

from __future__ import annotations

import errno
import os
import sys
import time

from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

CLONE_NEWTIME = abi.CLONE_NEWTIME
CLONE_NEWNS = abi.CLONE_NEWNS
CLONE_NEWCGROUP = abi.CLONE_NEWCGROUP
CLONE_NEWUTS = abi.CLONE_NEWUTS
CLONE_NEWIPC = abi.CLONE_NEWIPC
CLONE_NEWUSER = abi.CLONE_NEWUSER
CLONE_NEWPID = abi.CLONE_NEWPID
CLONE_NEWNET = abi.CLONE_NEWNET
CLONE_PARENT = abi.CLONE_PARENT
CLONE_CLEAR_SIGHAND = abi.CLONE_CLEAR_SIGHAND

SIGCHLD = 17

# name in /proc/PID/ns -> flag; the order is the one in which a process should join them: a user namespace first, so
# that the rest is done with the rights it gives, and the mount namespace last, since paths change with it.
KINDS: Final = {
    "user": CLONE_NEWUSER,
    "cgroup": CLONE_NEWCGROUP,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "net": CLONE_NEWNET,
    "pid": CLONE_NEWPID,
    "time": CLONE_NEWTIME,
    "mnt": CLONE_NEWNS,
}


_ALL_KINDS = (
    CLONE_NEWUSER
    | CLONE_NEWCGROUP
    | CLONE_NEWIPC
    | CLONE_NEWUTS
    | CLONE_NEWNET
    | CLONE_NEWPID
    | CLONE_NEWTIME
    | CLONE_NEWNS
)
# Whatever shares memory, descriptors or handlers with the child would have two interpreters tread on each other.
_CLONE_ALLOWED = _ALL_KINDS | CLONE_PARENT | CLONE_CLEAR_SIGHAND

_SETTLE_TRIES = 20
_SETTLE_SECONDS = 0.001


def unshare(flags: int) -> None:
    """Put this process into new namespaces, as unshare(2) says.

    CLONE_NEWPID and CLONE_NEWTIME take effect for its next child only.

    :raises OSError: EPERM without CAP_SYS_ADMIN (or for CLONE_NEWUSER where the machine forbids user namespaces),
        EINVAL for CLONE_NEWUSER with more than one thread, ENOSPC when a limit in /proc/sys/user is reached.
    """
    abi.unshare(flags)


def setns(fd: int, nstype: int = 0) -> None:
    """Join the namespace that ``fd`` is, or, with a pidfd, all those of a process that ``nstype`` names.

    :param nstype: a CLONE_NEW* flag the namespace must be of, 0 for "do not check".
    :raises OSError: EINVAL for a descriptor of another kind, EPERM without the rights, ESRCH for a dead process.
    """
    abi.setns(fd, nstype)


def sethostname(name: str | bytes) -> None:
    """Set the host name of this UTS namespace.

    :raises OSError: EINVAL for more than 64 bytes, EPERM without CAP_SYS_ADMIN in the owning user namespace.
    """
    raw = abi.encode_path(name)
    abi.sethostname(raw, len(raw))


def setdomainname(name: str | bytes) -> None:
    """Set the NIS domain name of this UTS namespace; limits as for :func:`sethostname`."""
    raw = abi.encode_path(name)
    abi.setdomainname(raw, len(raw))


def namespace_id(path_or_fd: str | bytes | int) -> tuple[int, int]:
    """Give the identity of a namespace, (device, inode): equal if and only if it is the same namespace."""
    status = os.stat(path_or_fd)
    return status.st_dev, status.st_ino


def thread_count() -> int:
    """Count the threads of this process: by /proc, or where that is not mounted the ones Python knows of."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return _python_threads()


def _python_threads() -> int:
    return len(sys._current_frames())  # noqa: SLF001 - documented, and all there is without /proc


def settled_thread_count() -> int:
    """Count the threads, but wait for those which Python has joined and the kernel has not quite ended yet."""
    for _ in range(_SETTLE_TRIES):
        threads = thread_count()
        if threads == 1 or _python_threads() > 1:
            return threads
        time.sleep(_SETTLE_SECONDS)
    return thread_count()


def _clone2(flags: int, exit_signal: int, pidfd: int) -> int:
    """Do what clone(2) can of clone3(2); ``pidfd`` is the address of an int, or 0."""
    if flags & ~0xFFFFFFFF or flags & CLONE_NEWTIME:
        raise abi.error(errno.ENOSYS, "clone3", detail="and clone(2) cannot do CLONE_INTO_CGROUP or CLONE_NEWTIME")
    # No stack given: the child goes on on a copy of this one, as after fork(2).
    return abi.clone_raw(flags | exit_signal, None, pidfd or None, None, None)


def _clone(flags: int, exit_signal: int, cgroup_fd: int, pidfd: int) -> int:
    args = abi.clone_args(flags=flags, exit_signal=exit_signal, cgroup=cgroup_fd, pidfd=pidfd)
    reference, size = abi.byref(args), abi.sizeof(args)
    abi.PyOS_BeforeFork()
    pid = -1
    try:
        try:
            pid = abi.clone3_raw(reference, size)
        except OSError as error:
            # A seccomp filter that cannot look behind the pointer answers so (Docker's does).
            if error.errno != errno.ENOSYS:
                raise
            pid = _clone2(flags, exit_signal, pidfd)
    finally:
        if pid == 0:
            abi.PyOS_AfterFork_Child()
        else:
            abi.PyOS_AfterFork_Parent()
    return pid


def clone3(
    flags: int = 0, *, exit_signal: int = SIGCHLD, cgroup_fd: int | None = None, want_pidfd: bool = True
) -> tuple[int, int]:
    """Fork this Python process into new namespaces; returns twice.

    :param flags: CLONE_NEW*, CLONE_PARENT, CLONE_CLEAR_SIGHAND.
    :param exit_signal: sent to the parent when the child ends. With CLONE_PARENT the kernel insists on 0 and takes the
        caller's own; it is put to 0 here.
    :param cgroup_fd: a directory of a cgroup v2 tree; the child starts in it (CLONE_INTO_CGROUP, Linux 5.7).
    :return: (pid, pidfd) in the parent, pidfd being close-on-exec, or -1 when not wanted; (0, -1) in the child.
    :raises OSError: EINVAL when this process has more than one thread, or for other flags; EPERM, ENOSPC, EAGAIN, EBUSY
        (controllers enabled for the children of that cgroup) as clone(2) says.
    """
    threads = settled_thread_count()
    if threads != 1:
        detail = f"this process has {threads} threads, of which only one would go on in the child"
        raise abi.error(errno.EINVAL, "clone3", detail=detail)
    if flags & ~_CLONE_ALLOWED:
        detail = f"flags {flags & ~_CLONE_ALLOWED:#x} are not for a Python process"
        raise abi.error(errno.EINVAL, "clone3", detail=detail)
    if flags & CLONE_PARENT:
        exit_signal = 0
    cell = abi.int_cell(-1)
    if want_pidfd:
        flags |= abi.CLONE_PIDFD
    if cgroup_fd is not None:
        flags |= abi.CLONE_INTO_CGROUP
    pid = _clone(flags, exit_signal, cgroup_fd or 0, abi.addressof(cell) if want_pidfd else 0)
    if pid == 0:
        return 0, -1
    pidfd: int = cell.value
    return pid, pidfd
