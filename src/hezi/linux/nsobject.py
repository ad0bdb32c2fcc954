"""One namespace, held by a descriptor: its identity, its relations, its members (ioctl_ns(2), proc_pid_ns(5))."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os

from hezi.linux import abi, mount, mountinfo, nscalls, nsfaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

# <linux/nsfs.h>
_NS_GET_USERNS = 0xB701
_NS_GET_PARENT = 0xB702
_NS_GET_NSTYPE = 0xB703
_NS_GET_OWNER_UID = 0xB704
# <linux/sockios.h>
_SIOCGSKNS = 0x894C
_NSFS_MAGIC = 0x6E736673

_KIND_OF_FLAG = {flag: kind for kind, flag in nscalls.KINDS.items()}
# What only new children of whoever joins are in; /proc/self/ns shows the process's own, not theirs.
_FOR_CHILDREN = {"pid", "time"}


def kind_of(fd: int) -> str | None:
    """Give the kind of the namespace a descriptor is ("uts"); None when it is no namespace (Linux 4.11).

    :raises OSError: EBADF.
    """
    if fd < 0:
        raise abi.error(errno.EBADF, "ioctl", f"fd {fd}")
    try:
        if not is_namespace(fd):
            return None  # elsewhere the number of this ioctl may mean anything
        return _KIND_OF_FLAG.get(fcntl.ioctl(fd, _NS_GET_NSTYPE))
    except OSError as error:
        if error.errno == errno.EBADF:
            raise abi.error(errno.EBADF, "setns", f"fd {fd}") from None
        return None


def is_namespace(fd: int) -> bool:
    """Tell whether a descriptor, which may be of O_PATH, is a file of nsfs.

    :raises OSError: EBADF.
    """
    buffer = abi.buffer(256)
    abi.fstatfs(fd, abi.addressof(buffer))
    return int.from_bytes(bytes(buffer)[:8], "little") == _NSFS_MAGIC


def of_socket(socket: int) -> Namespace:
    """Open the network namespace that a socket is in (SIOCGSKNS, Linux 4.9).

    :raises OSError: ENOTTY for what is no socket, EPERM without CAP_NET_ADMIN over that namespace.
    """
    try:
        return Namespace(fcntl.ioctl(socket, _SIOCGSKNS))
    except OSError as error:
        raise abi.error(error.errno or 0, "ioctl", f"fd {socket}") from None


class Namespace:
    """A namespace. Equal objects are the same namespace; as long as one is open, it exists without any process.

    A context manager that closes it at the end. Inode numbers are used again at once when a namespace is gone, so an
    identity says something about namespaces that are held, not about those of yesterday.

    :ivar fd: the descriptor, close-on-exec; -1 after :meth:`close`.
    :ivar kind: "mnt", "uts", "ipc", "pid", "net", "user", "cgroup" or "time".
    :ivar identity: (device, inode).
    """

    __slots__ = ("fd", "identity", "kind")

    def __init__(self, fd: int) -> None:
        """Take over a descriptor.

        :raises OSError: EINVAL for one that is no namespace; it is then still the caller's.
        """
        kind = kind_of(fd)
        if kind is None:
            raise abi.error(errno.EINVAL, "open", f"fd {fd}", "this is no namespace")
        self.fd = fd
        self.kind = kind
        self.identity = nscalls.namespace_id(fd)

    @classmethod
    def open(cls, path: str | bytes) -> Namespace:
        """Open one by its path: /proc/PID/ns/KIND, or a file it was bound to.

        :raises OSError: ENOENT, EACCES, EINVAL for something else.
        """
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return cls(fd)
        except OSError:
            os.close(fd)
            raise abi.error(errno.EINVAL, "open", path, "this is no namespace") from None

    @classmethod
    def of(cls, pid: int | str, kind: str) -> Namespace:
        """Open the one that a process is in; ``pid`` may be "self".

        :raises OSError: ESRCH for a process that has ended, EACCES for one that may not be looked into.
        :raises ValueError: for a kind that is none.
        """
        if kind not in nscalls.KINDS:
            message = f"no kind of namespace: {kind!r}; there are {', '.join(nscalls.KINDS)}"
            raise ValueError(message)
        try:
            return cls.open(f"/proc/{pid}/ns/{kind}")
        except FileNotFoundError:
            if os.path.exists(f"/proc/{pid}/ns"):
                raise
            raise abi.error(errno.ESRCH, "open", f"/proc/{pid}/ns/{kind}", f"process {pid} has ended") from None

    @property
    def inode(self) -> int:
        """The number in its name."""
        return self.identity[1]

    @property
    def name(self) -> str:
        """As the kernel writes it: "uts:[4026531838]"."""
        return f"{self.kind}:[{self.inode}]"

    def owner(self) -> Namespace | None:
        """Open the user namespace that owns it; None when that is not in this process's own or below it.

        Of a user namespace it is the parent.
        """
        return self._related(_NS_GET_USERNS)

    def parent(self) -> Namespace | None:
        """Open the parent of a PID or user namespace; None for the first, or one beyond this process's sight.

        :raises OSError: EINVAL for the kinds that have none.
        """
        return self._related(_NS_GET_PARENT)

    def _related(self, request: int) -> Namespace | None:
        try:
            return Namespace(fcntl.ioctl(self.fd, request))
        except PermissionError:
            return None
        except OSError as error:
            detail = f"a {self.kind} namespace has no parent" if error.errno == errno.EINVAL else ""
            raise abi.error(error.errno or 0, "ioctl", self.name, detail) from None

    def owner_uid(self) -> int:
        """Give the user who made this user namespace.

        :raises OSError: EINVAL for another kind.
        """
        cell = abi.buffer(4)
        try:
            fcntl.ioctl(self.fd, _NS_GET_OWNER_UID, cell)
        except OSError as error:
            raise abi.error(error.errno or 0, "ioctl", self.name, "only a user namespace has an owner's id") from None
        return int.from_bytes(bytes(cell), "little")

    def members(self) -> tuple[int, ...]:
        """List the processes in it, as far as this process sees them and may look; sorted."""
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    if nscalls.namespace_id(f"/proc/{name}/ns/{self.kind}") == self.identity:
                        found.append(int(name))
                except OSError:
                    continue  # ended meanwhile, or another user's
        return tuple(sorted(found))

    @contextlib.contextmanager
    def entered(self) -> Iterator[Namespace]:
        """Be in it for a while: joins, and goes back at the end, with root and working directory as before.

        For a PID or time namespace, it is new children that are in it. A user namespace cannot be left again and is
        refused: run a child in it (:func:`hezi.linux.namespaces.clone` and setns there).

        :raises OSError: EINVAL for a user namespace or a process with threads, EPERM, see setns.
        """
        if self.kind == "user":
            detail = "there is no way back out of a user namespace; join it in a child"
            raise abi.error(errno.EINVAL, "setns", self.name, detail)
        nsfaults.check_threads(nscalls.KINDS[self.kind], "setns", joining=True)
        with contextlib.ExitStack() as stack:
            suffix = "_for_children" if self.kind in _FOR_CHILDREN else ""
            back = _opened(stack, f"/proc/self/ns/{self.kind}{suffix}", os.O_RDONLY)
            places = (_opened(stack, "/"), _opened(stack, ".")) if self.kind == "mnt" else ()
            self._join(back)  # changes nothing, but needs the rights that coming back will need
            _stand(places)
            self._join(self.fd)
            try:
                yield self
            finally:
                self._join(back)
                _stand(places)

    def _join(self, fd: int) -> None:
        try:
            abi.setns(fd, nscalls.KINDS[self.kind])
        except OSError as error:
            detail = nsfaults.why_not_joined(error.errno or 0, self.name, (self.kind,))
            raise abi.error(error.errno or 0, "setns", self.name, detail) from None

    def keep(self, path: str) -> None:
        """Bind it to a file, which is made if it is not there: it then lives without processes and descriptors.

        :raises OSError: EPERM without CAP_SYS_ADMIN; EINVAL for a mount namespace on a shared mount, which would hold
            itself, or one older than this process's own.
        """
        made = not os.path.lexists(path)
        if made:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
        try:
            mount.mount(f"/proc/self/fd/{self.fd}", path, None, mount.MS_BIND)
        except OSError as error:
            if made:
                os.unlink(path)
            detail = ""
            if error.errno == errno.EINVAL and self.kind == "mnt":
                detail = (
                    "a mount namespace can be kept only on a mount that is not shared, "
                    "and by a process whose own mount namespace is older"
                )
            elif error.errno == errno.EPERM:
                detail = "keeping a namespace needs CAP_SYS_ADMIN over the mount namespace"
            raise abi.error(error.errno or 0, "mount", path, detail) from None

    def close(self) -> None:
        """Let go of it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Namespace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Namespace) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    def __repr__(self) -> str:
        return f"<Namespace {self.name}>"


