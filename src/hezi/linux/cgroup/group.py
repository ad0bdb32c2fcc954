"""One group in one hierarchy: a directory, held open, with its files read and written relative to it."""

from __future__ import annotations

import os
import time

from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_READ = 1 << 16
_EBUSY, _ENOENT, _ENODEV, _EOPNOTSUPP, _EINVAL = 16, 2, 19, 95, 22
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Group:
    """A directory of a mounted hierarchy.

    :ivar version: 1 or 2.
    :ivar path: for messages and for mounts; never resolved again.
    :ivar fd: the directory; for CLONE_INTO_CGROUP on v2.
    """

    __slots__ = ("_join_fd", "_parent_fd", "_procs_fd", "fd", "name", "path", "version")

    def __init__(self, version: int, path: str, parent_fd: int) -> None:
        """Open the group ``path``, which is in the directory ``parent_fd``; that becomes this object's to close."""
        self.version = version
        self.path = path
        self.name = os.path.basename(path)
        self._parent_fd = parent_fd
        self._procs_fd = self._join_fd = -1
        self.fd = -1
        self.fd = os.open(self.name, _DIRECTORY, dir_fd=parent_fd)

    def close(self) -> None:
        """Close the descriptors; the group stays."""
        for fd in (self.fd, self._procs_fd, self._join_fd, self._parent_fd):
            if fd >= 0:
                os.close(fd)
        self.fd = self._procs_fd = self._join_fd = self._parent_fd = -1

    def has(self, name: str) -> bool:
        """Whether the group has a file of this name: the way to ask for a controller or a kernel's feature."""
        try:
            os.stat(plain_name(name), dir_fd=self.fd, follow_symlinks=False)
        except OSError:
            return False
        return True

    def read(self, name: str) -> str:
        """Read one of its files.

        :raises OSError: ENOENT if the controller is not here; ENODEV if the group is gone; EINVAL for a path.
        """
        try:
            return read_at(self.fd, plain_name(name))
        except OSError as error:
            raise abi.error(error.errno or 0, "read", f"{self.path}/{name}") from None

    def write(self, name: str, value: str) -> None:
        """Write one of its files, in one write(2): the kernel takes each write for a value.

        :raises OSError: what the kernel thinks of it: EINVAL or ERANGE for a value, ENOENT without the controller.
        """
        try:
            fd = self._open_to_write(name)
            try:
                os.write(fd, value.encode())
            finally:
                os.close(fd)
        except OSError as error:
            detail = f"value {value.strip()!r}"
            raise abi.error(error.errno or 0, "write", f"{self.path}/{name}", detail) from None

    def set(self, name: str, value: str) -> None:
        """Write a limit and read it back: what the kernel rounded or ignored is not what was asked for.

        :raises OSError: as :meth:`write`; ERANGE if another value stands there afterwards.
        """
        self.write(name, value)
        found = self.read(name).strip()
        if found != value:
            detail = f"asked for {value!r}, the kernel has {found!r}"
            raise abi.error(34, "write", f"{self.path}/{name}", detail)

    def add(self, pid: int) -> None:
        """Move a process in; 0 is the caller.

        :raises OSError: ESRCH, it is gone; ENOSPC, a v1 cpuset without cpus or mems; EBUSY, v2's rule of no
            processes in inner groups; EAGAIN, the pids controller of v2 has no room.
        """
        if self._procs_fd < 0:
            self._procs_fd = self._open_to_write("cgroup.procs")
        try:
            os.write(self._procs_fd, b"%d" % pid)
        except OSError as error:
            raise abi.error(error.errno or 0, "write", f"{self.path}/cgroup.procs", f"pid {pid}") from None

    def join_fd(self) -> int:
        """A descriptor to which a single-threaded process writes ``0`` to move itself in; closed with this object.

        In v1 that is ``tasks``: a thread that moves itself need not stop the host's forks meanwhile, and saves the
        RCU grace period that a write to cgroup.procs waits for (cgroup_procs_write_start in kernel/cgroup/cgroup.c).
        """
        if self._join_fd < 0:
            self._join_fd = self._open_to_write("tasks" if self.version == 1 else "cgroup.procs")
        return self._join_fd

    def _open_to_write(self, name: str) -> int:
        return os.open(plain_name(name), os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self.fd)

    def pids(self) -> list[int]:
        """List the processes in the group and in those below it; 0 stands for one of a foreign pid namespace.

        Processes come and go while this reads: only an answer of none, with the group frozen or its tasks gone, is
        one to rely on.
        """
        found = []
        for fd in self._walk():
            found += _pids_at(fd)
        return found

    def _walk(self) -> Iterator[int]:
        """Descriptors of this group and of all below it, parents first; each is closed when the next is asked for."""
        stack = [os.dup(self.fd)]
        try:
            while stack:
                fd = stack.pop()
                try:
                    yield fd
                    for name in children(fd):
                        child = _open_child(fd, name)
                        if child >= 0:
                            stack.append(child)
                finally:
                    os.close(fd)
        finally:
            for fd in stack:
                os.close(fd)

    def find(self, pid: int) -> int:
        """Open the group below this one that a process is in; -1 when it is in this one itself, or in none.

        :return: a descriptor, the caller's to close.
        """
        for fd in self._walk():
            if pid in _pids_at(fd):
                return -1 if os.path.sameopenfile(fd, self.fd) else os.dup(fd)
        return -1

    def clear(self) -> None:
        """Remove the groups that were made below.

        :raises OSError: EBUSY, a process is left in one.
        """
        for name in children(self.fd):
            remove_tree(self.fd, name)

    def delete(self, timeout: float = 5.0) -> None:
        """Remove the group and those that were made below it, waiting for the last process to leave.

        A killed process is counted until the kernel has taken it apart, which outlasts the wait of its parent: EBUSY
        is tried again for ``timeout`` seconds. A group that is gone already is fine.

        :raises OSError: EBUSY, somebody still runs in it.
        """
        deadline = time.monotonic() + timeout
        pause = 0.0005
        while True:
            try:
                remove_tree(self._parent_fd, self.name)
            except OSError as error:
                if error.errno != _EBUSY or time.monotonic() > deadline:
                    raise abi.error(error.errno or 0, "rmdir", self.path) from None
                time.sleep(pause)
                pause = min(pause * 2, 0.05)
            else:
                return


