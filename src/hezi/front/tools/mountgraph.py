"""Which mounts hear of which: peer groups and their slaves across namespaces, in words, as a tree and as a drawing."""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.errors import NOT_FOUND, Error
from hezi.front.tools import mountls, nsrun
from hezi.linux import fd, mountinfo, peers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hezi.linux.peers import Group, Placed


_ANOTHERS = "the process is another user's, or has rights that this one lacks"


class Spaces:
    """Mount namespaces by name: "here", a container's name, the process that was read, or what keeps it."""

    __slots__ = ("_containers", "_here", "_kept", "_numbers")

    def __init__(self, placed: Sequence[Placed], containers: Mapping[int, str]) -> None:
        self._here = os.stat("/proc/self/ns/mnt").st_ino
        self._containers: dict[int, str] = {}
        for pid, name in containers.items():
            try:
                inode = os.stat(f"/proc/{pid}/ns/mnt").st_ino
            except OSError:
                continue
            self._containers.setdefault(inode, name)
        self._kept = {one.space: one.kept for one in placed if one.kept}
        self._numbers = {one.space: one.pid for one in placed}

    def name(self, space: int) -> str:
        """Return what to call a namespace."""
        if space == self._here:
            return "here"
        if space in self._containers:
            return f"container {self._containers[space]}"
        if space in self._kept:
            return f"nobody, kept by {self._kept[space]}"
        return f"process {self._numbers.get(space, '?')}"


# --- explain ---------------------------------------------------------------------------------------------------------


class Question(NamedTuple):
    """What is to be explained.

    :ivar path: as the process of ``pid`` sees it; this process where that is None.
    :ivar other: a process in whose namespace the mount is looked for; None for nowhere in particular.
    """

    path: str
    pid: int | None = None
    other: int | None = None
    other_name: str = ""


def explain(question: Question, containers: Mapping[int, str]) -> list[str]:
    """Return lines that say what a path is on, who receives the next mount there, from whom it receives, and why.

    :raises Error: there is no such path, or a namespace may not be read.
    """
    mine = _holder(question)
    placed = peers.survey()
    if question.other is not None and not any(one.pid == question.other for one in placed):
        with nsrun.step(f"cannot read the mounts of process {question.other}", _ANOTHERS):
            placed += tuple(one for one in peers.survey([question.other]) if one not in placed)
    spaces = Spaces(placed, containers)
    lines = _what(question.path, mine)
    lines += _who(mine, placed, spaces)
    if question.other is not None:
        lines += _visible(mine, question, placed)
    return lines


def _holder(question: Question) -> Placed:
    """Find the mount that the path is on."""
    pid = os.getpid() if question.pid is None else question.pid
    path = question.path if question.pid is None else f"/proc/{pid}/root/{question.path.lstrip('/')}"
    with nsrun.step(f"cannot look at {question.path}"):
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        number = fd.mount_id(file)
    finally:
        os.close(file)
    with nsrun.step(f"cannot read the mounts of process {pid}"):
        entries = mountinfo.read(pid)
        space = os.stat(f"/proc/{pid}/ns/mnt").st_ino
    for entry in entries:
        if entry.id == number:
            return peers.Placed(space, pid, entry)
    message = f"{question.path} is on a mount that is not attached in that namespace"
    raise Error(NOT_FOUND, message)


def _what(path: str, mine: Placed) -> list[str]:
    entry = mine.entry
    source = entry.source if entry.root == "/" else f"{entry.source}[{entry.root}]"
    fields = mountls.optional_fields(entry)
    state = f"{entry.propagation} ({fields})" if fields else entry.propagation
    return [
        f"{path} is on the mount {entry.mount_point}: {entry.fstype} of {source}, mount {entry.id}",
        f"its propagation is {state}: {_MEANING[entry.propagation]}",
    ]


_MEANING = {
    "shared": "what is mounted below it happens below its peers too, and the reverse",
    "slave": "it takes mounts from its master, and passes none on",
    "shared-and-slave": "it takes mounts from its master, and shares them with its own peers",
    "private": "it neither passes mounts on nor takes any",
    "unbindable": "it neither passes mounts on nor takes any, and cannot be bound",
}


