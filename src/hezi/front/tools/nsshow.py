"""The namespaces of one process beside those of others: which are its own, which it shares, and with whom."""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.errors import NOT_FOUND, PERMISSION, Error, from_os_error
from hezi.front.tools import table, words
from hezi.front.tools.table import Column, Line
from hezi.linux import namespaces, nscalls, nsobject, nsscan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The six faces of a container first, in the order one meets them
KINDS = ("uts", "ipc", "pid", "net", "mnt", "user", "cgroup", "time")
OWN, HOST, SHARED = "own", "host", "shared"
_MOST_NAMED = 3

_FACES = (
    Column("KIND", "kind of namespace"),
    Column("NAMESPACE", "its identity"),
    Column("WHOSE", "own, host (that of the machine) or shared"),
    Column("WITH", "who else is in it", cut=True),
    Column("APART", "what it keeps apart", cut=True),
)
_DIFFERENCES = (
    Column("KIND", "kind of namespace"),
    Column("SAME", "whether it is the same"),
    Column("A", "of the first"),
    Column("B", "of the second"),
)
_HIERARCHY = (
    Column("NAMESPACE", "the namespace, below the one it was made in"),
    Column("NPROCS", "processes in it", right=True, number=True),
    Column("PID", "the first of them", right=True, number=True),
    Column("INSIDE", "its number in there", right=True, number=True),
    Column("USER", "whose it is"),
    Column("CONTAINER", "the container it was made for"),
    Column("COMMAND", "the first one's command line", cut=True),
)


class Face(NamedTuple):
    """One namespace of a process.

    :ivar whose: "own" when all who are in it descend from the process, "host" for the machine's, else "shared".
    :ivar others: processes that are in it and do not descend from this one, lowest number first.
    """

    kind: str
    inode: int
    whose: str
    others: tuple[int, ...]


def faces(pid: int) -> tuple[Face, ...]:
    """Look at all namespaces of a process.

    :raises Error: NOT_FOUND for no such process, PERMISSION for another user's.
    """
    mine = _of(pid)
    host = _host()
    members = nsscan.processes()
    family = _family(pid, members)
    found = []
    for kind in KINDS:
        if kind not in mine:
            continue
        others = tuple(one.pid for one in members if one.spaces.get(kind) == mine[kind] and one.pid not in family)
        whose = HOST if host.get(kind) == mine[kind] else SHARED if others else OWN
        found.append(Face(kind, mine[kind], whose, others))
    return tuple(found)


def _of(pid: int) -> dict[str, int]:
    try:
        return {kind: identity[1] for kind, identity in nsscan.of_process(pid, KINDS).items()}
    except ProcessLookupError:
        message = f"there is no process {pid}"
        raise Error(NOT_FOUND, message) from None
    except PermissionError as error:
        message = f"the namespaces of process {pid} may not be looked at"
        hint = "it is another user's, or has rights that this process lacks"
        raise Error(PERMISSION, message, hint=hint) from error
    except OSError as error:
        doing = f"cannot look at process {pid}"
        raise from_os_error(doing, error) from error


def _host() -> dict[str, int]:
    """Give the machine's: those of process 1, or of this one where that may not be looked at."""
    for pid in (1, os.getpid()):
        try:
            found = nsscan.process(pid, KINDS).spaces
        except OSError:
            continue
        if found:
            return found
    return {}


def _family(pid: int, members: Sequence[nsscan.Member]) -> set[int]:
    """Give the process and all that descend from it."""
    below: dict[int, list[int]] = {}
    for member in members:
        below.setdefault(member.ppid, []).append(member.pid)
    found, rest = set(), [pid]
    while rest:
        one = rest.pop()
        found.add(one)
        rest += below.get(one, ())
    return found


def show(pid: int, containers: Mapping[int, str], form: str) -> None:
    """Print the faces of a process."""
    apart = {kind.name: kind.apart for kind in namespaces.TABLE}
    lines = [
        Line([one.kind, f"{one.kind}:[{one.inode}]", one.whose, _with(one, containers), apart[one.kind]])
        for one in faces(pid)
    ]
    table.show(_FACES, lines, table.Style(form, name="faces"))


