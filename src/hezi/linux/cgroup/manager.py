"""A container's groups: one in each hierarchy of the host, handled as one thing.

::

    group = manager.create(layout.detect(), "/hezi/4f1c...")
    group.apply(resources)      # limits before anything runs in it
    group.add(pid)              # or, faster: the process itself through join_fds, its child through cgroup_fd
    ...
    group.kill(); group.delete(); group.close()

The parent (``/hezi``) is made on the way and stays: removing it would race with the next container's start.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from hezi._util.record import NamedTuple, Protocol
from hezi.linux import abi, fd, pidfd
from hezi.linux.cgroup import group as groups
from hezi.linux.cgroup.controllers import devices, freezer, memory, pids
from hezi.linux.cgroup.group import Group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from types import TracebackType

    from hezi.linux.cgroup import limits
    from hezi.linux.cgroup.layout import Hierarchy, Layout

_EBUSY, _EINVAL, _ENOENT, _EEXIST, _ETIMEDOUT, _EOPNOTSUPP = 16, 22, 2, 17, 110, 95
_SIGKILL = 9
_ESRCH = 3
_MAGIC = {1: 0x27E0EB, 2: abi.CGROUP2_SUPER_MAGIC}  # linux/magic.h
_PATH_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
# What v2 groups hand on to the container's: those that have limits with docker run. Others stay where they are, since a
# controller that v2 has handed on cannot be mounted as v1 any more, which is for the host to decide.
HANDED_ON = frozenset({"cpu", "cpuset", "io", "memory", "pids"})
# How often making the path anew is tried when somebody removes it under us.
_TRIES = 10


class Resources(Protocol):
    """What :meth:`ContainerCgroup.apply` takes; the runtime specification's resources are one."""

    @property
    def pids_limit(self) -> int | None: ...
    @property
    def devices(self) -> Sequence[devices.Rule]: ...
    @property
    def cpu(self) -> limits.Cpu | None: ...
    @property
    def memory(self) -> limits.Memory | None: ...
    @property
    def block_io(self) -> limits.BlockIO | None: ...


class Membership(NamedTuple):
    """One hierarchy and the container's group in it."""

    hierarchy: Hierarchy
    group: Group


