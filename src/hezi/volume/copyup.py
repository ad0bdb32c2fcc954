"""Copy-up: the first use of an empty volume fills it with what the image has at that place.

Both sides are walked by descriptor: the source is inside an image (resolved in its root, links never followed), the
target is a volume that another container may be writing to at the same time. Owners, modes, times, extended attributes,
links, devices and FIFOs are kept; hard links inside the tree stay hard links.
"""

from __future__ import annotations

import os
import stat

from hezi import errors
from hezi.linux import fd as linux_fd

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_DEPTH = 200  # two descriptors each, below the usual limit of 1024
_CHUNK = 1 << 20


def copy_up(root_fd: int, path: str, volume: str) -> bool:
    """Fill the volume at ``volume`` from the directory ``path`` of an image, if the volume is empty.

    :param root_fd: the image's root directory.
    :return: whether anything was done.
    :raises errors.Error: it cannot be copied.
    """
    try:
        target = os.open(volume, _DIRECTORY)
    except OSError as error:
        doing = "cannot open the volume"
        raise errors.from_os_error(doing, error) from error
    try:
        if os.listdir(target):
            return False
        source = _open_source(root_fd, path)
        if source < 0:
            return False
        try:
            _Copy().tree(source, target)
        finally:
            os.close(source)
    except OSError as error:
        doing = f"cannot copy the image's {path} into the volume"
        raise errors.from_os_error(doing, error) from error
    finally:
        os.close(target)
    return True


def _open_source(root_fd: int, path: str) -> int:
    """Open the directory in the image; -1 when there is none (then the volume just stays empty)."""
    try:
        return linux_fd.open_in_root(root_fd, path.lstrip("/"), os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return -1


class _Copy:
    """One copy under way; knows which files with several names it has copied."""

    def __init__(self) -> None:
        self._links: dict[tuple[int, int], str] = {}

    def tree(self, source: int, target: int) -> None:
        self._directory(source, target, target, "", 0)

    def _directory(self, source: int, target: int, top: int, prefix: str, depth: int) -> None:
        if depth > _MAX_DEPTH:
            message = f"the tree is more than {_MAX_DEPTH} directories deep"
            raise errors.Error(errors.INVALID, message)
        for name in os.listdir(source):
            info = os.stat(name, dir_fd=source, follow_symlinks=False)
            path = f"{prefix}{name}"
            if stat.S_ISDIR(info.st_mode):
                self._enter(source, target, top, name, path, depth)
            elif info.st_nlink > 1 and (info.st_dev, info.st_ino) in self._links:
                known = self._links[info.st_dev, info.st_ino]
                _link(top, known, target, name)
            else:
                _entry(source, target, name, info)
                if info.st_nlink > 1:
                    self._links[info.st_dev, info.st_ino] = path
        _finish(source, target)

    def _enter(self, source: int, target: int, top: int, name: str, path: str, depth: int) -> None:
        below = os.open(name, _DIRECTORY, dir_fd=source)
        try:
            os.mkdir(name, 0o700, dir_fd=target)
            copy = os.open(name, _DIRECTORY, dir_fd=target)
            try:
                self._directory(below, copy, top, f"{path}/", depth + 1)
            finally:
                os.close(copy)
        finally:
            os.close(below)


def _link(top: int, known: str, target: int, name: str) -> None:
    """Give a copied file another name; the first one is found again below the volume's top without following links."""
    flags = linux_fd.RESOLVE_BENEATH | linux_fd.RESOLVE_NO_SYMLINKS
    first, _, last = known.rpartition("/")
    parent = linux_fd.openat2(top, first or ".", os.O_RDONLY | os.O_DIRECTORY, resolve=flags)
    try:
        os.link(last, name, src_dir_fd=parent, dst_dir_fd=target, follow_symlinks=False)
    finally:
        os.close(parent)


def _entry(source: int, target: int, name: str, info: os.stat_result) -> None:
    if stat.S_ISREG(info.st_mode):
        _file(source, target, name)
        return
    if stat.S_ISLNK(info.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        os.chown(name, info.st_uid, info.st_gid, dir_fd=target, follow_symlinks=False)
        os.utime(name, ns=(info.st_atime_ns, info.st_mtime_ns), dir_fd=target, follow_symlinks=False)
        return
    if stat.S_ISSOCK(info.st_mode):
        return
    os.mknod(name, stat.S_IFMT(info.st_mode) | 0o600, info.st_rdev, dir_fd=target)
    made = os.open(name, linux_fd.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=target)
    try:
        linux_fd.chown_fd(made, info.st_uid, info.st_gid)
        linux_fd.chmod_fd(made, stat.S_IMODE(info.st_mode))
        linux_fd.utimens_fd(made, info.st_atime_ns, info.st_mtime_ns)
    finally:
        os.close(made)


def _file(source: int, target: int, name: str) -> None:
    # O_NONBLOCK: what was a file when we looked may be a FIFO now.
    read = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source)
    try:
        write = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=target)
        try:
            offset = 0
            while sent := os.sendfile(write, read, offset, _CHUNK):
                offset += sent
            _finish(read, write)
        finally:
            os.close(write)
    finally:
        os.close(read)


def _finish(source: int, target: int) -> None:
    """Owner first: chown clears setuid bits and capabilities. Times last: everything else changes them."""
    info = os.fstat(source)
    os.fchown(target, info.st_uid, info.st_gid)
    for name in os.listxattr(source):
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError:
            # The volume's file system may not have this kind; security labels belong to the place, not to the copy.
            if name.startswith(("user.", "security.capability")):
                raise
    os.fchmod(target, stat.S_IMODE(info.st_mode))
    os.utime(target, ns=(info.st_atime_ns, info.st_mtime_ns))
