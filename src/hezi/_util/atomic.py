"""Files that are there whole or not at all, and trees that are removed without following a link.

Order of every commit: write, fsync the file, rename, fsync the directory (a rename is durable only then).
"""

from __future__ import annotations

import errno
import os


def write_file(dir_fd: int, name: str, data: bytes, *, mode: int = 0o600, sync: bool = True) -> None:
    """Write ``data`` to ``name`` below ``dir_fd`` so that a reader sees the old file or the new one.

    :raises OSError: as open(2), write(2), fsync(2), rename(2); nothing is left behind then.
    """
    temporary = f".{name}.{os.getpid()}.{os.urandom(4).hex()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode, dir_fd=dir_fd)
    try:
        try:
            write_all(fd, data)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        _unlink_quietly(dir_fd, temporary)
        raise
    if sync:
        os.fsync(dir_fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of ``data``; write(2) may take less than it was given (a full disk says so only on the next call)."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def make_private_dir(path: str) -> None:
    """Make ``path`` and its missing parents, the last one with mode 0700 whatever the umask says."""
    parent = os.path.dirname(path.rstrip("/"))
    if parent and not os.path.isdir(parent):
        make_private_dir(parent)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return


def remove_path(path: str) -> None:
    """As :func:`remove_tree`, for a tree whose directory nobody else may change.

    :raises OSError: as there; the directory that it is in cannot be opened.
    """
    above, name = os.path.split(path)
    fd = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        remove_tree(fd, name)
    finally:
        os.close(fd)


def remove_tree(dir_fd: int, name: str | bytes) -> None:
    """Remove the tree ``name`` below ``dir_fd``; a link is removed, never followed; what is gone already is fine.

    Works by descriptors: swapping a directory for a link while we walk cannot lead us outside. Only one is open at a
    time, and there is no recursion, since a tree from a container may be deeper than either would allow.

    :raises OSError: something cannot be removed, or a directory was moved while we were in it.
    """
    try:
        current = _open_dir(dir_fd, name)
    except FileNotFoundError:
        return
    except OSError:
        # ENOTDIR or ELOOP: not a directory. Anything else unlink says again, with the right text.
        os.unlink(name, dir_fd=dir_fd)
        return
    levels = [_Level(name, current)]
    try:
        while True:
            child = _remove_files(current, levels[-1].left)
            if child is not None:
                below = _open_dir(current, child)
                levels.append(_Level(child, below))
            elif len(levels) > 1:
                below = _open_parent(current, levels[-2])
                os.rmdir(levels.pop().name, dir_fd=below)
            else:
                break
            os.close(current)
            current = below
    finally:
        os.close(current)
    os.rmdir(name, dir_fd=dir_fd)


class _Level:
    """A directory on the way from the tree's top to where we are: who it is, and what is still in it."""

    __slots__ = ("identity", "left", "name")

    def __init__(self, name: str | bytes, fd: int) -> None:
        info = os.fstat(fd)
        self.name = name
        self.identity = (info.st_dev, info.st_ino)
        self.left = os.listdir(fd)


def _remove_files(fd: int, names: list[str]) -> str | None:
    """Remove files from the end of ``names``, up to the first directory, whose name is returned."""
    while names:
        name = names.pop()
        try:
            os.unlink(name, dir_fd=fd)
        except FileNotFoundError:
            continue
        except IsADirectoryError:
            return name
    return None


def _open_dir(dir_fd: int, name: str | bytes) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)


def _open_parent(fd: int, parent: _Level) -> int:
    """Open ``..``, which must be the directory we came from: a directory moved meanwhile would lead us astray."""
    above = _open_dir(fd, "..")
    info = os.fstat(above)
    if (info.st_dev, info.st_ino) != parent.identity:
        os.close(above)
        raise OSError(errno.ESTALE, "directory was moved while it was being removed", os.fsdecode(parent.name))
    return above


def _unlink_quietly(dir_fd: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=dir_fd)
    except OSError:
        return