class ContainerCgroup:
    """The groups of one container, with their directories held open.

    :ivar warnings: limits that this host cannot apply for want of the controller, in words.
    """

    __slots__ = ("_members", "path", "warnings")

    def __init__(self, path: str, members: Sequence[Membership]) -> None:
        self.path = path
        self._members = tuple(members)
        self.warnings: list[str] = []

    def __enter__(self) -> ContainerCgroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptors; the groups stay."""
        for member in self._members:
            member.group.close()

    @property
    def paths(self) -> dict[str, str]:
        """The group's directory in each hierarchy, by the hierarchy's mount point."""
        return {member.hierarchy.mount_point: member.group.path for member in self._members}

    def describe(self) -> list[tuple[int, str, tuple[str, ...]]]:
        """Give (version, path, controllers) of each group, for a process that is to open them itself."""
        return [
            (member.hierarchy.version, member.group.path, tuple(member.hierarchy.controllers))
            for member in self._members
        ]

    @property
    def cgroup_fd(self) -> int | None:
        """The directory in the v2 hierarchy, for CLONE_INTO_CGROUP; None without one."""
        v2 = self._v2()
        return None if v2 is None else v2.fd

    def add(self, pid: int) -> None:
        """Move a process into the group of every hierarchy; 0 is the caller.

        The first of these writes waits for an RCU grace period (5-15 ms) if nobody on the host was moved lately, the
        others take microseconds: do it while there is something else to wait for. A process that can help itself does
        better, see :meth:`join_fds`.

        :raises OSError: see :meth:`Group.add`.
        """
        for member in self._members:
            member.group.add(pid)

    def join_fds(self, *, v2: bool = True) -> list[int]:
        """Descriptors to each of which a single-threaded process writes ``0`` to move itself in.

        On v1 hierarchies that waits for nothing: 0.2 ms for all, where :meth:`add` takes 5-15. Together with
        CLONE_INTO_CGROUP for the v2 hierarchy no process has to be moved from outside at all. They stay this object's.

        :param v2: the v2 hierarchy's too; not needed by a process whose child is born there.
        """
        return [member.group.join_fd() for member in self._members if v2 or member.group.version == 1]

    def apply(self, resources: Resources) -> None:
        """Set the limits and read each back.

        :raises OSError: one could not be applied; EOPNOTSUPP if there is no way to restrict devices, which is no
            matter for a warning: a container with CAP_MKNOD could make and read the host's disks.
        """
        if resources.devices:
            carrier = self._carrying(devices.NAME) or self._v2()
            if carrier is None:
                raise abi.error(_EOPNOTSUPP, "cgroup", self.path, "no devices controller and no cgroup v2")
            devices.apply(carrier, resources.devices)
        if resources.pids_limit is not None:
            carrier = self._carrying(pids.NAME)
            if carrier is not None and carrier.has(pids.MAX):
                pids.apply(carrier, resources.pids_limit)
            else:
                self.warnings.append("the pids controller is not available: the pids limit is discarded")
        if resources.cpu is not None or resources.memory is not None or resources.block_io is not None:
            from hezi.linux.cgroup import limits

            self.warnings += limits.apply(self._carrying, resources)

    def carrying(self, controller: str) -> Group | None:
        """The group in the hierarchy that has a controller, None without one; it stays this object's."""
        return self._carrying(controller)

    @property
    def v2(self) -> Group | None:
        """The group in the v2 hierarchy, which counts processor time whatever controllers it has; None without one."""
        return self._v2()

    def pids(self) -> list[int]:
        """List the processes in the container's groups and below, sorted."""
        return sorted(set(self._any().pids()))

    def oom_kills(self) -> int | None:
        """How many processes the kernel killed here for want of memory; None without the memory controller."""
        carrier = self._carrying(memory.NAME)
        return None if carrier is None else memory.oom_kills(carrier)

    def freeze(self, timeout: float = 5.0) -> None:
        """Stop every task. See :func:`freezer.freeze`.

        :raises OSError: EOPNOTSUPP without the means; ETIMEDOUT.
        """
        freezer.freeze(self._freezable(), timeout)

    def thaw(self) -> None:
        """Let every task go on."""
        freezer.thaw(self._freezable())

    def kill(self, timeout: float = 10.0) -> None:
        """Kill every process, those being forked meanwhile too; return when none is left in the groups.

        :raises OSError: ETIMEDOUT, a process does not end (state D).
        """
        v2 = self._v2()
        killed = False
        with suppress(FileNotFoundError):
            if v2 is not None and v2.has("cgroup.kill"):  # 5.14
                v2.write("cgroup.kill", "1")
                killed = True
        deadline = time.monotonic() + timeout
        pause = 0.0005
        while self._present():
            # On a hybrid host a process may be in the v1 groups alone: between its clone and the end of add().
            if not killed:
                self._signal_all()
            if time.monotonic() > deadline:
                raise abi.error(_ETIMEDOUT, "kill", self.path, f"processes {self.pids()} do not end")
            time.sleep(pause)
            killed = killed and pause < 0.01
            pause = min(pause * 2, 0.05)

    def delete(self, timeout: float = 5.0) -> None:
        """Remove the groups in every hierarchy, with those made inside; gone already is fine.

        All are tried before the first failure is raised.

        :raises OSError: EBUSY, a process is left in one.
        """
        deadline = time.monotonic() + timeout
        failure: OSError | None = None
        for member in self._members:
            try:
                member.group.delete(max(0.0, deadline - time.monotonic()))
            except OSError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    # --- inside ---------------------------------------------------------------------------------------------------

    def _carrying(self, controller: str) -> Group | None:
        return next((one.group for one in self._members if controller in one.hierarchy.controllers), None)

    def _v2(self) -> Group | None:
        return next((one.group for one in self._members if one.group.version == 2), None)

    def _any(self) -> Group:
        return self._v2() or self._members[0].group

    def _freezable(self) -> Group:
        v2 = self._v2()
        if v2 is not None and v2.has("cgroup.freeze"):
            return v2
        carrier = self._carrying(freezer.NAME)
        if carrier is None:
            raise abi.error(_EOPNOTSUPP, "freeze", self.path, "no freezer controller and no cgroup.freeze")
        return carrier

    def _present(self) -> bool:
        return any(member.group.pids() for member in self._members)

    def _signal_all(self) -> None:
        """Send SIGKILL to all there is in any hierarchy.

        Frozen meanwhile where that is possible, so that a fork bomb cannot outrun the list. In v1 a frozen task takes
        the signal only when thawed.
        """
        carrier = self._carrying(freezer.NAME)
        done = {0}  # a process of a pid namespace that is not below ours: not to be named
        try:
            if carrier is not None:
                with suppress(OSError):
                    freezer.freeze(carrier, 0.5)
            for member in self._members:
                members = set(member.group.pids()) - done
                done |= members
                for pid in members:
                    kill_member(pid, member.group)
        finally:
            if carrier is not None:
                with suppress(OSError):
                    freezer.thaw(carrier)


