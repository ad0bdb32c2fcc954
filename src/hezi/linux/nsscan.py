"""Who is in which namespace: all processes of /proc, and the namespaces they, and files, keep alive."""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.linux import nscalls, nsobject, pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# The order in which lsns(8) looks at them.
KINDS = ("mnt", "net", "pid", "uts", "ipc", "user", "cgroup", "time")
_STAT_BYTES = 4096
_CMDLINE_BYTES = 1 << 20


class Member(NamedTuple):
    """A process.

    :ivar spaces: kind -> inode, without those that may not be looked at.
    :ivar uid: of the effective user.
    """

    pid: int
    ppid: int
    uid: int
    spaces: dict[str, int]


class Space(NamedTuple):
    """A namespace that exists now.

    :ivar members: its processes, lowest number first.
    :ivar owner: the inode of the user namespace that owns it, 0 for none or one out of sight.
    :ivar parent: of a PID or user namespace, the inode of the one it was made in; 0 likewise.
    :ivar uid: of a user namespace, who made it; None where that was not asked for.
    """

    kind: str
    inode: int
    members: tuple[Member, ...]
    owner: int = 0
    parent: int = 0
    uid: int | None = None

    @property
    def first(self) -> Member | None:
        """The process with the lowest number."""
        return self.members[0] if self.members else None


def processes(kinds: Iterable[str] = KINDS) -> tuple[Member, ...]:
    """Read all processes; those that end meanwhile, and what may not be read of others, are left out."""
    wanted = tuple(kinds)
    found = []
    for name in sorted((name for name in os.listdir("/proc") if name.isdigit()), key=int):
        try:
            found.append(process(int(name), wanted))
        except OSError:
            continue
    return tuple(found)


def process(pid: int, kinds: Iterable[str] = KINDS) -> Member:
    """Read one process.

    :raises OSError: ENOENT or ESRCH for one that has ended.
    """
    directory = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        spaces = {}
        for kind in kinds:
            try:
                spaces[kind] = os.stat(f"ns/{kind}", dir_fd=directory).st_ino
            except OSError:
                continue  # another user's, or a process that ends
        return Member(pid, _parent(directory), os.fstat(directory).st_uid, spaces)
    finally:
        os.close(directory)


def _parent(directory: int) -> int:
    file = os.open("stat", os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        raw = os.read(file, _STAT_BYTES)
    finally:
        os.close(file)
    return int(raw[raw.rindex(b")") + 2 :].split()[1])


def command(pid: int) -> str:
    """Give the command line of a process, or its name when it has none (a kernel thread, a zombie); "" when gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            raw = file.read(_CMDLINE_BYTES).rstrip(b"\0").replace(b"\0", b" ")
        if not raw:
            with open(f"/proc/{pid}/comm", "rb") as file:
                raw = file.read(_STAT_BYTES).rstrip(b"\n")
    except OSError:
        return ""
    return raw.decode("utf-8", "surrogateescape")


def spaces(
    members: Iterable[Member],
    kinds: Iterable[str] = KINDS,
    *,
    relations: bool = False,
    others: Iterable[nsobject.Namespace] = (),
) -> dict[int, Space]:
    """Group processes by namespace: inode -> namespace, sorted.

    :param relations: find owners and parents too, and those of them that have no process.
    :param others: open namespaces that are put in too, with or without processes.
    """
    grouped: dict[int, tuple[str, list[Member]]] = {}
    for kind in kinds:
        for member in members:
            inode = member.spaces.get(kind)
            if inode is not None:
                grouped.setdefault(inode, (kind, []))[1].append(member)
    found = {inode: Space(kind, inode, tuple(each)) for inode, (kind, each) in grouped.items()}
    for other in others:
        found.setdefault(other.inode, Space(other.kind, other.inode, ()))
    if relations:
        _relate(found)
        for other in others:
            if not found[other.inode].members:
                _relate_one(found, other, ())
    return dict(sorted(found.items()))


def _relate(found: dict[int, Space]) -> None:
    for space in tuple(found.values()):
        for member in space.members:
            try:
                handle = nsobject.Namespace.of(member.pid, space.kind)
            except OSError:
                continue
            with handle:
                if handle.inode == space.inode:
                    _relate_one(found, handle, space.members)
            break


def _relate_one(found: dict[int, Space], handle: nsobject.Namespace, members: tuple[Member, ...]) -> None:
    """Put a namespace in with its relations, and those in too, up to the first that is out of sight."""
    owner = handle.owner()
    parent = handle.parent() if handle.kind in {"pid", "user"} else None
    numbers = [0 if each is None else each.inode for each in (owner, parent)]
    uid = handle.owner_uid() if handle.kind == "user" else None
    found[handle.inode] = Space(handle.kind, handle.inode, members, numbers[0], numbers[1], uid)
    for each in (owner, parent):
        if each is not None:
            with each:
                if each.inode not in found:
                    _relate_one(found, each, ())


def of_process(pid: int, kinds: Iterable[str] = nscalls.KINDS) -> dict[str, tuple[int, int]]:
    """Give the identities of a process's namespaces by kind.

    :raises OSError: ESRCH for one that has ended, EACCES for another user's.
    """
    pidfd_of = pidfd.pidfd_open(pid)  # says ESRCH for what is no process
    os.close(pidfd_of)
    return {kind: nscalls.namespace_id(f"/proc/{pid}/ns/{kind}") for kind in kinds if _has(kind)}


def _has(kind: str) -> bool:
    return os.path.exists(f"/proc/self/ns/{kind}")
