"""Groups as people handle them: found by path or by process, made, looked into, filled, stopped, removed.

::

    from hezi.linux.cgroup import survey, tree

    memory = survey.take().carrying("memory").hierarchy
    with tree.make(memory, "/jobs/one") as group:
        group.set("memory.limit_in_bytes", "104857600")
        group.add(pid)
        ...
        group.kill()
        group.remove()

A :class:`Node` is one group of one hierarchy, its directory held open. Where the kernel refuses, the error names the
rule (:mod:`hezi.linux.cgroup.rules`). The container start path does not come here: it has
:mod:`hezi.linux.cgroup.manager`.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from hezi._util.record import NamedTuple
from hezi.linux import abi
from hezi.linux.cgroup import group as groups
from hezi.linux.cgroup import layout, manager, rules
from hezi.linux.cgroup.controllers import freezer
from hezi.linux.cgroup.group import Group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

    from hezi.linux.cgroup.layout import Hierarchy

_PATH_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_EBUSY, _ENOENT, _EINVAL, _ETIMEDOUT, _EOPNOTSUPP, _EPERM = 16, 2, 22, 110, 95, 1
_GONE = {2, 19}  # ENOENT, ENODEV


class Pressure(NamedTuple):
    """How much time was lost waiting for a resource (Documentation/accounting/psi.rst): per cent, and microseconds.

    ``some``: at least one task waited; ``full``: all of them did at once.
    """

    some_avg10: float
    some_avg60: float
    some_avg300: float
    some_total_us: int
    full_avg10: float = 0.0
    full_avg60: float = 0.0
    full_avg300: float = 0.0
    full_total_us: int = 0


class Node(Group):
    """A group of a hierarchy; with the methods of :class:`Group`, those that need to know where it hangs.

    :ivar hierarchy: what it is in.
    :ivar at: its path from the top of the mount: ``/`` or ``/jobs/one``.
    """

    __slots__ = ("at", "hierarchy")

    def __init__(self, hierarchy: Hierarchy, at: str, parent_fd: int) -> None:
        """Open the group ``at``, which is in the directory ``parent_fd``; that becomes this object's to close."""
        path = hierarchy.mount_point if at == "/" else hierarchy.mount_point + at
        self.hierarchy = hierarchy
        self.at = at
        super().__init__(hierarchy.version, path, parent_fd)

    def __enter__(self) -> Node:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_top(self) -> bool:
        """Whether it is the topmost group to be seen."""
        return self.at == "/"

    # --- looking --------------------------------------------------------------------------------------------------

    def children(self) -> tuple[str, ...]:
        """Names of the groups right below, in the kernel's order."""
        return tuple(groups.children(self.fd))

    def files(self) -> tuple[str, ...]:
        """Names of the files, in the kernel's order: what the controllers here can be told and asked."""
        with os.scandir(self.fd) as entries:
            return tuple(entry.name for entry in entries if entry.is_file(follow_symlinks=False))

    def mode(self, name: str) -> int:
        """Permission bits of a file of the group.

        :raises OSError: ENOENT.
        """
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode & 0o7777
        except OSError as error:
            raise abi.error(error.errno or 0, "stat", f"{self.path}/{name}") from None

    def child(self, name: str) -> Node:
        """Open a group right below.

        :raises OSError: ENOENT.
        """
        return _node(self.hierarchy, _join(self.at, name), os.dup(self.fd))

    def parent(self) -> Node | None:
        """Open the group above; None for the top."""
        return None if self.is_top else open_node(self.hierarchy, os.path.dirname(self.at))

    def processes(self) -> list[int]:
        """List the processes of this group alone; 0 is one that this pid namespace does not see.

        :raises OSError: EOPNOTSUPP, a threaded group of v2 has threads only.
        """
        return [int(line) for line in self.read("cgroup.procs").split()]

    def threads(self) -> list[int]:
        """List the threads of this group alone."""
        return [int(line) for line in self.read("tasks" if self.version == 1 else "cgroup.threads").split()]

    def populated(self) -> bool:
        """Whether a process is in this group or below it."""
        if self.version == 2 and not self.is_top:
            return self.events().get("populated") == 1
        return bool(self.pids())

    def events(self) -> dict[str, int]:
        """Count what happened here: v2's cgroup.events, memory.events and pids.events, v1's nearest to them.

        Keys of controllers are theirs with a dot: ``memory.oom_kill``, ``pids.max``, ``cpu.nr_throttled``.
        """
        found: dict[str, int] = {}
        for name, prefix in _EVENT_FILES[self.version]:
            with suppress(FileNotFoundError):
                for line in self.read(name).splitlines():
                    word, _, count = line.partition(" ")
                    if count.strip().isdigit():
                        found[prefix + word] = int(count)
        return found

    def pressure(self, resource: str) -> Pressure | None:
        """Tell how ``cpu``, ``memory`` or ``io`` is short here; None where nobody measures it (v1 groups).

        :raises OSError: EOPNOTSUPP, measuring is switched off (cgroup.pressure, psi=0).
        """
        if resource not in {"cpu", "memory", "io", "irq"}:
            raise abi.error(_EINVAL, "pressure", resource)
        name = f"{resource}.pressure"
        return parse_pressure(self.read(name)) if self.has(name) else None

    # --- filling --------------------------------------------------------------------------------------------------

    def add(self, pid: int) -> None:
        """Move a process in, with all its threads; 0 is the caller.

        :raises OSError: ESRCH; for the others the text has the rule that was broken.
        """
        try:
            super().add(pid)
        except OSError as error:
            raise rules.broken(error, rules.JOIN, "write") from None

    def add_thread(self, tid: int) -> None:
        """Move one thread in: anywhere on v1, within a threaded subtree on v2.

        :raises OSError: as :meth:`add`.
        """
        try:
            self.write("tasks" if self.version == 1 else "cgroup.threads", str(tid))
        except OSError as error:
            raise rules.broken(error, rules.JOIN, "write") from None

    def set(self, name: str, value: str) -> None:
        """Write a limit and read it back, as :meth:`Group.set`.

        :raises OSError: the text has the rule that was broken.
        """
        try:
            super().set(name, value)
        except OSError as error:
            raise rules.broken(error, rules.SET, "write") from None

    # --- what v2 hands on -----------------------------------------------------------------------------------------

    def available(self) -> tuple[str, ...]:
        """The controllers that limit this group."""
        return tuple(self.read("cgroup.controllers").split()) if self.version == 2 else self.hierarchy.controllers

    def handed_on(self) -> tuple[str, ...]:
        """The controllers that limit the groups below; on v1 all that the hierarchy has."""
        return tuple(self.read("cgroup.subtree_control").split()) if self.version == 2 else self.hierarchy.controllers

    def hand_on(self, *controllers: str) -> None:
        """Let controllers of v2 limit the groups below.

        :raises OSError: EBUSY or ENOENT, with the rule.
        """
        self._control("+", controllers, rules.ENABLE)

    def take_back(self, *controllers: str) -> None:
        """Let controllers of v2 no longer limit the groups below.

        :raises OSError: EBUSY, with the rule.
        """
        self._control("-", controllers, rules.DISABLE)

    def _control(self, sign: str, controllers: Sequence[str], table: dict[int, str]) -> None:
        if self.version == 1:
            raise abi.error(_EOPNOTSUPP, "write", self.path, "v1 hierarchies always hand on all their controllers")
        try:
            self.write("cgroup.subtree_control", " ".join(sign + name for name in controllers))
        except OSError as error:
            raise rules.broken(error, table, "write") from None

    def make_threaded(self) -> None:
        """Make this v2 group part of its parent's threaded subtree: threads of a process may part here.

        :raises OSError: EOPNOTSUPP, it or its parent is in the way.
        """
        self.write("cgroup.type", "threaded")

    # --- stopping, removing ---------------------------------------------------------------------------------------

    def freeze(self, timeout: float = 5.0) -> None:
        """Stop every task here and below.

        :raises OSError: EOPNOTSUPP, a v1 hierarchy without the freezer; ETIMEDOUT.
        """
        self._check_freezable()
        freezer.freeze(self, timeout)

    def thaw(self) -> None:
        """Let every task go on."""
        self._check_freezable()
        freezer.thaw(self)

    def frozen(self) -> bool:
        """Whether all tasks have stopped."""
        self._check_freezable()
        return freezer.is_frozen(self)

    def _check_freezable(self) -> None:
        name = "cgroup.freeze" if self.version == 2 else "freezer.state"
        if not self.has(name):
            raise abi.error(_EOPNOTSUPP, "freeze", self.path, "the top of a hierarchy, or one without a freezer")

    def kill(self, timeout: float = 10.0) -> None:
        """Kill every process here and below, those being forked meanwhile too; return when none is left.

        :raises OSError: EPERM for the top of a hierarchy; ETIMEDOUT, a process does not end (state D).
        """
        if self.is_top:
            raise abi.error(_EPERM, "kill", self.path, rules.ROOT_STAYS)
        deadline = time.monotonic() + timeout
        pause = 0.0005
        while left := [pid for pid in self._members() if pid]:
            if time.monotonic() > deadline:
                raise abi.error(_ETIMEDOUT, "kill", self.path, f"processes {left} do not end")
            self._strike(left)
            time.sleep(pause)
            pause = min(pause * 2, 0.05)

    def _members(self) -> list[int]:
        try:
            return self.pids()
        except OSError as error:
            if error.errno in _GONE:
                return []
            raise

    def _strike(self, pids: Iterable[int]) -> None:
        if self.version == 2 and self.has("cgroup.kill"):  # 5.14
            self.write("cgroup.kill", "1")
            return
        # A frozen fork bomb cannot outrun the list; a frozen task of v1 takes the signal when thawed.
        stopped = self.has("freezer.state")
        try:
            if stopped:
                with suppress(OSError):
                    freezer.freeze(self, 0.5)
                pids = self._members()
            for pid in set(pids) - {0}:
                manager.kill_member(pid, self)
        finally:
            if stopped:
                with suppress(OSError):
                    freezer.thaw(self)

    def remove(self, *, recursive: bool = False, timeout: float = 0.0) -> None:
        """Remove the group.

        :param recursive: those below it too.
        :param timeout: seconds to wait for dying processes to be gone.
        :raises OSError: EBUSY, processes or groups are in it; EPERM, it is the top.
        """
        if self.is_top:
            raise abi.error(_EPERM, "rmdir", self.path, rules.ROOT_STAYS)
        try:
            if not recursive and (inside := self.children()):
                raise abi.error(_EBUSY, "rmdir", self.path, f"groups in it: {', '.join(inside[:5])}")
            self.delete(timeout)
        except OSError as error:
            raise rules.broken(error, rules.REMOVE, "rmdir") from None


