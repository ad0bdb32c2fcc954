"""Files that are there whole or not at all, and trees that are removed without following a link.

Order of every commit: write, fsync the file, rename, fsync the directory (a rename is durable only then).
"""

from __future__ import annotations

import os
import stat


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


# A tree may be thousands of directories deep, and a process may have 1024 descriptors: what lies deeper than this is
# moved up to the top of the tree first.
_OPEN_LEVELS = 64


def remove_tree(dir_fd: int, name: str | bytes) -> None:
    """Remove the tree ``name`` below ``dir_fd``; a link is removed, never followed; what is gone already is fine.

    Works with a descriptor per directory: swapping a directory for a link while we walk cannot lead us outside.

    :raises OSError: something cannot be removed.
    """
    try:
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    except FileNotFoundError:
        return
    except OSError:
        # ENOTDIR or ELOOP: not a directory. Anything else unlink says again, with the right text.
        os.unlink(name, dir_fd=dir_fd)
        return
    # A list of open directories instead of recursion: a tree from an image may be deeper than Python's stack.
    stack: list[tuple[int, str | bytes, int, list[str]]] = [(dir_fd, name, fd, os.listdir(fd))]
    try:
        while stack:
            parent, own_name, current, names = stack[-1]
            if not names:
                os.close(current)
                stack.pop()
                os.rmdir(own_name, dir_fd=parent)
                continue
            _remove_entry(stack, current, names.pop())
    finally:
        for _, _, open_fd, _ in stack:
            os.close(open_fd)


def _remove_entry(stack: list[tuple[int, str | bytes, int, list[str]]], current: int, child: str) -> None:
    try:
        info = os.stat(child, dir_fd=current, follow_symlinks=False)
        if not stat.S_ISDIR(info.st_mode):
            os.unlink(child, dir_fd=current)
            return
        if len(stack) >= _OPEN_LEVELS:
            _, _, top, top_names = stack[0]
            moved = f".deep-{os.urandom(8).hex()}"
            os.rename(child, moved, src_dir_fd=current, dst_dir_fd=top)
            top_names.append(moved)
            return
        child_fd = os.open(child, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
    except FileNotFoundError:
        return
    stack.append((current, child, child_fd, os.listdir(child_fd)))


def _unlink_quietly(dir_fd: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=dir_fd)
    except OSError:
        return