def _who(mine: Placed, placed: Sequence[Placed], spaces: Spaces) -> list[str]:
    entry = mine.entry
    to = [_place(one, spaces) for one in peers.receivers(entry, placed)]
    come = [_place(one, spaces) for one in peers.givers(entry, placed)]
    lines = [f"the next mount below {entry.mount_point} will be seen " + ("also in:" if to else "nowhere else")]
    lines += [f"  {one}" for one in to]
    if come:
        lines += [f"mounts arrive below {entry.mount_point} from:", *(f"  {one}" for one in come)]
    elif entry.master:
        lines.append(f"mounts would arrive from group {entry.master}, none of whose mounts is in sight")
    else:
        lines.append(f"no mount arrives below {entry.mount_point} from elsewhere")
    return lines


def _place(one: Placed, spaces: Spaces) -> str:
    return f"{spaces.name(one.space)}: {one.entry.mount_point} ({one.entry.propagation})"


def _visible(mine: Placed, question: Question, placed: Sequence[Placed]) -> list[str]:
    """Say whether the mount is there in the other namespace, and why."""
    name = question.other_name or f"process {question.other}"
    space = os.stat(f"/proc/{question.other}/ns/mnt").st_ino
    theirs = [one for one in placed if one.space == space]
    if space == mine.space:
        return [f"{name} is in the same mount namespace, and sees it"]
    entry = mine.entry
    same = [one.entry for one in theirs if _same_files(one.entry, entry)]
    if same:
        points = ", ".join(f"{one.mount_point} ({_relation(one, entry)})" for one in same)
        return [f"{name} sees it at {points}"]
    return [f"{name} does not see it: {_why_not(mine, theirs, placed)}"]


def _same_files(one: mountinfo.MountEntry, other: mountinfo.MountEntry) -> bool:
    return (one.major, one.minor, one.root) == (other.major, other.minor, other.root)


def _relation(theirs: mountinfo.MountEntry, ours: mountinfo.MountEntry) -> str:
    if ours.peer_group and theirs.peer_group == ours.peer_group:
        return "a peer"
    if ours.peer_group and theirs.master == ours.peer_group:
        return "a slave of it"
    if theirs.peer_group and ours.master == theirs.peer_group:
        return "its master"
    return "a copy of its own"


def _why_not(mine: Placed, theirs: Sequence[Placed], placed: Sequence[Placed]) -> str:
    parent = next((one for one in placed if one.space == mine.space and one.entry.id == mine.entry.parent), None)
    if parent is None:
        return "it is the root of its own namespace"
    point = parent.entry.mount_point
    if not parent.entry.peer_group:
        return f"{point}, which it is mounted on, is {parent.entry.propagation} and passes nothing on"
    reached = [one for one in peers.receivers(parent.entry, placed) if any(each == one for each in theirs)]
    if not reached:
        return (
            f"nothing there belongs to or is a slave of group {parent.entry.peer_group}, which {point} passes mounts to"
        )
    there = ", ".join(one.entry.mount_point for one in reached)
    return f"{there} there takes mounts from {point}, but this one was made before that, or was unmounted there"


# --- graph -----------------------------------------------------------------------------------------------------------


def survey(pids: Sequence[int]) -> tuple[Placed, ...]:
    """Read the mounts of this namespace and those of other processes; of all namespaces when none is given."""
    with nsrun.step(f"cannot read the mounts of {' and '.join(map(str, pids))}", _ANOTHERS):
        return peers.survey([os.getpid(), *pids] if pids else None)


def text(placed: Sequence[Placed], spaces: Spaces) -> list[str]:
    """Draw the groups as a tree: the mounts of each, then its slaves, then the groups that are slaves of it."""
    groups = peers.groups(placed)
    tops = [group for group in groups.values() if group.master not in groups]
    lines: list[str] = []
    for group in tops:
        lines += _branch(group, groups, spaces, "")
    return lines


