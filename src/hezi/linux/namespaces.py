"""Namespaces as a library: make them, join them, look at them, keep them (namespaces(7)).

kind    flag              since  what is apart
mnt     CLONE_NEWNS       2.4.19 mounts
uts     CLONE_NEWUTS      2.6.19 host name and NIS domain
ipc     CLONE_NEWIPC      2.6.19 System V IPC, POSIX message queues
pid     CLONE_NEWPID      2.6.24 process numbers; process 1 of it is everybody's parent, and its end ends all
net     CLONE_NEWNET      2.6.29 interfaces, addresses, routes, ports, firewall
user    CLONE_NEWUSER     3.8    user and group ids, capabilities, keys; owns the namespaces made in it
cgroup  CLONE_NEWCGROUP   4.6    the root of /proc/PID/cgroup
time    CLONE_NEWTIME     5.6    the monotonic and the boot clock

:func:`clone` runs a function in new namespaces and gives a handle; :func:`fork` is the same without a function and
returns twice, with 0 in the child; :func:`unshare` leaves; :func:`setns` joins; :class:`Namespace` is one of them.
"""

from __future__ import annotations

import errno
import os
import sys

from hezi._util.record import NamedTuple
from hezi.linux import abi, nscalls, nsfaults, pidfd
from hezi.linux.nscalls import (
    CLONE_CLEAR_SIGHAND,
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWTIME,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    CLONE_PARENT,
    KINDS,
    SIGCHLD,
    clone3,
    namespace_id,
    setdomainname,
    sethostname,
    thread_count,
)
from hezi.linux.nsobject import Namespace, kind_of, of_socket
from hezi.linux.process import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from hezi.linux.idmap import Range

__all__ = [
    "CLONE_CLEAR_SIGHAND",
    "CLONE_NEWCGROUP",
    "CLONE_NEWIPC",
    "CLONE_NEWNET",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWTIME",
    "CLONE_NEWUSER",
    "CLONE_NEWUTS",
    "CLONE_PARENT",
    "KINDS",
    "SIGCHLD",
    "TABLE",
    "Kind",
    "Namespace",
    "Process",
    "clone",
    "clone3",
    "fork",
    "kind_of",
    "namespace_id",
    "of_socket",
    "setdomainname",
    "sethostname",
    "setns",
    "thread_count",
    "unshare",
]


class Kind(NamedTuple):
    """A kind of namespace.

    :ivar name: as in /proc/PID/ns.
    :ivar flag: CLONE_NEW*.
    :ivar since: the Linux release that completed it.
    :ivar apart: what processes in different ones do not share.
    """

    name: str
    flag: int
    since: str
    apart: str


TABLE = (
    Kind("mnt", CLONE_NEWNS, "2.4.19", "mounts"),
    Kind("uts", CLONE_NEWUTS, "2.6.19", "host name and NIS domain"),
    Kind("ipc", CLONE_NEWIPC, "2.6.19", "System V IPC, POSIX message queues"),
    Kind("pid", CLONE_NEWPID, "2.6.24", "process numbers"),
    Kind("net", CLONE_NEWNET, "2.6.29", "interfaces, addresses, routes, ports, firewall"),
    Kind("user", CLONE_NEWUSER, "3.8", "user and group ids, capabilities, keys"),
    Kind("cgroup", CLONE_NEWCGROUP, "4.6", "the root of the control groups"),
    Kind("time", CLONE_NEWTIME, "5.6", "the monotonic and the boot clock"),
)


def unshare(flags: int) -> None:
    """Put this process into new namespaces, as unshare(2) says; for what is of one thread only, this thread.

    CLONE_NEWPID and CLONE_NEWTIME take effect for its next child only.

    :raises OSError: EPERM without CAP_SYS_ADMIN (or for CLONE_NEWUSER where the machine forbids user namespaces),
        EINVAL for CLONE_NEWUSER with more than one thread, ENOSPC when a limit in /proc/sys/user is reached. The text
        says which, and what to do.
    """
    nsfaults.check_threads(flags, "unshare", joining=False)
    try:
        abi.unshare(flags)
    except OSError as error:
        raise abi.error(error.errno or 0, "unshare", detail=nsfaults.why_not_made(error.errno or 0, flags)) from None