_EVENT_FILES = {
    1: (("memory.oom_control", "memory."), ("pids.events", "pids."), ("cpu.stat", "cpu.")),
    2: (("cgroup.events", ""), ("memory.events", "memory."), ("pids.events", "pids."), ("cpu.stat", "cpu.")),
}


def parse_pressure(text: str) -> Pressure:
    """Read the two lines ``some avg10=0.00 avg60=0.00 avg300=0.00 total=0`` and ``full ...``."""
    values: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        word, *pairs = line.split()
        values[word] = dict(pair.split("=", 1) for pair in pairs)
    some, full = values["some"], values.get("full", {})
    return Pressure(
        some_avg10=float(some["avg10"]),
        some_avg60=float(some["avg60"]),
        some_avg300=float(some["avg300"]),
        some_total_us=int(some["total"]),
        full_avg10=float(full.get("avg10", 0)),
        full_avg60=float(full.get("avg60", 0)),
        full_avg300=float(full.get("avg300", 0)),
        full_total_us=int(full.get("total", 0)),
    )


def _join(at: str, name: str) -> str:
    return f"/{name}" if at == "/" else f"{at}/{name}"


def _node(hierarchy: Hierarchy, at: str, parent_fd: int) -> Node:
    try:
        return Node(hierarchy, at, parent_fd)
    except BaseException as error:
        os.close(parent_fd)
        if isinstance(error, OSError):
            raise abi.error(error.errno or 0, "open", hierarchy.mount_point + at) from None
        raise


