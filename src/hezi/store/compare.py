"""What of the files of one tree is otherwise in another: of two images, or of a layer and its archive.

A file that is the same inode in both is the same; other regular files are read. Both trees may be an attacker's: they
are walked by descriptors, nothing is resolved by path, and no link is followed.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from stat import S_ISBLK, S_ISCHR, S_ISDIR, S_ISLNK, S_ISREG

from hezi._util.record import NamedTuple
from hezi.linux import fd as linux_fd
from hezi.store.tree import join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ADDED, CHANGED, DELETED = "A", "C", "D"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = linux_fd.RESOLVE_BENEATH | linux_fd.RESOLVE_NO_SYMLINKS
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20
# How overlayfs marks directories, in what lies below it; a view of several layers does not show it.
_MARKS = "trusted.overlay."


class FileChange(NamedTuple):
    """One difference.

    :ivar kind: ``A``: only the second tree has it; ``D``: only the first; ``C``: both, and not alike.
    :ivar size: bytes of a regular file in the second tree, for ``D`` in the first.
    """

    kind: str
    path: bytes
    size: int


def compare(old: int | None, new: int | None, *, marks: bool = False) -> Iterator[FileChange]:
    """Yield the differences between two directories, by path; None is an empty one.

    :param marks: overlayfs's own attributes count too.
    :raises OSError: one of them cannot be read.
    """
    return _Trees(old, new, marks=marks).compare()


class _Level:
    """A directory of either tree or both, whose entries are not all looked at.

    :ivar sides: whether the first and the second tree have it.
    :ivar names: what is left of its entries, the last one first.
    """

    __slots__ = ("after", "before", "names", "path", "sides")

    def __init__(self, path: bytes, sides: tuple[bool, bool]) -> None:
        self.path = path
        self.sides = sides
        self.names: list[bytes] | None = None
        self.before: dict[bytes, os.stat_result] = {}
        self.after: dict[bytes, os.stat_result] = {}


class _Trees:
    """Walks two trees side by side.

    One pair of directories is open at a time, and nothing calls itself: an image can be thousands of levels deep.
    """

    def __init__(self, old: int | None, new: int | None, *, marks: bool) -> None:
        self._roots = (old, new)
        self._marks = marks

    def compare(self) -> Iterator[FileChange]:
        levels = [_Level(b"", (self._roots[0] is not None, self._roots[1] is not None))]
        while levels:
            level = levels[-1]
            with ExitStack() as stack:
                old, new = (self._open(side, level, stack) for side in (0, 1))
                if level.names is None:
                    level.before, level.after = _entries(old), _entries(new)
                    level.names = sorted(level.before.keys() | level.after.keys(), reverse=True)
                deeper = None
                while level.names and deeper is None:
                    name = level.names.pop()
                    change = self._difference(old, new, level, name)
                    if change is not None:
                        yield change
                    deeper = _below(level, name)
            if deeper is not None:
                levels.append(deeper)
            elif not level.names:
                levels.pop()

    def _open(self, side: int, level: _Level, stack: ExitStack) -> int | None:
        root = self._roots[side]
        if root is None or not level.sides[side]:
            return None
        fd = linux_fd.openat2(root, level.path or b".", _DIRECTORY, 0, _NO_LINKS)
        stack.callback(os.close, fd)
        return fd

    def _difference(self, old: int | None, new: int | None, level: _Level, name: bytes) -> FileChange | None:
        was, now = level.before.get(name), level.after.get(name)
        path = b"/" + join(level.path, name)
        if was is None or now is None:
            found = now or was
            return FileChange(DELETED if now is None else ADDED, path, _size(found) if found else 0)
        # A directory that has become something else: what was in it is gone with it, and is not listed.
        return None if self._alike(old, new, name, was, now) else FileChange(CHANGED, path, _size(now))

    def _alike(self, old: int | None, new: int | None, name: bytes, was: os.stat_result, now: os.stat_result) -> bool:
        kept = ("st_mode", "st_uid", "st_gid")
        if any(getattr(was, field) != getattr(now, field) for field in kept) or old is None or new is None:
            return False
        if S_ISDIR(now.st_mode):
            # When it was last written into is what its entries tell better.
            return self._xattrs_at(old, name) == self._xattrs_at(new, name)
        if S_ISCHR(now.st_mode) and not (was.st_rdev or now.st_rdev):
            return True  # overlayfs's sign for a removed file: it has no time of its own
        if was.st_mtime_ns != now.st_mtime_ns:
            return False
        return self._same_content(old, new, name, was, now)

    def _same_content(self, old: int, new: int, name: bytes, was: os.stat_result, now: os.stat_result) -> bool:
        mode = now.st_mode
        if S_ISCHR(mode) or S_ISBLK(mode):
            return was.st_rdev == now.st_rdev
        if S_ISLNK(mode):
            return os.readlink(name, dir_fd=old) == os.readlink(name, dir_fd=new)
        if not S_ISREG(mode):
            return True
        if (was.st_ino, was.st_ctime_ns, was.st_size) == (now.st_ino, now.st_ctime_ns, now.st_size):
            return True
        return was.st_size == now.st_size and self._same_file(old, new, name)

    def _same_file(self, old: int, new: int, name: bytes) -> bool:
        with ExitStack() as stack:
            fds = []
            for parent in (old, new):
                fd = os.open(name, _FILE, dir_fd=parent)
                stack.callback(os.close, fd)
                fds.append(fd)
            if self._xattrs(fds[0]) != self._xattrs(fds[1]):
                return False
            while True:
                one, other = os.read(fds[0], _CHUNK), os.read(fds[1], _CHUNK)
                if one != other:
                    return False
                if not one:
                    return True
        raise AssertionError  # no context manager above swallows exceptions

    def _xattrs_at(self, parent: int, name: bytes) -> dict[str, bytes]:
        fd = os.open(name, _DIRECTORY, dir_fd=parent)
        try:
            return self._xattrs(fd)
        finally:
            os.close(fd)

    def _xattrs(self, fd: int) -> dict[str, bytes]:
        names = [name for name in os.listxattr(fd) if self._marks or not name.startswith(_MARKS)]
        return {name: os.getxattr(fd, name) for name in names}


def _below(level: _Level, name: bytes) -> _Level | None:
    """The directory that the second tree has by that name; what the first one has of it when it is one there too."""
    was, now = level.before.get(name), level.after.get(name)
    if now is None or not S_ISDIR(now.st_mode):
        return None
    return _Level(join(level.path, name), (was is not None and S_ISDIR(was.st_mode), True))


def _entries(fd: int | None) -> dict[bytes, os.stat_result]:
    if fd is None:
        return {}
    return {os.fsencode(name): os.stat(name, dir_fd=fd, follow_symlinks=False) for name in os.listdir(fd)}


def _size(info: os.stat_result) -> int:
    return info.st_size if S_ISREG(info.st_mode) else 0