def plain_name(name: str) -> str:
    """A file's name as it is; a path would lead to another group's.

    :raises OSError: EINVAL.
    """
    if "/" in name:
        raise OSError(_EINVAL, os.strerror(_EINVAL))
    return name


def read_at(dir_fd: int, name: str) -> str:
    """Read a whole cgroup file; they are generated as they are read, in pieces."""
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=dir_fd)
    try:
        chunks = []
        while chunk := os.read(fd, _READ):
            chunks.append(chunk)
    finally:
        os.close(fd)
    return b"".join(chunks).decode()


def _pids_at(dir_fd: int) -> list[int]:
    """The processes of one group; none when it is gone, or threaded: then its processes are those of a group above."""
    try:
        return [int(line) for line in read_at(dir_fd, "cgroup.procs").split()]
    except OSError as error:
        if error.errno not in {_ENOENT, _ENODEV, _EOPNOTSUPP}:
            raise
    return []


def children(dir_fd: int) -> list[str]:
    """Names of the groups in a group."""
    try:
        with os.scandir(dir_fd) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError as error:
        if error.errno in {_ENOENT, _ENODEV}:
            return []
        raise


def _open_child(parent_fd: int, name: str) -> int:
    """A descriptor of a child, -1 if it is gone meanwhile."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent_fd)
    except FileNotFoundError:
        return -1


def remove_tree(parent_fd: int, name: str) -> None:
    """Remove a group and all below it, deepest first: rmdir is the only way, and works on empty groups alone.

    :raises OSError: EBUSY, a process is left in one of them.
    """
    try:
        os.rmdir(name, dir_fd=parent_fd)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != _EBUSY:
            raise
    else:
        return
    fd = _open_child(parent_fd, name)
    if fd < 0:
        return
    try:
        for child in children(fd):
            remove_tree(fd, child)
    finally:
        os.close(fd)
    try:
        os.rmdir(name, dir_fd=parent_fd)
    except FileNotFoundError:
        return
