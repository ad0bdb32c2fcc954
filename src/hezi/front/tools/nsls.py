"""The namespaces of a machine as lsns(8) lists them."""

from __future__ import annotations

import contextlib
import os

from hezi.errors import INVALID, NOT_FOUND, Error
from hezi.front.tools import table, words
from hezi.front.tools.table import Column, Line
from hezi.linux import netnsid, nsheld, nsobject, nsscan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hezi.linux.nsscan import Member, Space

COLUMNS = (
    Column("NS", "namespace identifier (inode number)", 10, right=True, number=True),
    Column("TYPE", "kind of namespace", 5),
    Column("PATH", "path to the namespace"),
    Column("NPROCS", "number of processes in the namespace", 5, right=True, number=True),
    Column("PID", "lowest PID in the namespace", 5, right=True, number=True),
    Column("PPID", "PPID of the PID", 5, right=True, number=True),
    Column("COMMAND", "command line of the PID", cut=True),
    Column("UID", "UID of the PID", right=True, number=True),
    Column("USER", "username of the PID"),
    Column("NETNSID", "namespace ID as used by network subsystem", right=True),
    Column("NSFS", "nsfs mountpoint (usually used network subsystem)"),
    Column("PNS", "parent namespace identifier (inode number)", 10, right=True, number=True),
    Column("ONS", "owner namespace identifier (inode number)", 10, right=True, number=True),
    Column("CONTAINER", "containers that it was made for"),
)
BY_NAME = {column.name: column for column in COLUMNS}
# CONTAINER is hezi's own; a program that stands in for lsns does not show it among "all".
ALL_OF_LSNS = tuple(column.name for column in COLUMNS[:-1])
KINDS = nsscan.KINDS
RELATIONS = ("parent", "owner", "process")


class Request:
    """What is asked for.

    :ivar columns: names; empty for the default ones.
    :ivar kinds: only these; empty for all.
    :ivar tree: "parent", "owner", "process", or None for a plain list.
    :ivar pid: only the namespaces of this process; 0 for all.
    :ivar inode: list the processes of this namespace instead.
    :ivar persistent: only those without processes.
    :ivar held: also those that a file in another mount namespace, or a descriptor, keeps without processes.
    :ivar names: the containers that a process is the first of, by its number.
    """

    __slots__ = (
        "ascii", "columns", "cut", "form", "headings", "held", "inode", "kinds", "names", "persistent", "pid", "tree",
        "wrap",
    )  # fmt: skip

    def __init__(self) -> None:
        self.columns: list[str] = []
        self.kinds: list[str] = []
        self.tree: str | None = "process"
        self.form = "table"
        self.headings = True
        self.cut = True
        self.wrap = True
        self.pid = 0
        self.inode: int | None = None
        self.persistent = False
        self.held = False
        self.ascii = False
        self.names: Callable[[], dict[int, str]] = dict


def default_columns(request: Request) -> list[str]:
    """Return what is shown when nothing was chosen."""
    if request.inode is not None:
        return ["PID", "PPID", "USER", "COMMAND"]
    extra = ["NETNSID", "NSFS"] if "net" in request.kinds else []
    return ["NS", "TYPE", "NPROCS", "PID", "USER", *extra, "COMMAND"]


def read_columns(text: str, defaults: list[str], known: tuple[str, ...] = tuple(BY_NAME)) -> list[str]:
    """Read ``A,B`` or ``+A,B`` (these behind the default ones), in any case.

    :raises Error: INVALID with lsns's words for an unknown name.
    """
    plus = text.startswith("+")
    names = text[plus:].split(",")
    for name in names:
        if name.upper() not in known:
            message = f"unknown column: {name}" if name else "a column without a name"
            raise Error(INVALID, message)
    return [*(defaults if plus else ()), *(name.upper() for name in names)]


def show(request: Request) -> None:
    """Print the list.

    :raises Error: NOT_FOUND for a namespace that nobody is in.
    """
    names = request.columns
    columns = [BY_NAME[name] for name in names]
    tree = None
    if request.tree is not None:
        shown = "COMMAND" if request.inode is not None or request.tree == "process" else "NS"
        tree = names.index(shown) if shown in names else None
    listing = _Listing(request)
    roots = listing.members() if request.inode is not None else listing.spaces()
    if tree is None:
        roots = [Line(line.cells) for line in listing.lines]
    if tree is not None and names[tree] == "NS":
        columns[tree] = columns[tree]._replace(right=False)
    style = table.Style(
        request.form, tree, headings=request.headings, cut=request.cut, name="namespaces", ascii=request.ascii
    )
    table.show(columns, roots, style)


