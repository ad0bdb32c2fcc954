"""``image diff``: what of the files of one image is otherwise in another.

Both are looked at through read-only views of their stacked layers. A file that is the same inode in both comes from a
layer that they share, so images made from one another are compared as fast as their trees can be walked; other regular
files are read.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from stat import S_ISBLK, S_ISCHR, S_ISDIR, S_ISLNK, S_ISREG

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine.images.opening import opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hezi.engine.paths import Paths
    from hezi.spec.digest import Digest
    from hezi.store.images import ImageStore

ADDED, CHANGED, DELETED = "A", "C", "D"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20


class FileChange(NamedTuple):
    """One difference.

    :ivar kind: ``A``: only the second image has it; ``D``: only the first; ``C``: both, and not alike.
    :ivar size: bytes of a regular file in the second image, for ``D`` in the first.
    """

    kind: str
    path: bytes
    size: int


def diff(paths: Paths, first: str, second: str) -> Iterator[FileChange]:
    """See :meth:`hezi.engine.engine.Images.diff`."""
    from hezi.engine import rights

    rights.check()
    with ExitStack() as stack:
        store = stack.enter_context(opened(paths))
        lease = stack.enter_context(store.lease(f"diff {first} {second}"))
        chains = [store.chain_ids(store.resolve(name).id) for name in (first, second)]
        lease.protect([], [layer for chain in chains for layer in chain])
        try:
            old, new = (_open(store, chain, stack) for chain in chains)
            yield from _Trees().compare(old, new, b"/")
        except OSError as error:
            doing = "cannot compare the images"
            raise errors.from_os_error(doing, error) from error


def _open(store: ImageStore, chain: tuple[Digest, ...], stack: ExitStack) -> int | None:
    """The root of an image; None for one without layers."""
    fd = store.driver.view(chain)
    if fd is not None:
        stack.callback(os.close, fd)
    return fd


class _Trees:
    """Walks two trees side by side, by descriptors; nothing is resolved by path, no link is followed."""

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
        if not _alike(old, new, name, was, now):
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


def _entries(fd: int | None) -> dict[bytes, os.stat_result]:
    if fd is None:
        return {}
    return {os.fsencode(name): os.stat(name, dir_fd=fd, follow_symlinks=False) for name in os.listdir(fd)}


def _size(info: os.stat_result) -> int:
    return info.st_size if S_ISREG(info.st_mode) else 0


def _alike(old: int | None, new: int | None, name: bytes, was: os.stat_result, now: os.stat_result) -> bool:
    kept = ("st_mode", "st_uid", "st_gid")
    if any(getattr(was, field) != getattr(now, field) for field in kept) or old is None or new is None:
        return False
    mode = now.st_mode
    if S_ISDIR(mode):
        # When it was last written into is what its entries tell better.
        return _xattrs(old, name, mode) == _xattrs(new, name, mode)
    if was.st_mtime_ns != now.st_mtime_ns:
        return False
    if S_ISCHR(mode) or S_ISBLK(mode):
        return was.st_rdev == now.st_rdev
    if S_ISLNK(mode):
        return os.readlink(name, dir_fd=old) == os.readlink(name, dir_fd=new)
    if not S_ISREG(mode):
        return True
    if (was.st_ino, was.st_ctime_ns, was.st_size) == (now.st_ino, now.st_ctime_ns, now.st_size):
        return True
    return was.st_size == now.st_size and _same_file(old, new, name)


def _same_file(old: int, new: int, name: bytes) -> bool:
    with ExitStack() as stack:
        fds = []
        for parent in (old, new):
            fd = os.open(name, _FILE, dir_fd=parent)
            stack.callback(os.close, fd)
            fds.append(fd)
        if _xattrs_of(fds[0]) != _xattrs_of(fds[1]):
            return False
        while True:
            one, other = os.read(fds[0], _CHUNK), os.read(fds[1], _CHUNK)
            if one != other:
                return False
            if not one:
                return True
    raise AssertionError  # no context manager above swallows exceptions


def _xattrs(parent: int, name: bytes, mode: int) -> dict[str, bytes]:
    fd = os.open(name, _DIRECTORY if S_ISDIR(mode) else _FILE, dir_fd=parent)
    try:
        return _xattrs_of(fd)
    finally:
        os.close(fd)


def _xattrs_of(fd: int) -> dict[str, bytes]:
    return {name: os.getxattr(fd, name) for name in os.listxattr(fd) if not name.startswith("trusted.overlay.")}