def _opened(stack: contextlib.ExitStack, path: str, flags: int = os.O_PATH | os.O_DIRECTORY) -> int:
    fd = os.open(path, flags | os.O_CLOEXEC)
    stack.callback(os.close, fd)
    return fd


def _stand(places: tuple[int, ...]) -> None:
    """Have the root and the working directory again that joining a mount namespace took away."""
    if places:
        root, here = places
        if not os.path.samestat(os.fstat(root), os.stat("/")):
            os.fchdir(root)
            os.chroot(".")
        os.fchdir(here)


def release(path: str) -> None:
    """Undo :meth:`Namespace.keep`: detach what is bound to the file, and remove the file.

    :raises OSError: EINVAL when no namespace is bound there.
    """
    if mounted_kind(path) is None:
        raise abi.error(errno.EINVAL, "umount", path, "no namespace is kept there")
    mount.umount2(path, mount.MNT_DETACH | mount.UMOUNT_NOFOLLOW)
    if mounted_kind(path) is None and os.path.isfile(path) and os.stat(path).st_size == 0:
        os.unlink(path)


def mounted_kind(path: str) -> str | None:
    """Give the kind of the namespace that is bound to a file; None for another file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return kind_of(fd)
    finally:
        os.close(fd)


def kept() -> tuple[tuple[str, str], ...]:
    """List the namespaces that are bound to files in this mount namespace: (name, path), in the order of mounting."""
    return tuple((one.root, one.mount_point) for one in mountinfo.list_mounts() if one.fstype == "nsfs")