def _with(face: Face, containers: Mapping[int, str]) -> str | None:
    if face.whose == HOST:
        return None
    named = [containers[pid] for pid in face.others if pid in containers]
    plain = [pid for pid in face.others if pid not in containers]
    shown = [*named, *(f"{pid} ({nsscan.command(pid)})" for pid in plain[:_MOST_NAMED])]
    if len(plain) > _MOST_NAMED:
        shown.append(f"{len(plain) - _MOST_NAMED} more")
    return ", ".join(shown) or None


def diff(first: int, second: int, form: str) -> bool:
    """Print which namespaces two processes share; return whether all are the same."""
    one, other = _of(first), _of(second)
    lines = []
    for kind in KINDS:
        if kind in one and kind in other:
            same = "yes" if one[kind] == other[kind] else "no"
            lines.append(Line([kind, same, f"{kind}:[{one[kind]}]", f"{kind}:[{other[kind]}]"]))
    table.show(_DIFFERENCES, lines, table.Style(form, name="namespaces"))
    return all(line.cells[1] == "yes" for line in lines)


def tree(kinds: Sequence[str], containers: Mapping[int, str], form: str) -> None:
    """Print the hierarchies of PID and user namespaces.

    A process of a parent sees those of its children under numbers of its own and may signal them; from inside, the
    parent's processes are not there.
    """
    roots: list[Line] = []
    for kind in kinds:
        members = nsscan.processes((kind,))
        found = nsscan.spaces(members, (kind,), relations=True)
        spaces = {inode: space for inode, space in found.items() if space.kind == kind}
        lines = {inode: Line(_hierarchy_cells(space, containers)) for inode, space in spaces.items()}
        for inode, space in spaces.items():
            above = lines.get(space.parent)
            (roots if above is None else above.below).append(lines[inode])
    table.show(_HIERARCHY, roots, table.Style(form, 0, name="namespaces"))


def _hierarchy_cells(space: nsscan.Space, containers: Mapping[int, str]) -> list[str | None]:
    first = space.first
    uid = space.uid if space.uid is not None else None if first is None else first.uid
    names = sorted({containers[member.pid] for member in space.members if member.pid in containers})
    return [
        f"{space.kind}:[{space.inode}]",
        str(len(space.members)),
        None if first is None else str(first.pid),
        None if first is None else inner_pid(first.pid),
        None if uid is None else words.user_name(uid),
        ",".join(names) or None,
        None if first is None else nsscan.command(first.pid),
    ]


def inner_pid(pid: int) -> str | None:
    """Give a process's number in its own PID namespace; None when it has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("NSpid:"):
                    return line.split()[-1]
    except OSError:
        return None
    return None


def keep(pid: int, wanted: Sequence[tuple[str, str]]) -> None:
    """Bind namespaces of a process to files.

    :param wanted: (kind, path) pairs; directories that are missing are made.
    :raises Error: a kind is none (INVALID), there is no such process, or the kernel refuses; then none is kept.
    """
    for kind, _path in wanted:
        if kind not in nscalls.KINDS:
            words.wrong(f"no kind of namespace: {kind}; there are {', '.join(KINDS)}")
    done: list[str] = []
    try:
        for kind, path in wanted:
            os.makedirs(os.path.dirname(path) or ".", mode=0o755, exist_ok=True)
            with nsobject.Namespace.of(pid, kind) as space:
                space.keep(path)
            done.append(path)
    except OSError as error:
        for path in done:
            nsobject.release(path)
        if isinstance(error, ProcessLookupError):
            message = f"there is no process {pid}"
            raise Error(NOT_FOUND, message) from None
        doing = f"cannot keep a namespace of process {pid}"
        raise from_os_error(doing, error) from error


def release(path: str) -> None:
    """Let go of a namespace that is bound to a file, and remove the file.

    :raises Error: nothing is kept there (NOT_FOUND), or the kernel refuses.
    """
    if nsobject.mounted_kind(path) is None:
        message = f"no namespace is kept at {path}"
        raise Error(NOT_FOUND, message)
    try:
        nsobject.release(path)
    except OSError as error:
        doing = f"cannot release {path}"
        raise from_os_error(doing, error) from error
