"""A container's groups as its monitor needs them: joining, freezing, killing, what they tell of its end, removal.

Made and limited by the engine (:mod:`hezi.linux.cgroup.manager`), handed over as paths: (version, path, controllers).
"""

from __future__ import annotations

import os
import time

from hezi.linux import pidfd
from hezi.linux.cgroup.controllers import freezer, memory, pids
from hezi.linux.cgroup.group import Group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SIGKILL = 9
_EOPNOTSUPP = 95
_PATH_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_FILES = {
    1: ("memory.limit_in_bytes", "memory.max_usage_in_bytes"),
    2: ("memory.max", "memory.peak"),
}


class Groups:
    """The groups of one container, with their directories held open."""

    __slots__ = ("_by_controller", "_groups", "_oom_before")

    def __init__(self, known: list[tuple[int, str, tuple[str, ...]]]) -> None:
        self._groups: list[Group] = []
        self._by_controller: dict[str, Group] = {}
        for version, path, controllers in known:
            parent = os.open(os.path.dirname(path), _PATH_DIRECTORY)
            try:
                group = Group(version, path, parent)
            except OSError:
                os.close(parent)
                raise
            self._groups.append(group)
            for controller in controllers:
                self._by_controller[controller] = group
        self._oom_before = self.oom_kills() or 0

    def add(self, pid: int) -> None:
        """Move a process in, in every hierarchy."""
        for group in self._groups:
            group.add(pid)

    # --- what happened in it --------------------------------------------------------------------------------------

    def oom_kills(self) -> int | None:
        """Processes killed for want of memory since the group was made; None when nobody counts them."""
        group = self._by_controller.get(memory.NAME)
        try:
            return None if group is None else memory.oom_kills(group)
        except OSError:
            return None

    def new_oom_kills(self) -> int:
        """Those since this container was last started."""
        return (self.oom_kills() or 0) - self._oom_before

    def started(self) -> None:
        """Count from here on."""
        self._oom_before = self.oom_kills() or 0

    def watch_oom(self) -> tuple[int, int]:
        """Give a descriptor that tells of the next OOM kill, and one to keep open with it; (-1, -1) without the means.

        v2: memory.events, ready with POLLPRI. v1: an eventfd in cgroup.event_control (cgroup-v1/memory.rst).
        """
        group = self._by_controller.get(memory.NAME)
        if group is None:
            return -1, -1
        events = control = -1
        try:
            if group.version == 2:
                return os.open("memory.events", os.O_RDONLY | os.O_CLOEXEC, dir_fd=group.fd), -1
            control = os.open("memory.oom_control", os.O_RDONLY | os.O_CLOEXEC, dir_fd=group.fd)
            events = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            group.write("cgroup.event_control", f"{events} {control}")
        except OSError:
            for fd in {events, control} - {-1}:
                os.close(fd)
            return -1, -1
        return events, control

    def evidence(self) -> dict[str, Any]:
        """Give what the groups tell of a container's end; saved before they go."""
        found: dict[str, Any] = {"oom_kills": self.new_oom_kills()}
        group = self._by_controller.get(memory.NAME)
        if group is not None:
            for key, name in zip(("memory_limit", "memory_peak"), _FILES[group.version], strict=True):
                found[key] = _number(group, name)
        group = self._by_controller.get(pids.NAME)
        if group is not None:
            found["pids_limit"] = _number(group, pids.MAX)
            try:
                found["pids_refused"] = pids.refused(group)
            except (OSError, ValueError):
                found["pids_refused"] = None
        return found

    # --- where its programs are -----------------------------------------------------------------------------------

    def inner(self, pid: int) -> int:
        """Give a descriptor of the v2 group that one of its processes is in; -1 when that is the container's own.

        A container that shares out its groups has to move its processes down before it hands controllers on; then the
        kernel lets nobody into its own group any more, and what joins it goes where the first process is.
        """
        for group in self._groups:
            if group.version == 2 and _handed_on(group):
                return group.find(pid)
        return -1

    def reset(self) -> None:
        """Take away the groups that the last run made, and what was handed on to them."""
        for group in self._groups:
            try:
                group.clear()
                for controller in _handed_on(group) if group.version == 2 else ():
                    _write(group, "cgroup.subtree_control", f"-{controller}")
            except OSError:
                continue

    # --- what is done to it ---------------------------------------------------------------------------------------

    def freeze(self) -> None:
        """Stop every task.

        :raises OSError: EOPNOTSUPP without the means; ETIMEDOUT.
        """
        freezer.freeze(self._freezable(), 2.0)

    def thaw(self) -> None:
        """Let every task go on."""
        freezer.thaw(self._freezable())

    def _freezable(self) -> Group:
        for group in self._groups:
            if group.version == 2 and group.has("cgroup.freeze"):
                return group
        found = self._by_controller.get(freezer.NAME)
        if found is None:
            raise OSError(_EOPNOTSUPP, "freeze: no freezer controller and no cgroup.freeze")
        return found

    def kill(self, seconds: float = 2.0) -> bool:
        """Kill what is left in it; False when something does not end in time."""
        deadline = time.monotonic() + seconds
        pause = 0.0005
        while True:
            left = {pid for group in self._groups for pid in _pids(group)} - {0}
            if not left:
                return True
            if time.monotonic() > deadline:
                return False
            for group in self._groups:
                if group.version == 2 and group.has("cgroup.kill"):
                    _write(group, "cgroup.kill", "1")
            for pid in left:
                self._kill(pid)
            time.sleep(pause)
            pause = min(pause * 2, 0.05)

    def _kill(self, pid: int) -> None:
        try:
            handle = pidfd.pidfd_open(pid)
        except OSError:
            return
        try:
            # With the handle open the number cannot be given out again: if it still stands there it is the one meant.
            if any(pid in _pids(group) for group in self._groups):
                pidfd.pidfd_send_signal(handle, _SIGKILL)
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)

    def delete(self) -> bool:
        """Remove the groups; False when one cannot be removed, which is left for the next sweep."""
        gone = True
        for group in self._groups:
            try:
                group.delete(1.0)
            except OSError:
                gone = False
        return gone


def _pids(group: Group) -> list[int]:
    try:
        return group.pids()
    except OSError:
        return []


def _handed_on(group: Group) -> list[str]:
    try:
        return group.read("cgroup.subtree_control").split()
    except OSError:
        return []


def _number(group: Group, name: str) -> int | None:
    """Read a limit or counter; None is no limit, or no such file."""
    try:
        text = group.read(name).strip()
    except OSError:
        return None
    # v1 says "no limit" by a number of pages that no machine has.
    return int(text) if text.isdigit() and int(text) < 1 << 62 else None


def _write(group: Group, name: str, value: str) -> None:
    try:
        group.write(name, value)
    except OSError:
        return
