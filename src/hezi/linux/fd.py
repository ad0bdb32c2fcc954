"""Files by descriptor: resolution that cannot leave a tree, and acts on what was resolved.

A path inside an untrusted tree is resolved once, by the kernel, with the tree's root as its root and magic links
refused; what follows acts on the descriptor. Where a call for that is too new for the running kernel, the way round is
``/proc/self/fd``, of a /proc that was checked to be a procfs: something else mounted there could redirect the act.

Every descriptor given out is close-on-exec and belongs to the caller.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Sequence

O_PATH = abi.O_PATH
RESOLVE_NO_XDEV = abi.RESOLVE_NO_XDEV
RESOLVE_NO_MAGICLINKS = abi.RESOLVE_NO_MAGICLINKS
RESOLVE_NO_SYMLINKS = abi.RESOLVE_NO_SYMLINKS
RESOLVE_BENEATH = abi.RESOLVE_BENEATH
RESOLVE_IN_ROOT = abi.RESOLVE_IN_ROOT
RENAME_NOREPLACE = abi.RENAME_NOREPLACE
RENAME_EXCHANGE = abi.RENAME_EXCHANGE
RENAME_WHITEOUT = abi.RENAME_WHITEOUT
CLOSE_RANGE_UNSHARE = abi.CLOSE_RANGE_UNSHARE
CLOSE_RANGE_CLOEXEC = abi.CLOSE_RANGE_CLOEXEC
MFD_CLOEXEC = abi.MFD_CLOEXEC
MFD_ALLOW_SEALING = abi.MFD_ALLOW_SEALING
MFD_NOEXEC_SEAL = abi.MFD_NOEXEC_SEAL
MFD_EXEC = abi.MFD_EXEC
F_SEAL_SEAL = abi.F_SEAL_SEAL
F_SEAL_SHRINK = abi.F_SEAL_SHRINK
F_SEAL_GROW = abi.F_SEAL_GROW
F_SEAL_WRITE = abi.F_SEAL_WRITE
F_SEAL_EXEC = abi.F_SEAL_EXEC
LAST_FD = 0xFFFFFFFF

_IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
_ONE_STEP = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
_DIRECTORY = O_PATH | os.O_DIRECTORY
# With a ".." in the path, a rename anywhere on the machine can make the kernel give up with EAGAIN (openat2(2)); an
# attacker who renames in a loop must not hold us for ever.
_EAGAIN_RETRIES = 128
# As the kernel's own limit on links followed in one resolution.
_LINKS = 40


# --- resolving --------------------------------------------------------------------------------------------------------


def openat2(dirfd: int, path: str | bytes, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """Open a file, with limits on how its path is resolved (openat2(2), Linux 5.6).

    EAGAIN (a racing rename or mount) is retried 128 times; EINTR until it is done.

    :param flags: ``os.O_*``; O_CLOEXEC is added. Unlike openat(2) unknown or contradictory flags are EINVAL.
    :param mode: permissions of a new file; must be 0 without O_CREAT or O_TMPFILE.
    :param resolve: ``RESOLVE_*``.
    :raises OSError: EXDEV for a path that leaves the tree or a mount, ELOOP for a link that ``resolve`` forbids. There
        is no fallback for ENOSYS: resolving by hand is what this call exists to end.
    """
    how = abi.pack_open_how(flags | os.O_CLOEXEC, mode, resolve)
    left = _EAGAIN_RETRIES
    while True:
        try:
            return abi.openat2(dirfd, path, how, abi.OPEN_HOW_SIZE)
        except InterruptedError:
            continue  # handlers have run; PEP 475
        except BlockingIOError:
            left -= 1
            # EAGAIN of RESOLVE_CACHED or of a lease is an answer, not a race.
            if left == 0 or resolve & abi.RESOLVE_CACHED or flags & os.O_NONBLOCK:
                raise


def open_in_root(rootfd: int, path: str | bytes, flags: int, mode: int = 0) -> int:
    """Open ``path`` as if ``rootfd`` were the root directory: links and ".." stay inside, magic links are refused."""
    return openat2(rootfd, path, flags, mode, _IN_ROOT)


def _parts(path: str | bytes) -> list[bytes]:
    return [part for part in abi.encode_path(path).split(b"/") if part not in {b"", b"."}]


def open_parent_in_root(rootfd: int, path: str | bytes) -> tuple[int, bytes]:
    """Open the directory that holds the last component of ``path``, for acting on that name itself.

    :return: (an O_PATH descriptor, the last component, which is neither "." nor ".." nor empty).
    :raises OSError: EINVAL for a path without such a component ("/", "a/.."), ENOENT, ENOTDIR.
    """
    parts = _parts(path)
    if not parts or parts[-1] == b"..":
        raise abi.error(errno.EINVAL, "openat2", path, "no name to act on")
    return open_in_root(rootfd, b"/" + b"/".join(parts[:-1]), _DIRECTORY), parts[-1]


def _deepest(rootfd: int, parts: list[bytes]) -> tuple[int, int]:
    """Open the longest prefix of ``parts`` that exists; give its descriptor and length."""
    for length in range(len(parts), -1, -1):
        try:
            return open_in_root(rootfd, b"/" + b"/".join(parts[:length]), _DIRECTORY), length
        except FileNotFoundError:
            if length == 0:
                raise
    raise abi.error(errno.ENOENT, "openat2", f"fd {rootfd}")  # not reached: the root itself exists or raises above


def _make_one(parent: int, name: bytes, mode: int, uid: int, gid: int) -> int:
    """Make (or find, when a racer made it) directory ``name`` in ``parent`` and open it, following nothing."""
    created = True
    try:
        os.mkdir(name, mode, dir_fd=parent)
    except FileExistsError:
        created = False
    # RESOLVE_NO_SYMLINKS: what a racer put there instead of our directory is not followed.
    fd = openat2(parent, name, _DIRECTORY | os.O_NOFOLLOW, 0, _ONE_STEP)
    if not created:
        return fd
    try:
        status = os.fstat(fd)
        # Owner and mode are given to nothing but what we made: a racer may have moved another directory here. The
        # mode has passed the umask, hence only the owner is compared.
        if status.st_uid == os.geteuid():
            if status.st_mode & 0o7777 != mode:
                chmod_fd(fd, mode)
            if uid not in {-1, status.st_uid} or gid not in {-1, status.st_gid}:
                chown_fd(fd, uid, gid)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _link_target(parent: int, name: bytes) -> bytes | None:
    try:
        return os.readlink(name, dir_fd=parent)
    except OSError:
        return None  # no link, or nothing there


def mkdir_in_root(rootfd: int, path: str | bytes, mode: int = 0o755, uid: int = 0, gid: int = 0) -> int:
    """Make a directory and its missing parents inside a root, and open it.

    What exists is resolved inside the root, links included; the rest is made name by name below the descriptor of the
    directory before, so swapping a link in during it redirects nothing. A link whose target is missing has the target
    made, inside the root, as Docker does for working directories and mount points.

    :param mode: of each directory made, whatever the umask.
    :param uid: owner of each directory made, -1 for the caller; gid likewise.
    :return: an O_PATH descriptor of the last directory.
    :raises OSError: ENOTDIR or EEXIST when something else is in the way, ELOOP after 40 links, ENOENT for ".." behind a
        missing directory.
    """
    parts = _parts(path)
    for _ in range(_LINKS):
        fd, length = _deepest(rootfd, parts)
        if b".." in parts[length:]:
            # As the kernel says; and nothing has been made yet.
            os.close(fd)
            raise abi.error(errno.ENOENT, "mkdirat", path, "'..' behind a directory that does not exist")
        while length < len(parts):
            name = parts[length]
            target = _link_target(fd, name)
            if target is not None:
                # A dangling link: go on with what it says in its place. Every resolution starts at the root again.
                before = [] if target.startswith(b"/") else parts[:length]
                parts = before + _parts(target) + parts[length + 1 :]
                break
            parent = fd
            try:
                fd = _make_one(parent, name, mode, uid, gid)
            except OSError as error:
                raise abi.error(error.errno or 0, "mkdirat", path) from None
            finally:
                os.close(parent)
            length += 1
        else:
            return fd
        os.close(fd)
    raise abi.error(errno.ELOOP, "mkdirat", path)


# --- /proc/self/fd ----------------------------------------------------------------------------------------------------


def fs_magic(fd: int) -> int:
    """Give the type of the file system a descriptor is on: the ``*_MAGIC`` numbers of statfs(2)."""
    memory = abi.buffer(256)
    abi.fstatfs(fd, abi.addressof(memory))
    # struct statfs begins with the type, a machine word
    return int.from_bytes(memory.raw[:8], "little") & 0xFFFFFFFF


def verify_procfs(fd: int) -> None:
    """Check that a descriptor is the root of a procfs: the type, and the inode, so that no part of one passes for it.

    :raises OSError: EXDEV when it is not.
    """
    if fs_magic(fd) != abi.PROC_SUPER_MAGIC or os.fstat(fd).st_ino != abi.PROC_ROOT_INO:
        raise abi.error(errno.EXDEV, "open", "/proc", "what is mounted there is no procfs")


def open_procfs(path: str = "/proc") -> int:
    """Open a mounted procfs, checked with :func:`verify_procfs`, as an O_PATH descriptor."""
    fd = os.open(path, _DIRECTORY | os.O_CLOEXEC)
    try:
        verify_procfs(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_self_fd(proc_fd: int | None = None) -> int:
    """Open this process's ``/proc/self/fd``, with nothing mounted over it or on the way, as an O_PATH descriptor.

    :param proc_fd: a verified procfs root; /proc is opened and verified when not given.
    """
    own = open_procfs() if proc_fd is None else proc_fd
    try:
        return openat2(
            own, "self/fd", _DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS
        )  # "self" is an ordinary link
    finally:
        if proc_fd is None:
            os.close(own)


def check_self_fd() -> None:
    """Check, for a call that knows no directory descriptors, that the name /proc/self/fd leads where it says.

    :raises OSError: EXDEV when something else is mounted there.
    """
    os.close(open_self_fd())


def reopen(fd: int, flags: int, proc_fd: int | None = None) -> int:
    """Open the file behind a descriptor anew, as O_PATH descriptors must be before reading or writing.

    :param flags: ``os.O_*``; O_CLOEXEC is added.
    :raises OSError: ELOOP for a descriptor of a symbolic link, and what open(2) says of the file.
    """
    directory = open_self_fd(proc_fd)
    try:
        return os.open(str(fd), (flags | os.O_CLOEXEC) & ~os.O_NOFOLLOW, dir_fd=directory)
    except OSError as error:
        raise abi.error(error.errno or 0, "open", f"fd {fd}") from None
    finally:
        os.close(directory)


# --- acting on descriptors, O_PATH ones too ---------------------------------------------------------------------------


def chmod_fd(fd: int, mode: int) -> None:
    """Change the permissions of the file behind a descriptor, which may be an O_PATH one.

    fchmodat2(2) where there is one (Linux 6.6), else through a verified /proc/self/fd.

    :raises OSError: EOPNOTSUPP for a symbolic link, which has no permissions on Linux.
    """
    try:
        abi.fchmodat2(fd, b"", mode, abi.AT_EMPTY_PATH)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        _chmod_by_proc(fd, mode)


def _chmod_by_proc(fd: int, mode: int) -> None:
    if stat.S_ISLNK(os.fstat(fd).st_mode):
        # Some file systems let the old call through and change bits which nothing reads.
        raise abi.error(errno.EOPNOTSUPP, "chmod", f"fd {fd}")
    directory = open_self_fd()
    try:
        os.chmod(str(fd), mode, dir_fd=directory)
    except OSError as error:
        raise abi.error(error.errno or 0, "chmod", f"fd {fd}") from None
    finally:
        os.close(directory)


def chown_fd(fd: int, uid: int, gid: int) -> None:
    """Change the owner of the file behind a descriptor, O_PATH ones and symbolic links included; -1 leaves an id.

    The kernel clears set-user-id, set-group-id and file capabilities: change the owner first, then mode and xattrs.
    """
    abi.fchownat(fd, b"", uid & 0xFFFFFFFF, gid & 0xFFFFFFFF, abi.AT_EMPTY_PATH)


def utimens_fd(fd: int, atime_ns: int, mtime_ns: int) -> None:
    """Set the times, in nanoseconds since 1970, of the file behind a descriptor, O_PATH ones and links included."""
    times = abi.pack_timespecs(*divmod(atime_ns, 1_000_000_000), *divmod(mtime_ns, 1_000_000_000))
    # AT_EMPTY_PATH with utimensat: since Linux 5.8
    abi.utimensat(fd, b"", times, abi.AT_EMPTY_PATH)


def setxattr_fd(fd: int, name: str | bytes, value: bytes, flags: int = 0) -> None:
    """Set an extended attribute of the file behind a descriptor, which may be an O_PATH one.

    The kernel sets attributes by descriptor only on files opened for reading or writing; setxattrat(2) with
    AT_EMPTY_PATH says EBADF to O_PATH as fsetxattr(2) does (Linux 6.18). So an O_PATH one goes through a verified
    /proc/self/fd; the magic link of a symbolic link's descriptor leads to the link itself, not to its target.

    What the kernel allows: ``user.*`` on regular files and directories only (EPERM on links and devices), ``trusted.*``
    on anything with CAP_SYS_ADMIN in the first user namespace, ``security.capability`` on anything with CAP_SETFCAP.
    """
    try:
        os.setxattr(fd, name, value, flags)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise abi.error(error.errno or 0, "setxattr", f"fd {fd}") from None
        _setxattr_by_proc(fd, name, value, flags)


def _setxattr_by_proc(fd: int, name: str | bytes, value: bytes, flags: int) -> None:
    memory = abi.buffer(value)
    args = abi.xattr_args(abi.addressof(memory), len(value), flags)
    directory = open_self_fd()
    try:
        try:
            abi.setxattrat(directory, str(fd), 0, name, abi.byref(args), abi.sizeof(args))
        except OSError as error:
            # Before Linux 6.13 no call takes a directory here: /proc has been checked just now, and is named.
            if error.errno != errno.ENOSYS:
                raise
            os.setxattr(f"/proc/self/fd/{fd}", name, value, flags)
    except OSError as error:
        raise abi.error(error.errno or 0, "setxattr", f"fd {fd}") from None
    finally:
        os.close(directory)


def renameat2(olddir: int, old: str | bytes, newdir: int, new: str | bytes, flags: int = 0) -> None:
    """Rename, with RENAME_NOREPLACE, RENAME_EXCHANGE or RENAME_WHITEOUT.

    :raises OSError: EEXIST with RENAME_NOREPLACE; EINVAL where the file system does not do the flag.
    """
    abi.renameat2(olddir, old, newdir, new, flags)


def syncfs(fd: int) -> None:
    """Write the whole file system a descriptor is on; errors of earlier writeback are reported once (Linux 5.8)."""
    abi.syncfs(fd)


def mount_id(fd: int) -> int:
    """Give the id of the mount a descriptor is on, as mountinfo shows it (statx(2) STATX_MNT_ID, Linux 5.8)."""
    memory = abi.buffer(256)
    abi.statx(fd, b"", abi.AT_EMPTY_PATH, abi.STATX_MNT_ID, abi.addressof(memory))
    return int.from_bytes(memory.raw[0x90:0x98], "little")


# --- sets of descriptors ----------------------------------------------------------------------------------------------


def close_range(first: int, last: int = LAST_FD, flags: int = 0) -> None:
    """Close all descriptors from ``first`` to ``last`` inclusive (Linux 5.9), or mark them with CLOSE_RANGE_CLOEXEC."""
    abi.close_range(first, last, flags)


def memfd_create(name: str | bytes, flags: int = MFD_CLOEXEC | MFD_ALLOW_SEALING) -> int:
    """Make a file in memory. MFD_EXEC and MFD_NOEXEC_SEAL are known since Linux 6.3 and EINVAL before."""
    return abi.memfd_create(name, flags)


def add_seals(fd: int, seals: int) -> None:
    """Seal a memfd: ``F_SEAL_*``; a seal cannot be taken away.

    :raises OSError: EBUSY for F_SEAL_WRITE while a writable mapping exists, EPERM once F_SEAL_SEAL is set.
    """
    try:
        fcntl.fcntl(fd, abi.F_ADD_SEALS, seals)
    except OSError as error:
        raise abi.error(error.errno or 0, "fcntl F_ADD_SEALS", f"fd {fd}") from None


def get_seals(fd: int) -> int:
    """Read the seals of a memfd."""
    return fcntl.fcntl(fd, abi.F_GET_SEALS)


_SOL_SOCKET, _SCM_RIGHTS = 1, 1
_MSG_CTRUNC, _MSG_TRUNC, _MSG_NOSIGNAL, _MSG_CMSG_CLOEXEC = 0x8, 0x20, 0x4000, 0x40000000
_CMSG_HEADER = 16
# The kernel's SCM_MAX_FD
MAX_FDS = 253


def send_fds(sock: socket, data: bytes, fds: Sequence[int] = ()) -> None:
    """Send one message with descriptors over an AF_UNIX socket; all of ``data`` or an error.

    :param data: at least one byte: a stream socket drops descriptors that travel with nothing.
    :raises OSError: EINVAL without data or with more than 253 descriptors, EPIPE when the other end is closed.
    """
    if not data or len(fds) > MAX_FDS:
        raise abi.error(errno.EINVAL, "sendmsg", None, f"{len(data)} bytes, {len(fds)} descriptors")
    packed = b"".join(fd.to_bytes(4, "little") for fd in fds)
    # NOSIGNAL: a peer that is gone must be an EPIPE here even after SIGPIPE was put back to its default.
    sent = sock.sendmsg([data], [(_SOL_SOCKET, _SCM_RIGHTS, packed)] if fds else [], _MSG_NOSIGNAL)
    while sent < len(data):
        sent += sock.send(data[sent:], _MSG_NOSIGNAL)


def recv_fds(sock: socket, maxlen: int, maxfds: int) -> tuple[bytes, list[int]]:
    """Receive one message with at most ``maxfds`` descriptors, close-on-exec from the first moment.

    ``socket.recv_fds`` leaves them inheritable, for another thread's fork and exec to leak.

    :return: (data, descriptors); empty data is the end of the stream.
    :raises OSError: EMSGSIZE when there were more descriptors or a longer datagram; none is left open then.
    """
    # CMSG_LEN, not CMSG_SPACE: with the padding an odd limit would let one more descriptor in.
    room = _CMSG_HEADER + 4 * maxfds
    data, ancillary, flags, _address = sock.recvmsg(maxlen, room, _MSG_CMSG_CLOEXEC)
    fds: list[int] = []
    for level, kind, raw in ancillary:
        if level == _SOL_SOCKET and kind == _SCM_RIGHTS:
            fds += [int.from_bytes(raw[at : at + 4], "little", signed=True) for at in range(0, len(raw) - 3, 4)]
    if flags & (_MSG_CTRUNC | _MSG_TRUNC) or len(fds) > maxfds:
        for fd in fds:
            os.close(fd)
        raise abi.error(errno.EMSGSIZE, "recvmsg", None, f"more than {maxfds} descriptors or {maxlen} bytes")
    return data, fds
