"""Reading a tree as the entries of an archive: what a container copies out, exports or commits, and what goes in.

The tree may belong to a running container that changes it under our hands. Each file is opened once, without following
a link and without side effects (O_PATH); what it is, is asked of that descriptor, and only a regular file is opened
for reading, through the descriptor itself: a device or FIFO that takes a file's place is never opened (E1, E3).
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from hezi.image import tarlayer
from hezi.image.tarlayer import Entry
from hezi.linux import fd as linux_fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hezi.image.tarfields import SparseMap

_PROBE = linux_fd.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = linux_fd.RESOLVE_BENEATH | linux_fd.RESOLVE_NO_SYMLINKS
_CHUNK = 1 << 20
# Directories further down are closed while we are below them, and opened again from the top.
_OPEN_LEVELS = 100
_SPARSE_FROM = 1 << 16
_SPARSE_PARTS = 50_000
_MAX_XATTR_NAMES = 1000
_KINDS = {
    stat.S_IFREG: tarlayer.REGULAR,
    stat.S_IFLNK: tarlayer.SYMLINK,
    stat.S_IFDIR: tarlayer.DIRECTORY,
    stat.S_IFCHR: tarlayer.CHAR,
    stat.S_IFBLK: tarlayer.BLOCK,
    stat.S_IFIFO: tarlayer.FIFO,
}
# Labels, ACLs and overlayfs's own attributes belong to the place where a file lies.
_ATTRIBUTES = ("user.", "security.capability")
_NO_ATTRIBUTES = ("user.overlay.",)


class _Level:
    """A directory that is being read: its path below the top, and the names still to come, in reverse order."""

    __slots__ = ("fd", "names", "path", "shown")

    def __init__(self, fd: int, path: bytes, shown: bytes) -> None:
        self.fd = fd
        self.path = path
        self.shown = shown
        self.names = sorted((os.fsencode(name) for name in os.listdir(fd)), reverse=True)


class TreeSource:
    """The entries of one file or tree, a directory before what is in it, names in the order of their bytes.

    Hard links inside the tree stay hard links; sockets are left out; what vanishes meanwhile is left out too.

    :param top: the file or directory, O_PATH or open; not closed.
    :param name: what it is called; what is below has this in front. Empty: the top itself is left out.
    :param skip: asked with each name; True leaves out the file, and what is below it.
    :param closed: devices (st_dev) whose directories are not entered.
    :param shown_as: gives (uid, gid) of a file where those that it has here are not what is meant.
    """

    def __init__(
        self,
        top: int,
        name: bytes,
        *,
        skip: Callable[[bytes], bool] | None = None,
        shown_as: Callable[[int, int], tuple[int, int]] | None = None,
        closed: frozenset[int] = frozenset(),
    ) -> None:
        self._top = top
        self._name = name
        self._skip = skip
        self._shown_as = shown_as
        self._closed = closed
        self._file = -1
        self._entry: Entry | None = None
        self._links: dict[tuple[int, int], bytes] = {}
        self._self_fd = -1
        self._directory = -1

    def __iter__(self) -> Iterator[Entry]:
        # One check that /proc is what it seems, for all the files to come.
        self._self_fd = linux_fd.open_self_fd()
        levels: list[_Level] = []
        try:
            entry = self._take(self._top, self._name)
            if entry is not None:
                if self._name:
                    yield entry
                if self._directory >= 0:
                    levels.append(_Level(self._take_directory(), b".", self._name))
            while levels:
                yield from self._step(levels)
        finally:
            self._close_file()
            for fd in [*(level.fd for level in levels), self._self_fd, self._directory]:
                if fd >= 0:
                    os.close(fd)
            self._self_fd = self._directory = -1

    def _take_directory(self) -> int:
        fd, self._directory = self._directory, -1
        return fd

    def _step(self, levels: list[_Level]) -> Iterator[Entry]:
        level = levels[-1]
        if not level.names:
            levels.pop()
            if level.fd >= 0:
                os.close(level.fd)
            return
        if level.fd < 0:
            level.fd = self._open_again(level.path)
            if level.fd < 0:
                level.names = []
                return
        name = level.names.pop()
        shown = level.shown + b"/" + name if level.shown else name
        if self._skip is not None and self._skip(shown):
            return
        entry = self._open(level.fd, name, shown)
        if entry is None:
            return
        yield entry
        if self._directory >= 0:
            if len(levels) > _OPEN_LEVELS:
                os.close(level.fd)
                level.fd = -1
            levels.append(_Level(self._take_directory(), level.path + b"/" + name, shown))

    def _open_again(self, path: bytes) -> int:
        """A directory from the top, without links: one that was moved away meanwhile is left; -1 then."""
        try:
            return linux_fd.openat2(self._top, path, os.O_RDONLY | os.O_DIRECTORY, 0, _NO_LINKS)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.ENAMETOOLONG}:
                return -1
            raise

    def _open(self, parent: int, name: bytes, shown: bytes) -> Entry | None:
        try:
            probe = os.open(name, _PROBE, dir_fd=parent)
        except FileNotFoundError:
            return None
        try:
            return self._take(probe, shown)
        finally:
            os.close(probe)

    def _take(self, probe: int, shown: bytes) -> Entry | None:
        """Make the entry of an open file; a regular file's data is then to be had, a directory's is to be entered."""
        self._close_file()
        info = os.fstat(probe)
        kind = _KINDS.get(stat.S_IFMT(info.st_mode))
        if kind is None:
            return None
        entry = _entry(shown, kind, info)
        if self._shown_as is not None:
            entry.uid, entry.gid = self._shown_as(entry.uid, entry.gid)
        if kind == tarlayer.SYMLINK:
            entry.linkname = os.readlink(b"", dir_fd=probe)
        elif kind == tarlayer.DIRECTORY:
            directory = self._reopen(probe, os.O_RDONLY | os.O_DIRECTORY)
            entry.xattrs = _attributes(directory)
            if info.st_dev in self._closed:
                os.close(directory)
            else:
                self._directory = directory
        if kind != tarlayer.DIRECTORY and info.st_nlink > 1:
            first = self._links.setdefault((info.st_dev, info.st_ino), shown)
            if first != shown:
                entry.kind, entry.linkname, entry.size = tarlayer.HARDLINK, first, 0
        if entry.kind == tarlayer.REGULAR:
            self._file = self._reopen(probe, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
            self._describe(entry)
        self._entry = entry
        return entry

    def _describe(self, entry: Entry) -> None:
        info = os.fstat(self._file)
        entry.size = entry.stored = info.st_size
        entry.xattrs = _attributes(self._file)
        if info.st_size >= _SPARSE_FROM and info.st_blocks * 512 < info.st_size:
            entry.sparse = _parts(self._file, info.st_size)
            if entry.sparse is not None:
                entry.stored = sum(length for _, length in entry.sparse)

    def _reopen(self, probe: int, flags: int) -> int:
        # The magic link of our own descriptor: it leads to the very file that was looked at.
        return os.open(str(probe), flags | os.O_CLOEXEC, dir_fd=self._self_fd)

    def _close_file(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def data(self) -> Iterator[bytes]:
        """Yield the data of the current entry; less than promised when the file became shorter."""
        entry = self._entry
        if entry is None or self._file < 0:
            return  # a link, or a whiteout
        for offset, length in entry.sparse if entry.sparse is not None else ((0, entry.size),):
            at, end = offset, offset + length
            while at < end:
                chunk = os.pread(self._file, min(_CHUNK, end - at), at)
                if not chunk:
                    return
                at += len(chunk)
                yield chunk


class PickedSource(TreeSource):
    """Some files of a tree, and whiteouts for what is gone.

    :param top: the tree's root, not closed.
    :param picked: (path below the root, whether it is gone), in the order of the archive.
    """

    def __init__(self, top: int, picked: Iterable[tuple[bytes, bool]]) -> None:
        super().__init__(top, b"")
        self._picked = picked

    def __iter__(self) -> Iterator[Entry]:
        self._self_fd = linux_fd.open_self_fd()
        try:
            for path, gone in self._picked:
                entry = whiteout(path) if gone else self._pick(path)
                if self._directory >= 0:
                    os.close(self._take_directory())
                if entry is not None:
                    yield entry
        finally:
            self._close_file()
            os.close(self._self_fd)
            self._self_fd = -1

    def _pick(self, path: bytes) -> Entry | None:
        try:
            probe = linux_fd.openat2(self._top, path, linux_fd.O_PATH | os.O_NOFOLLOW, 0, _NO_LINKS)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return None  # it is gone by now
            raise
        try:
            # What a running container has just removed has left a whiteout here.
            return whiteout(path) if _is_whiteout(os.fstat(probe)) else self._take(probe, path)
        finally:
            os.close(probe)


def _is_whiteout(info: os.stat_result) -> bool:
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


def whiteout(path: bytes) -> Entry:
    """Return the entry by which a layer hides ``path`` of the layers below."""
    above, _, name = path.rpartition(b"/")
    entry = Entry()
    entry.name = above + b"/.wh." + name if above else b".wh." + name
    entry.kind, entry.mode = tarlayer.REGULAR, 0o600
    entry.uid = entry.gid = entry.size = entry.stored = entry.mtime_ns = entry.devmajor = entry.devminor = 0
    entry.linkname, entry.xattrs, entry.sparse = b"", (), None
    return entry


def _entry(shown: bytes, kind: int, info: os.stat_result) -> Entry:
    entry = Entry()
    entry.name = shown
    entry.kind = kind
    entry.mode = stat.S_IMODE(info.st_mode)
    entry.uid, entry.gid = info.st_uid, info.st_gid
    entry.size = entry.stored = 0
    entry.mtime_ns = info.st_mtime_ns
    entry.linkname = b""
    entry.devmajor = entry.devminor = 0
    if kind in {tarlayer.CHAR, tarlayer.BLOCK}:
        entry.devmajor, entry.devminor = os.major(info.st_rdev), os.minor(info.st_rdev)
    entry.xattrs = ()
    entry.sparse = None
    return entry


def _attributes(fd: int) -> tuple[tuple[bytes, bytes], ...]:
    found: list[tuple[bytes, bytes]] = []
    try:
        names = os.listxattr(fd)
    except OSError:
        return ()  # a file system without
    for name in sorted(names)[:_MAX_XATTR_NAMES]:
        if name.startswith(_ATTRIBUTES) and not name.startswith(_NO_ATTRIBUTES):
            with suppress(OSError):  # taken away meanwhile
                found.append((os.fsencode(name), os.getxattr(fd, name)))
    return tuple(found)


def _parts(fd: int, size: int) -> SparseMap | None:
    """The parts of a file that are there; None when it is not worth it, or the file system does not say."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
            at = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        except OSError as error:
            if error.errno != errno.ENXIO:
                return None
            break  # a hole to the end
        if start < size:
            found.append((start, at - start))
        if len(found) > _SPARSE_PARTS:
            return None
    return tuple(found)