def top(hierarchy: Hierarchy) -> Node:
    """Open the topmost group to be seen.

    :raises OSError: EOPNOTSUPP, something else is mounted over it by now.
    """
    node = _node(hierarchy, "/", os.open(os.path.dirname(hierarchy.mount_point), _PATH_DIRECTORY))
    try:
        manager.check_magic(node.fd, hierarchy)
    except BaseException:
        node.close()
        raise
    return node


def open_node(hierarchy: Hierarchy, path: str) -> Node:
    """Open the group ``path``, from the top of the mount.

    :raises OSError: ENOENT, there is none; EINVAL, no path.
    """
    if not path.strip("/"):
        return top(hierarchy)
    parts = manager.split(path)
    try:
        parent = manager.walk(hierarchy, parts[:-1], make=False)
    except OSError as error:
        raise abi.error(error.errno or 0, "open", f"{hierarchy.mount_point}/{'/'.join(parts)}") from None
    return _node(hierarchy, "/" + "/".join(parts), parent)


def make(hierarchy: Hierarchy, path: str, *, controllers: Sequence[str] = (), exist_ok: bool = False) -> Node:
    """Make a group, and those above it that are missing.

    A v1 cpuset gets its parent's processors and memory nodes, without which it would take no task.

    :param controllers: of v2: to be handed on by all groups above, so that they limit this one.
    :param exist_ok: a group that is there is opened.
    :raises OSError: EEXIST; EROFS or EACCES, the hierarchy is not ours to change; a broken rule of v2 in words.
    """
    parts = manager.split(path)
    above = top(hierarchy)
    try:
        for index, name in enumerate(parts):
            if hierarchy.version == 2 and controllers:
                missing = [one for one in controllers if one not in above.handed_on()]
                if missing:
                    above.hand_on(*missing)
            made = _mkdir(above, name, exist_ok=exist_ok or index + 1 < len(parts))
            node = above.child(name)
            needed = made or index + 1 < len(parts)
            if needed and hierarchy.version == 1 and "cpuset" in hierarchy.controllers:
                manager.copy_cpuset(above.fd, node.fd)
            above.close()
            above = node
    except BaseException:
        above.close()
        raise
    return above