class _Listing:
    """One look at /proc, and what was found out by it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        kinds = tuple(request.kinds) or nsscan.KINDS
        self.processes = nsscan.processes(kinds)
        self.by_pid = {member.pid: member for member in self.processes}
        drawn = request.tree in {"parent", "owner"}
        relations = drawn or bool({"PNS", "ONS"} & {*request.columns})
        self.held = {one.inode: one for one in (nsheld.holders(kinds) if request.held else ())}
        with contextlib.ExitStack() as stack:
            others = [stack.enter_context(each) for each in self._open_held()]
            self.found = nsscan.spaces(self.processes, kinds, relations=relations, others=others)
        if not drawn:
            self.found = {inode: one for inode, one in self.found.items() if one.members or inode in self.held}
        self.kept = nsobject.kept() if "NSFS" in request.columns or request.persistent else ()
        if request.persistent:
            self._add_kept(kinds)
        self.lines: list[Line] = []  # as they were made, whatever hangs from what
        self.users: dict[int, str] = {}
        self.net_ids: dict[int, str | None] = {}
        self.containers = self._containers() if "CONTAINER" in request.columns else {}

    def _open_held(self) -> list[nsobject.Namespace]:
        """Open those that no process is in; what cannot be opened is let go meanwhile, or another user's."""
        seen = {inode for member in self.processes for inode in member.spaces.values()}
        opened = []
        for inode in [inode for inode in self.held if inode not in seen]:
            try:
                opened.append(nsheld.open_held(self.held[inode]))
            except OSError:
                del self.held[inode]
        return opened

    def _add_kept(self, kinds: tuple[str, ...]) -> None:
        self.found = {inode: space for inode, space in self.found.items() if not space.members}
        for name, _path in self.kept:
            kind, _, number = name.partition(":[")
            inode = int(number.rstrip("]"))
            if kind in kinds and not any(member.spaces.get(kind) == inode for member in self.processes):
                self.found.setdefault(inode, nsscan.Space(kind, inode, ()))

    def _containers(self) -> dict[int, str]:
        """Return inode -> names of the containers whose first process is in it, without the namespaces we are in."""
        ours = set(nsscan.process(os.getpid()).spaces.values())
        found: dict[int, list[str]] = {}
        for pid, name in self.request.names().items():
            member = self.by_pid.get(pid)
            for inode in () if member is None else member.spaces.values():
                if inode not in ours:
                    found.setdefault(inode, []).append(name)
        return {inode: ",".join(sorted(names)) for inode, names in found.items()}

    def spaces(self) -> list[Line]:
        """Return the lines of the namespaces."""
        roots: list[Line] = []
        lines: dict[int, Line] = {}  # by pid in a tree of processes, else by inode
        for space in self.found.values():
            if self.request.pid and not any(member.pid == self.request.pid for member in space.members):
                continue
            self._place(space, lines, roots)
        return roots

    def _place(self, space: Space, lines: dict[int, Line], roots: list[Line]) -> None:
        """Put in a line below the one it belongs to, which comes first even when it has a higher number."""
        tree = self.request.tree
        if tree in {"parent", "owner"}:
            if space.inode in lines:
                return
            # A tree of parents has owners first too, although nothing hangs from them.
            above = self._above(space) or self.found.get(space.owner)
            if above is not None and above.inode not in lines:
                self._place(above, lines, roots)
        line = self._line(space, space.first)
        if tree == "process":
            first = space.first
            holder = lines.get(first.ppid) if first is not None else None
            if first is not None:
                lines[first.pid] = line
        else:
            above = self._above(space) if tree is not None else None
            holder = lines.get(above.inode) if above is not None else None
            lines[space.inode] = line
        (roots if holder is None else holder.below).append(line)

    def _above(self, space: Space) -> Space | None:
        return self.found.get(space.parent if self.request.tree == "parent" else space.owner)

    def members(self) -> list[Line]:
        """Return the lines of the processes of one namespace.

        :raises Error: NOT_FOUND.
        """
        space = self.found.get(self.request.inode or 0)
        if space is None:
            message = f"not found namespace: {self.request.inode}"
            raise Error(NOT_FOUND, message)
        lines: dict[int, Line] = {}
        roots: list[Line] = []
        inside = {member.pid: member for member in space.members}

        def place(member: Member) -> Line:
            if member.pid not in lines:
                line = self._line(space, member)
                lines[member.pid] = line
                above = inside.get(member.ppid) if self.request.tree else None
                (roots if above is None else place(above).below).append(line)
            return lines[member.pid]

        for member in space.members:
            place(member)
        return roots

    def _line(self, space: Space, member: Member | None) -> Line:
        line = Line([self._cell(name, space, member) for name in self.request.columns])
        self.lines.append(line)
        return line

    def _cell(self, name: str, space: Space, member: Member | None) -> str | None:
        if name in {"UID", "USER"}:
            uid = space.uid if member is None else member.uid
            return None if uid is None else str(uid) if name == "UID" else self._user(uid)
        if name == "PATH" and member is None and space.inode in self.held:
            return self.held[space.inode].place
        if name in {"PATH", "PID", "PPID", "COMMAND"}:
            return None if member is None else self._of_process(name, space, member)
        if name == "NETNSID":
            return self._net_id(space)
        if name == "NSFS":
            paths = dict.fromkeys(path for held, path in self.kept if held == f"{space.kind}:[{space.inode}]")
            return ("\n" if self.request.wrap else ",").join(paths) or None
        if name == "CONTAINER":
            return self.containers.get(space.inode)
        numbers = {"NS": space.inode, "NPROCS": len(space.members), "PNS": space.parent, "ONS": space.owner}
        return space.kind if name == "TYPE" else str(numbers[name])

    def _of_process(self, name: str, space: Space, member: Member) -> str:
        if name == "PATH":
            return f"/proc/{member.pid}/ns/{space.kind}"
        if name == "COMMAND":
            return nsscan.command(member.pid)
        return str(member.pid if name == "PID" else member.ppid)

    def _user(self, uid: int) -> str:
        if uid not in self.users:
            self.users[uid] = words.user_name(uid)
        return self.users[uid]

    def _net_id(self, space: Space) -> str | None:
        if space.kind != "net" or space.first is None:
            return None
        number = netnsid.get(f"/proc/{space.first.pid}/ns/net")
        return None if number is None else "unassigned" if number < 0 else str(number)
