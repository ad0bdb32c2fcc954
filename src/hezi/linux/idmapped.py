"""Files whose owners are seen by other numbers: user namespaces made for it, and overlays of layers seen so.

overlayfs cannot be mapped itself. Its layers can: each is copied as a mount of its own, which is mapped, and the
overlay is put together of these (upper directories since Linux 5.19, layers that are attached nowhere since 6.13). On
the disk the files keep the numbers they have inside. What overlayfs makes by itself, as for a copy up, it makes as
whoever mounted it: that has to be somebody who has a number on the mapped layers.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from contextlib import contextmanager

from hezi.linux import abi, caps, mount, nscalls
from hezi.linux import fd as linux_fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

    Option = tuple[str, str | bytes | int | None]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WAITING, _TELLING, _HIGH = 3, 4, 16
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from hezi.linux import idmapped; "
    f"idmapped.child({_WAITING}, {_TELLING}, network=sys.argv[2] == 'network')"
)
_TOO_OLD = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def user_namespace(uids: bytes, gids: bytes) -> int:
    """Make a user namespace with these maps; see :func:`namespaces`."""
    return namespaces(uids, gids, network=False)[0]


def namespaces(uids: bytes, gids: bytes, *, network: bool) -> tuple[int, int]:
    """Make a user namespace, and a network namespace that belongs to it, by a child that lives for no longer than that.

    :param uids: as in /proc/PID/uid_map; ``gids`` alike.
    :return: descriptors, close-on-exec; -1 for no network.
    :raises OSError: ENOSPC, a limit is reached; EPERM, forbidden, or the maps are not allowed; EINVAL for maps.
    """
    told, telling = os.pipe2(os.O_CLOEXEC)
    waiting, going = os.pipe2(os.O_CLOEXEC)
    try:
        pid = _start(waiting, telling, network=network)
    except BaseException:
        for fd in (told, telling, waiting, going):
            os.close(fd)
        raise
    try:
        os.close(telling)
        os.close(waiting)
        telling = waiting = -1
        _hear(told, "unshare")
        for name, ranges in (("uid_map", uids), ("gid_map", gids)):
            _write(f"/proc/{pid}/{name}", ranges)
        if network:
            # Who owns its files in sysfs is looked up when it is made: the maps come first.
            os.write(going, b"x")
            _hear(told, "unshare")
        return _held(pid, network=network)
    finally:
        for fd in (told, going, *({telling, waiting} - {-1})):
            os.close(fd)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pid = 0  # nobody waits for the children of this process


def _start(waiting: int, telling: int, *, network: bool) -> int:
    """Start the child; gives its number."""
    if nscalls.thread_count() > 1:
        # A process with threads must not fork, and cannot make a user namespace: an interpreter of its own does.
        source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        argv = [sys.executable, "-I", "-S", "-c", _PROGRAM, source, "network" if network else ""]
        # By numbers above those, so that neither is overwritten before it is copied.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH) for fd in (waiting, telling)]
        try:
            moves = [(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in zip(high, (_WAITING, _TELLING), strict=True)]
            return os.posix_spawn(sys.executable, argv, {}, file_actions=moves)
        finally:
            for fd in high:
                os.close(fd)
    pid, _ = nscalls.clone3(want_pidfd=False)
    if not pid:
        child(waiting, telling, network=network)
    return pid


def child(waiting: int, telling: int, *, network: bool) -> NoReturn:
    """Be the child: make the namespaces and hold them until it is said that they are held otherwise."""
    # Of the other ends nothing may be left here: what is read would never end.
    low, high = sorted((waiting, telling))
    for first, last in ((3, low - 1), (low + 1, high - 1), (high + 1, linux_fd.LAST_FD)):
        if first <= last:
            linux_fd.close_range(first, last)
    try:
        for flag in (abi.CLONE_NEWUSER, *((abi.CLONE_NEWNET,) if network else ())):
            abi.unshare(flag)
            os.write(telling, b"\0")
            os.read(waiting, 1)
    except OSError as error:
        os.write(telling, bytes((error.errno or errno.EPERM,)))
    finally:
        os._exit(0)


def _hear(told: int, call: str) -> None:
    said = os.read(told, 1)
    number = said[0] if said else errno.EPERM
    if number:
        raise abi.error(number, call)


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, data)
    except OSError as error:
        raise abi.error(error.errno or 0, "write", path) from None
    finally:
        os.close(fd)


def _held(pid: int, *, network: bool) -> tuple[int, int]:
    user = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    if not network:
        return user, -1
    try:
        return user, os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except BaseException:
        os.close(user)
        raise


@contextmanager
def acting(uid: int, gid: int) -> Iterator[None]:
    """Have this thread make files as another user, with all its capabilities (setfsuid(2)).

    Another thread notices nothing.
    """
    effective, permitted, inheritable = caps.capget()
    before = abi.setfsgid(gid), abi.setfsuid(uid)
    try:
        # Who stops being root for files loses the capabilities over them, but may take them back.
        caps.capset(effective, permitted, inheritable)
        yield
    finally:
        abi.setfsuid(before[1])
        abi.setfsgid(before[0])
        caps.capset(effective, permitted, inheritable)


def copy(source: str | int, space: int) -> int:
    """Copy the mount of a directory, attached nowhere, with its owners seen through the user namespace ``space``.

    :raises OSError: EINVAL, the file system there, or the kernel, does not do that.
    """
    at, name, empty = (source, "", mount.AT_EMPTY_PATH) if isinstance(source, int) else (mount.AT_FDCWD, source, 0)
    tree = mount.open_tree(at, name, mount.OPEN_TREE_CLONE | empty)
    try:
        mount.mount_setattr(tree, b"", mount.AT_EMPTY_PATH, userns_fd=space)
    except OSError as error:
        os.close(tree)
        text = "idmap: the file system here does not show owners by other numbers (idmapped mounts)"
        where = None if isinstance(source, int) else source
        raise OSError(error.errno, text if error.errno in _TOO_OLD else error.strerror, where) from None
    except BaseException:
        os.close(tree)
        raise
    return tree


def overlay(
    lower: Sequence[str | int],
    ends: tuple[str, str] | None,
    space: int,
    owner: tuple[int, int],
    options: Sequence[Option],
    attributes: int = 0,
) -> int:
    """Mount layers, the topmost first, with their owners seen through a user namespace; gives the detached mount.

    :param ends: the upper and the work directory, in one directory; None for a read-only overlay.
    :param owner: (uid, gid) outside of who is root inside.
    :raises OSError: EINVAL, the kernel (before Linux 6.13) or the file system does not do it; what overlayfs says.
    """
    opened: list[int] = []
    try:
        opened.extend(copy(one, space) for one in lower)
        given: list[Option] = [("source", "overlay"), *(("lowerdir+", fd) for fd in opened)]
        if ends is not None:
            top = copy(os.path.dirname(ends[0]), space)
            opened.append(top)
            for key, path in zip(("upperdir", "workdir"), ends, strict=True):
                opened.append(os.open(os.path.basename(path), _DIRECTORY, dir_fd=top))
                given.append((key, opened[-1]))
        with acting(*owner):
            return mount.new_mount("overlay", [*given, *options], attributes)
    finally:
        for fd in opened:
            os.close(fd)