def _branch(group: Group, groups: Mapping[int, Group], spaces: Spaces, prefix: str) -> Iterator[str]:
    seen = "" if group.members else ", out of sight"
    yield f"{prefix}group {group.number}{seen}"
    for one in group.members:
        yield f"{prefix}  = {spaces.name(one.space)}: {one.entry.mount_point}"
    for one in group.slaves:
        yield f"{prefix}  > {spaces.name(one.space)}: {one.entry.mount_point}"
    for each in groups.values():
        if each.master == group.number and each.number != group.number:
            yield from _branch(each, groups, spaces, prefix + "  > ")


_ROW, _COLUMN, _LEFT, _TOP, _BOX = 34, 300, 20, 60, 240
_FONT = 'font-family="sans-serif" font-size="12"'
_ARROW_HEAD = (
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L10 5L0 10z"/></marker></defs>'
)
_COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2")


def svg(placed: Sequence[Placed], spaces: Spaces) -> str:
    """Draw namespaces as columns, mounts as boxes in the colour of their group, and arrows from masters to slaves."""
    drawn = [one for one in placed if one.entry.peer_group or one.entry.master]
    columns = list(dict.fromkeys(one.space for one in drawn))
    places: dict[tuple[int, int], tuple[int, int]] = {}
    for column, space in enumerate(columns):
        rows = [one for one in drawn if one.space == space]
        for row, one in enumerate(rows):
            places[space, one.entry.id] = (_LEFT + column * _COLUMN, _TOP + row * _ROW)
    width = _LEFT * 2 + max(1, len(columns)) * _COLUMN
    height = (
        _TOP
        + _ROW * (1 + max((row for _, row in ((0, (y - _TOP) // _ROW) for _, y in places.values())), default=0))
        + 20
    )
    colors = {number: _COLORS[index % len(_COLORS)] for index, number in enumerate(peers.groups(placed))}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" {_FONT}>',
        _ARROW_HEAD,
    ]
    for column, space in enumerate(columns):
        title = _escape(f"{spaces.name(space)} mnt:[{space}]")
        parts.append(f'<text x="{_LEFT + column * _COLUMN}" y="30" font-weight="bold">{title}</text>')
    parts += [_arrow(places, one, master) for one in drawn for master in _first_of(drawn, one.entry.master)]
    parts += [_box(one, places[one.space, one.entry.id], colors) for one in drawn]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _first_of(drawn: Sequence[Placed], group: int) -> list[Placed]:
    return [one for one in drawn if group and one.entry.peer_group == group][:1]


def _arrow(places: Mapping[tuple[int, int], tuple[int, int]], slave: Placed, master: Placed) -> str:
    x1, y1 = places[master.space, master.entry.id]
    x2, y2 = places[slave.space, slave.entry.id]
    start = x1 + _BOX if x2 >= x1 else x1
    end = x2 if x2 > x1 else x2 + _BOX
    half = _ROW // 2 - 4
    bend = 40 if x2 == x1 else 0
    return (
        f'<path d="M{start} {y1 + half}C{start + 30 + bend} {y1 + half} {end + (30 + bend if not x2 > x1 else -30)} '
        f'{y2 + half} {end} {y2 + half}" fill="none" stroke="#555" marker-end="url(#arrow)"/>'
    )


def _box(one: Placed, place: tuple[int, int], colors: Mapping[int, str]) -> str:
    x, y = place
    entry = one.entry
    color = colors.get(entry.peer_group, "#777")
    dash = "" if entry.peer_group else ' stroke-dasharray="4 3"'
    label = _escape(f"{entry.mount_point}  {mountls.optional_fields(entry)}")
    return (
        f'<rect x="{x}" y="{y}" width="{_BOX}" height="{_ROW - 8}" rx="4" fill="white" stroke="{color}"'
        f' stroke-width="2"{dash}/><text x="{x + 8}" y="{y + 17}">{label}</text>'
    )


def _escape(text_of: str) -> str:
    return text_of.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
