"""``diff``: what a container has changed, from its upper directory compared with the layers below.

As docker compares: mode, owner, device number and capability of everything, time and size of all but directories. A
directory in which something has changed is a change itself. What hezi put there to mount something on is none.

The upper directory may belong to a running container: it is read by descriptor, without following links.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine.rootfs import target
from hezi.linux import fd as linux_fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths
    from hezi.store.images import ImageStore

ADDED = "A"
CHANGED = "C"
DELETED = "D"

_BENEATH = linux_fd.RESOLVE_BENEATH | linux_fd.RESOLVE_NO_SYMLINKS
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
# Made by us to mount on; docker has them in a layer of its own.
_MOUNT_POINTS = frozenset({
    b"dev", b"dev/console", b"dev/mqueue", b"dev/pts", b"dev/shm", b"etc", b"etc/hostname", b"etc/hosts", b"etc/mtab",
    b"etc/resolv.conf", b"proc", b"sys",
})  # fmt: skip


class Change(NamedTuple):
    """One line of ``diff``.

    :ivar kind: ADDED, CHANGED or DELETED.
    :ivar path: below the root, without a leading slash.
    """

    kind: str
    path: bytes


def diff(paths: Paths, container: str) -> list[Change]:
    """Return the changes of a container, directories before what is in them.

    :raises errors.Error: there is no such container.
    """
    from hezi.store.images import ImageStore

    paths.make()
    with ExitStack() as stack:
        store = stack.enter_context(ImageStore(paths.root))
        return changes(paths, store, target.find(store, container), stack)[0]
    raise AssertionError  # no context manager above swallows exceptions


def changes(paths: Paths, store: ImageStore, row: ContainerRow, stack: ExitStack) -> tuple[list[Change], int]:
    """Return the changes of a container, and a descriptor of its upper directory, which ``stack`` closes."""
    try:
        upper = os.open(f"{paths.containers}/{row.id}/upper", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, upper)
        lower = store.driver.view(target.layers_of(store, row))
        if lower is not None:
            stack.callback(os.close, lower)
        return _Comparison(upper, -1 if lower is None else lower).run(), upper
    except OSError as error:
        doing = "cannot compare the container with its image"
        raise errors.from_os_error(doing, error) from error


class _Level:
    """A directory under way: what is still to be looked at in it, and where its own line is or belongs."""

    __slots__ = ("at", "hidden", "names", "path", "start")

    def __init__(self, path: bytes, names: list[bytes], start: int, at: int, *, hidden: bool) -> None:
        self.path = path
        self.names = names
        self.start = start
        self.at = at
        self.hidden = hidden


class _Comparison:
    def __init__(self, upper: int, lower: int) -> None:
        self._upper = upper
        self._lower = lower
        self._found: list[Change] = []

    def run(self) -> list[Change]:
        levels = [self._enter(b"", at=-1, hidden=False)]
        while levels:
            level = levels[-1]
            if level.names:
                name = level.names.pop()
                below = self._look(level.path + b"/" + name if level.path else name, hidden=level.hidden)
                if below is not None:
                    levels.append(below)
            else:
                self._leave(levels.pop())
        return self._found

    def _enter(self, path: bytes, *, at: int, hidden: bool) -> _Level:
        """Begin a directory of the upper tree.

        :param at: index of its own line, -1 when it has none.
        :param hidden: the layers below do not show through here; what they have and we have not is deleted.
        """
        names: set[bytes] = set()
        try:
            fd = linux_fd.openat2(self._upper, path or b".", os.O_RDONLY | os.O_DIRECTORY, 0, _BENEATH)
        except OSError as error:
            if error.errno not in _GONE:
                raise
        else:
            try:
                names.update(os.fsencode(name) for name in os.listdir(fd))
                hidden = hidden or _is_opaque(fd)
            finally:
                os.close(fd)
        if hidden:
            names.update(self._names_below(path))
        return _Level(path, sorted(names, reverse=True), len(self._found), at, hidden=hidden)

    def _names_below(self, path: bytes) -> list[bytes]:
        if self._lower < 0:
            return []
        try:
            fd = linux_fd.openat2(self._lower, path or b".", os.O_RDONLY | os.O_DIRECTORY, 0, _BENEATH)
        except OSError as error:
            if error.errno in _GONE:
                return []
            raise
        try:
            return [os.fsencode(name) for name in os.listdir(fd)]
        finally:
            os.close(fd)

    def _look(self, path: bytes, *, hidden: bool) -> _Level | None:
        new, old = _Found.at(self._upper, path), _Found.at(self._lower, path)
        at = -1
        if new is None or new.is_whiteout:
            if old is not None and (new is not None or hidden):
                self._found.append(Change(DELETED, path))
            return None
        if old is None:
            if path in _MOUNT_POINTS and not new.is_directory and not new.info.st_size:
                return None
            at = self._add(ADDED, path)
        elif new.differs(old):
            at = self._add(CHANGED, path)
        if not new.is_directory:
            return None
        return self._enter(path, at=at, hidden=hidden or (old is not None and not old.is_directory))

    def _add(self, kind: str, path: bytes) -> int:
        self._found.append(Change(kind, path))
        return len(self._found) - 1

    def _leave(self, level: _Level) -> None:
        changed = len(self._found) > level.start
        if level.at < 0 and changed and level.path:
            self._found.insert(level.start, Change(CHANGED, level.path))
        elif level.at >= 0 and not changed and level.path in _MOUNT_POINTS and self._found[level.at].kind == ADDED:
            del self._found[level.at]


class _Found:
    """A file as the comparison sees it."""

    __slots__ = ("capability", "info")

    def __init__(self, info: os.stat_result, capability: bytes) -> None:
        self.info = info
        self.capability = capability

    @classmethod
    def at(cls, root: int, path: bytes) -> _Found | None:
        if root < 0:
            return None
        try:
            fd = linux_fd.openat2(root, path, linux_fd.O_PATH | os.O_NOFOLLOW, 0, _BENEATH)
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise
        try:
            info = os.fstat(fd)
            return cls(info, _capability(fd) if stat.S_ISREG(info.st_mode) else b"")
        finally:
            os.close(fd)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.info.st_mode)

    @property
    def is_whiteout(self) -> bool:
        return stat.S_ISCHR(self.info.st_mode) and self.info.st_rdev == 0

    def differs(self, other: _Found) -> bool:
        one, two = self.info, other.info
        if (one.st_mode, one.st_uid, one.st_gid, one.st_rdev) != (two.st_mode, two.st_uid, two.st_gid, two.st_rdev):
            return True
        if self.is_directory:
            return False
        return (one.st_mtime_ns, one.st_size, self.capability) != (two.st_mtime_ns, two.st_size, other.capability)


def _capability(fd: int) -> bytes:
    try:
        # The link of our own descriptor: listing attributes is not for O_PATH ones.
        return os.getxattr(f"/proc/self/fd/{fd}", "security.capability")
    except OSError:
        return b""


def _is_opaque(fd: int) -> bool:
    try:
        return os.getxattr(fd, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False