def _mkdir(above: Node, name: str, *, exist_ok: bool) -> bool:
    try:
        os.mkdir(name, 0o755, dir_fd=above.fd)
    except OSError as error:
        if isinstance(error, FileExistsError) and exist_ok:
            return False
        raise abi.error(error.errno or 0, "mkdir", f"{above.path}/{name}") from None
    return True


def walk(node: Node) -> Iterator[str]:
    """Paths of a group and all below it, parents first, in the kernel's order; those that go meanwhile are left out."""
    yield node.at
    base = node.hierarchy.mount_point
    stack = [_join(node.at, name) for name in reversed(node.children())]
    while stack:
        at = stack.pop()
        try:
            with os.scandir(base + at) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            if error.errno in _GONE:
                continue
            raise
        yield at
        stack.extend(_join(at, name) for name in reversed(names))


def membership(pid: int | str = "self") -> dict[str, str]:
    """Return the group of a process in each hierarchy: controllers joined by commas ("" for v2) -> path.

    The paths are relative to the cgroup namespace of the reader; one outside it begins with ``/..``.

    :raises OSError: ENOENT or ESRCH, it is gone.
    """
    with open(f"/proc/{pid}/cgroup", "rb") as file:
        text = file.read().decode("utf-8", "surrogateescape")
    lines = map(layout.membership_line, text.splitlines())
    return {",".join(line.controllers): line.path.removesuffix(" (deleted)") for line in lines}


def path_in(hierarchy: Hierarchy, pid: int | str = "self") -> str | None:
    """Return the path of a process's group from the top of the mount; None if that lies outside of what is mounted.

    :raises OSError: as :func:`membership`.
    """
    words = {*hierarchy.controllers, *([f"name={hierarchy.name}"] if hierarchy.name else [])}
    for key, path in membership(pid).items():
        if (hierarchy.version == 2 and not key) or (hierarchy.version == 1 and words & set(key.split(","))):
            root = "" if hierarchy.root == "/" else hierarchy.root
            if path == root or path.startswith(f"{root}/"):
                return path[len(root) :] or "/"
            return None
    return None
