"""Locks between processes: flock(2) on a file of its own.

The kernel drops a flock when its last descriptor closes, so a killed holder never leaves a lock behind, and there is
no fixed number of locks to run out of.
"""

from __future__ import annotations

import errno
import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class FileLock:
    """An exclusive or shared lock on the file ``name`` below the directory ``dir_fd``; a context manager.

    :param blocking: False makes :meth:`acquire` return False at once when somebody else holds it.
    """

    __slots__ = ("_blocking", "_dir_fd", "_fd", "_name", "_shared")

    def __init__(self, dir_fd: int | None, name: str, *, shared: bool = False, blocking: bool = True) -> None:
        self._dir_fd = dir_fd
        self._name = name
        self._shared = shared
        self._blocking = blocking
        self._fd = -1

    def acquire(self) -> bool:
        """Take the lock; True when it is ours.

        :raises OSError: the lock file cannot be made.
        """
        flags = fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX
        if not self._blocking:
            flags |= fcntl.LOCK_NB
        while True:
            fd = os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600, dir_fd=self._dir_fd)
            try:
                fcntl.flock(fd, flags)
                # Whoever removes lock files does so while holding them: what we locked may be gone from its name.
                if self._still_named(fd):
                    self._fd = fd
                    fd = -1
                    return True
            except OSError as error:
                if error.errno == errno.EWOULDBLOCK:
                    return False
                raise
            finally:
                if fd >= 0:
                    os.close(fd)

    def _still_named(self, fd: int) -> bool:
        try:
            named = os.stat(self._name, dir_fd=self._dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        mine = os.fstat(fd)
        return (named.st_dev, named.st_ino) == (mine.st_dev, mine.st_ino)

    def release(self, *, remove: bool = False) -> None:
        """Give the lock up; ``remove`` also takes its file away (only the exclusive holder may)."""
        if self._fd < 0:
            return
        try:
            if remove:
                os.unlink(self._name, dir_fd=self._dir_fd)
        finally:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