def setns(
    target: int | str | bytes | Process | Namespace | None = None, nstype: int = 0, *, pid: int | None = None
) -> None:
    """Join a namespace, or those of a process.

    :param target: a descriptor (of a namespace or a pidfd), the path of a namespace, a :class:`Namespace`, or a
        :class:`Process`.
    :param nstype: the CLONE_NEW* flag that a namespace must be of, 0 for "do not check"; of a process, the flags of all
        that are to be joined at once, 0 for all in which it differs from this one.
    :param pid: a process by its number, instead of ``target``.
    :raises OSError: EINVAL for a namespace of another kind than ``nstype``, and for what a process with threads may not
        do; EPERM without CAP_SYS_ADMIN over the namespace, ESRCH for a process that has ended, ENOENT.
    :raises TypeError: for neither or both of ``target`` and ``pid``.
    """
    if (target is None) == (pid is None):
        message = "setns() takes a target or a pid"
        raise TypeError(message)
    if pid is not None:
        with Handle(pidfd.pidfd_open(pid)) as fd:
            _join_process(fd, nstype, pid)
    elif isinstance(target, Process):
        _join_process(target.pidfd, nstype, target.pid)
    elif isinstance(target, (str, bytes)):
        with Handle(os.open(target, os.O_RDONLY | os.O_CLOEXEC)) as fd:
            _join(fd, nstype, os.fsdecode(target))
    elif isinstance(target, Namespace):
        _join(target.fd, nstype, target.name)
    elif target is not None:
        _join(target, nstype, f"fd {target}")