def kill_member(pid: int, group: Group) -> None:
    """Kill a process read from a group, unless its number is somebody else's by now."""
    try:
        handle = pidfd.pidfd_open(pid)
    except OSError as error:
        if error.errno in {_ESRCH, _EINVAL}:  # gone; or a thread group whose leader is gone
            return
        raise
    try:
        # With the handle open the number cannot be given out again: if it still stands there it is the one meant.
        if pid in group.pids():
            with suppress(ProcessLookupError):
                pidfd.pidfd_send_signal(handle, _SIGKILL)
    finally:
        os.close(handle)


# --- making ---------------------------------------------------------------------------------------------------------


def create(layout: Layout, path: str) -> ContainerCgroup:
    """Make the group ``path`` in every hierarchy.

    :param path: from the top of each mounted hierarchy, as ``/hezi/ID``; missing parents are made and stay.
    :raises OSError: EEXIST, there is one; EOPNOTSUPP, no hierarchy is mounted; EROFS or EACCES, they are not ours to
        change. Nothing is left behind then but parents.
    """
    parts = split(path)
    if not layout.hierarchies:
        raise abi.error(_EOPNOTSUPP, "cgroup", path, "no cgroup hierarchy is mounted")
    members: list[Membership] = []
    try:
        for hierarchy in layout.hierarchies:
            group = _make(hierarchy, parts)
            members.append(Membership(hierarchy, group))
    except BaseException:
        for member in members:
            with suppress(OSError):
                member.group.delete(0)
            member.group.close()
        raise
    return ContainerCgroup(path, members)


def open_existing(layout: Layout, path: str) -> ContainerCgroup | None:
    """Open the groups of ``path`` that are there, None if there are none: of a container that somebody else started."""
    parts = split(path)
    members: list[Membership] = []
    for hierarchy in layout.hierarchies:
        with suppress(FileNotFoundError):
            parent = walk(hierarchy, parts[:-1], make=False)
            members.append(Membership(hierarchy, _enter(hierarchy, parts, parent)))
    return ContainerCgroup(path, members) if members else None


def sweep(layout: Layout, parent: str, keep: Collection[str] = ()) -> list[str]:
    """Remove the groups below ``parent`` that hold no process: what killed engines left behind.

    :param keep: names not to touch: of containers being started, whose groups are empty still.
    :return: the names removed from at least one hierarchy.
    """
    removed: set[str] = set()
    for hierarchy in layout.hierarchies:
        try:
            parent_fd = walk(hierarchy, split(parent), make=False)
        except OSError:
            continue
        try:
            readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent_fd)
            try:
                names = [name for name in groups.children(readable) if name not in keep]
                removed.update(name for name in names if _removed(readable, name))
            finally:
                os.close(readable)
        finally:
            os.close(parent_fd)
    return sorted(removed)


def _removed(parent_fd: int, name: str) -> bool:
    """Whether the group could be removed: rmdir itself is the test, so that nothing can join between."""
    try:
        groups.remove_tree(parent_fd, name)
    except OSError:
        return False
    return True


def split(path: str) -> list[str]:
    """Take a group's path apart.

    :raises OSError: EINVAL, it is none.
    """
    parts = path.strip("/").split("/")
    # A newline would forge lines of /proc/PID/cgroup, which programs inside read.
    if any(part in {"", ".", ".."} or "\n" in part or "\0" in part for part in parts):
        raise abi.error(_EINVAL, "cgroup", path, "a group's path is names with slashes between them, none . or ..")
    return parts


def _make(hierarchy: Hierarchy, parts: list[str]) -> Group:
    for attempt in range(_TRIES):
        try:
            return _fill(hierarchy, parts, _make_directory(hierarchy, parts))
        except FileNotFoundError:
            # Somebody removed the parent between our walk and our mkdir.
            if attempt + 1 == _TRIES:
                raise
    raise AssertionError  # the last try returned or raised


