"""What of the files of one tree is otherwise in another: of two images, or of a layer and its archive.

A file that is the same inode in both is the same; other regular files are read. Both trees may be an attacker's: they
are walked by descriptors, nothing is resolved by path, and no link is followed.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from stat import S_ISBLK, S_ISCHR, S_ISDIR, S_ISLNK, S_ISREG

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ADDED, CHANGED, DELETED = "A", "C", "D"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
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
    return _Trees(marks=marks).compare(old, new, b"/")


class _Trees:
    """Walks two trees side by side."""

    def __init__(self, *, marks: bool) -> None:
        self._marks = marks

    def compare(self, old: int | None, new: int | None, path: bytes) -> Iterator[FileChange]:
        before, after = _entries(old), _entries(new)
        for name in sorted(before.keys() | after.keys()):
            here = path + name
            if name not in after:
                yield FileChange(DELETED, here, _size(before[name]))
            elif name not in before:
                yield FileChange(ADDED, here, _size(after[name]))
                yield from self._below(None, new, name, here, after[name])
            else:
                yield from self._both(old, new, name, here, (before[name], after[name]))

    def _both(
        self, old: int | None, new: int | None, name: bytes, path: bytes, found: tuple[os.stat_result, os.stat_result]
    ) -> Iterator[FileChange]:
        was, now = found
        # A directory that has become something else: what was in it is gone with it, and is not listed.
        if not self._alike(old, new, name, was, now):
            yield FileChange(CHANGED, path, _size(now))
        yield from self._below(old if S_ISDIR(was.st_mode) else None, new, name, path, now)

    def _below(
        self, old: int | None, new: int | None, name: bytes, path: bytes, now: os.stat_result
    ) -> Iterator[FileChange]:
        if not S_ISDIR(now.st_mode):
            return
        with ExitStack() as stack:
            fds = []
            for parent in (old, new):
                fd = None if parent is None else os.open(name, _DIRECTORY, dir_fd=parent)
                if fd is not None:
                    stack.callback(os.close, fd)
                fds.append(fd)
            yield from self.compare(fds[0], fds[1], path + b"/")

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


def _entries(fd: int | None) -> dict[bytes, os.stat_result]:
    if fd is None:
        return {}
    return {os.fsencode(name): os.stat(name, dir_fd=fd, follow_symlinks=False) for name in os.listdir(fd)}


def _size(info: os.stat_result) -> int:
    return info.st_size if S_ISREG(info.st_mode) else 0