class Handle:
    """A descriptor that is closed on the way out of a ``with`` block, whose value is the number."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __enter__(self) -> int:
        return self.fd

    def __exit__(self, *_exc: object) -> None:
        os.close(self.fd)


def _join_process(fd: int, nstype: int, pid: int) -> None:
    if not nstype:
        nstype = _differing(pid)
    if not nstype:
        return
    nsfaults.check_threads(nstype, "setns", joining=True)
    _call(fd, nstype, f"process {pid}", nsfaults.names(nstype))


def _differing(pid: int) -> int:
    flags = 0
    for kind, flag in KINDS.items():
        try:
            if namespace_id(f"/proc/self/ns/{kind}") != namespace_id(f"/proc/{pid}/ns/{kind}"):
                flags |= flag
        except FileNotFoundError:
            if not os.path.exists(f"/proc/{pid}"):
                raise abi.error(errno.ESRCH, "setns", detail=f"process {pid} has ended") from None
    return flags


def _join(fd: int, nstype: int, name: str) -> None:
    kind = kind_of(fd)
    if kind is not None and nstype and KINDS[kind] != nstype:
        wanted = " or ".join(nsfaults.names(nstype)) or f"{nstype:#x}"
        detail = f"{name} is a {kind} namespace, and a {wanted} namespace was asked for"
        raise abi.error(errno.EINVAL, "setns", f"fd {fd}", detail)
    nsfaults.check_threads(nstype if kind is None else KINDS[kind], "setns", joining=True)
    _call(fd, nstype, name, nsfaults.names(nstype) if kind is None else (kind,))


def _call(fd: int, nstype: int, name: str, kinds: tuple[str, ...]) -> None:
    try:
        abi.setns(fd, nstype)
    except OSError as error:
        detail = nsfaults.why_not_joined(error.errno or 0, name, kinds)
        raise abi.error(error.errno or 0, "setns", f"fd {fd}", detail) from None


def fork(flags: int = 0, *, cgroup: str | int | None = None) -> Process | None:
    """Fork this Python into new namespaces. Returns twice: a handle in the parent, None in the child.

    As with fork(2), only the calling thread goes on in the child; hence a process with more is refused.

    :param flags: CLONE_NEW*, CLONE_CLEAR_SIGHAND.
    :param cgroup: a directory of a cgroup v2 tree, by path or descriptor, in which the child starts (Linux 5.7).
    :raises OSError: as clone(2); the text says why, and what to do.
    """
    group = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if isinstance(cgroup, str) else cgroup
    try:
        pid, fd = nscalls.clone3(flags, cgroup_fd=group)
    except OSError as error:
        detail = (
            nsfaults.why_not_made(error.errno or 0, flags) if str(error).endswith(os.strerror(error.errno or 0)) else ""
        )
        if not detail:
            raise
        raise abi.error(error.errno or 0, "clone3", detail=detail) from None
    finally:
        if isinstance(cgroup, str) and group is not None:
            os.close(group)
    return Process(pid, fd) if pid else None


def clone(
    child: Callable[..., object],
    flags: int = 0,
    *,
    args: Sequence[object] = (),
    cgroup: str | int | None = None,
    uid_map: Sequence[Range] | None = None,
    gid_map: Sequence[Range] | None = None,
    setgroups: bool | None = None,
) -> Process:
    """Run ``child(*args)`` in a new process in new namespaces.

    Its integer result is the exit code, None is 0; an exception is written to standard error, and the code is 1.

    :param flags: CLONE_NEW*, CLONE_CLEAR_SIGHAND.
    :param cgroup: a directory of a cgroup v2 tree, by path or descriptor, in which the child starts
        (CLONE_INTO_CGROUP, Linux 5.7).
    :param uid_map: with CLONE_NEWUSER, the ids of the child, written before ``child`` is called: by own right for the
        caller's id alone or for root, by newuidmap(1) else. ``gid_map`` alike.
    :param setgroups: allow or deny setgroups(2); denied when not given and an ordinary user maps the own group.
    :raises OSError: as clone(2), with the reason in words; what is wrong with a map, and then no child is left.
    :raises ValueError: a map that no kernel takes.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    try:
        process = fork(flags, cgroup=cgroup)
    except BaseException:
        os.close(reader)
        os.close(writer)
        raise
    if process is None:
        os.close(writer)
        _as_child(child, args, reader)
    os.close(reader)
    try:
        _write_maps(process.pid, uid_map, gid_map, setgroups=setgroups)
        os.write(writer, b"x")
    except BaseException:
        process.kill()
        process.close()
        raise
    finally:
        os.close(writer)
    return process


def _as_child(child: Callable[..., object], args: Sequence[object], reader: int) -> NoReturn:
    """Wait until the maps are written, call, and end without running what the parent registered for its own end."""
    code = 1
    try:
        ready = os.read(reader, 1)
        os.close(reader)
        if ready:
            result = child(*args)
            code = result if isinstance(result, int) else 0
    except SystemExit as request:
        code = request.code if isinstance(request.code, int) else int(request.code is not None)
    except BaseException:  # it is the child's last word, whatever it is
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                code = code or 1
        os._exit(code & 0xFF)


def _write_maps(
    pid: int, uid_map: Sequence[Range] | None, gid_map: Sequence[Range] | None, *, setgroups: bool | None
) -> None:
    if uid_map is None and gid_map is None and setgroups is None:
        return
    from hezi.linux import idmap

    if gid_map is not None and setgroups is None and idmap.needs_denial(gid_map):
        setgroups = False
    if setgroups is not None:
        idmap.set_setgroups(pid, allow=setgroups)
    if uid_map is not None:
        idmap.write_somehow(pid, "uid", uid_map)
    if gid_map is not None:
        idmap.write_somehow(pid, "gid", gid_map)