def _make_directory(hierarchy: Hierarchy, parts: list[str]) -> int:
    """Make the directory; return its parent's descriptor."""
    parent = walk(hierarchy, parts[:-1], make=True)
    try:
        os.mkdir(parts[-1], 0o755, dir_fd=parent)
    except OSError as error:
        os.close(parent)
        raise abi.error(error.errno or 0, "mkdir", _path(hierarchy, parts)) from None
    return parent


def _fill(hierarchy: Hierarchy, parts: list[str], parent: int) -> Group:
    """Open the new group and make it fit to take tasks; it goes again if that fails."""
    group = _enter(hierarchy, parts, parent)
    try:
        if "cpuset" in hierarchy.controllers and hierarchy.version == 1:
            copy_cpuset(parent, group.fd)
    except BaseException:
        with suppress(OSError):
            group.delete(0)
        group.close()
        raise
    return group


def _enter(hierarchy: Hierarchy, parts: list[str], parent: int) -> Group:
    """Open the group; ``parent`` becomes its own, or is closed on failure."""
    try:
        return Group(hierarchy.version, _path(hierarchy, parts), parent)
    except BaseException:
        os.close(parent)
        raise


def _path(hierarchy: Hierarchy, parts: list[str]) -> str:
    return "/".join([hierarchy.mount_point, *parts])


def walk(hierarchy: Hierarchy, parts: list[str], *, make: bool) -> int:
    """Open a group from the top of the mount, making what is missing, as an O_PATH descriptor."""
    at = os.open(hierarchy.mount_point, _PATH_DIRECTORY)
    try:
        check_magic(at, hierarchy)
        if make and hierarchy.version == 2:
            _hand_on(at, hierarchy)
        for part in parts:
            above, at = at, _step(at, part, make=make)
            try:
                if make and hierarchy.version == 1 and "cpuset" in hierarchy.controllers:
                    # One that is there already too: somebody's mkdir left it with nothing to hand to those below.
                    copy_cpuset(above, at)
            finally:
                os.close(above)
            if make and hierarchy.version == 2:
                _hand_on(at, hierarchy)
    except BaseException:
        os.close(at)
        raise
    return at


def _step(at: int, part: str, *, make: bool) -> int:
    """Open the group one down; making is tried only where there is none, which is the rarer case."""
    flags = _PATH_DIRECTORY | os.O_NOFOLLOW
    try:
        return os.open(part, flags, dir_fd=at)
    except FileNotFoundError:
        if not make:
            raise
    _mkdir(at, part)
    return os.open(part, flags, dir_fd=at)


def check_magic(at: int, hierarchy: Hierarchy) -> None:
    """Something else may be mounted over it by now, and a directory there limits nothing."""
    if fd.fs_magic(at) != _MAGIC[hierarchy.version]:
        raise abi.error(_EOPNOTSUPP, "cgroup", hierarchy.mount_point, "not the hierarchy that mountinfo says")


def _mkdir(parent: int, name: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=parent)


def _hand_on(at: int, hierarchy: Hierarchy) -> None:
    """Let the children of a v2 group use the controllers it has.

    v2 enables controllers from the top down, by name, and refuses (EBUSY) where the group has processes of its own and
    is not the root: then they stay unavailable, which shows when a limit is set.
    """
    if HANDED_ON.isdisjoint(hierarchy.controllers):
        return
    available = groups.read_at(at, "cgroup.controllers").split()
    missing = HANDED_ON.intersection(available) - set(groups.read_at(at, "cgroup.subtree_control").split())
    control = -1
    try:
        for name in sorted(missing):
            if control < 0:
                control = os.open("cgroup.subtree_control", os.O_WRONLY | os.O_CLOEXEC, dir_fd=at)
            # One by one: one that cannot be had (cpu with realtime tasks about) must not keep the others away.
            with suppress(OSError):
                os.write(control, f"+{name}".encode())
    finally:
        if control >= 0:
            os.close(control)


def copy_cpuset(parent: int, child: int) -> None:
    """Give a v1 cpuset group its parent's processors and memory nodes: born with none, it takes no task (ENOSPC)."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if groups.read_at(child, name).strip():
            continue  # cgroup.clone_children of the parent did it
        value = groups.read_at(parent, name)
        out = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=child)
        try:
            os.write(out, value.encode())
        finally:
            os.close(out)
