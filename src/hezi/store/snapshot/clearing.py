"""Large trees removed by several threads: most of what it takes is the kernel's, which waits for the disk.

As :func:`hezi._util.atomic.remove_tree`, which does each part of it.
"""

from __future__ import annotations

import _thread  # noqa: PLC2701 - threading would cost a removal of little a millisecond and a half
import os
from contextlib import suppress

from hezi._util import atomic
from hezi.linux import fd as linux_fd

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_BELOW = linux_fd.RESOLVE_BENEATH | linux_fd.RESOLVE_NO_SYMLINKS
# More than processors: a file system mounted with "discard" tells the disk of each file that is gone, and waits for it.
_THREADS = 8
# Parts enough for the threads to be done at about the same time, from no deeper than paths stay short.
_PARTS = 200
_FEWEST = 32
_LEVELS = 5


def remove_tree(dir_fd: int, name: str) -> None:
    """Remove the tree ``name`` below ``dir_fd``, in which nobody else changes anything; no link is followed.

    :raises OSError: something cannot be removed.
    """
    parts = _parts(dir_fd, name)
    if len(parts) >= _FEWEST:
        _in_threads(dir_fd, parts)
    # What is above the parts, and whatever a thread could not remove: then it is said why.
    atomic.remove_tree(dir_fd, name)


def _parts(dir_fd: int, name: str) -> list[str]:
    """Directories that hold most of the tree, as paths; none of them is in another."""
    found = [name]
    for _ in range(_LEVELS):
        below = [f"{path}/{child}" for path in found for child in _directories(dir_fd, path)]
        if len(below) < len(found) // 2:
            break
        found = below
        if len(found) >= _PARTS:
            break
    return found


def _directories(dir_fd: int, path: str) -> list[str]:
    try:
        fd = linux_fd.openat2(dir_fd, path, _DIRECTORY, 0, _BELOW)
    except OSError:
        return []
    try:
        with os.scandir(fd) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    finally:
        os.close(fd)


def _in_threads(dir_fd: int, parts: list[str]) -> None:
    """Remove all parts as far as it can be done."""

    def work() -> None:
        while True:
            try:
                above, _, name = parts.pop().rpartition("/")
            except IndexError:
                return
            with suppress(OSError):
                fd = linux_fd.openat2(dir_fd, above, _DIRECTORY, 0, _BELOW)
                try:
                    atomic.remove_tree(fd, name)
                finally:
                    os.close(fd)

    def guarded(lock: _thread.LockType) -> None:
        try:
            work()
        finally:
            lock.release()

    locks = []
    for _ in range(_THREADS - 1):
        lock = _thread.allocate_lock()
        lock.acquire()
        try:
            _thread.start_new_thread(guarded, (lock,))
        except RuntimeError:
            break  # the container's or the user's limit of processes
        locks.append(lock)
    try:
        work()
    finally:
        parts.clear()
        for lock in locks:
            lock.acquire()
