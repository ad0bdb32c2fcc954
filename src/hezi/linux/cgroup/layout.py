"""Which cgroup hierarchies this process can use, from what is mounted.

A host has cgroup v2 alone (``v2``), v1 hierarchies alone (``v1``), or both (``hybrid``), with the controllers shared
out between them in any way; several v1 controllers may sit on one mount, and a v1 hierarchy may have a name and no
controller. Only the mounts tell (/proc/cgroups lists what the kernel was built with): each mount of type cgroup or
cgroup2 in mountinfo, with /proc/self/cgroup to say which options of a v1 mount are controllers (cgroups(7)).
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.linux import mountinfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Literal

    from hezi.linux.mountinfo import MountEntry

    Kind = Literal["v1", "v2", "hybrid", "none"]


# A line of /proc/PID/cgroup for each of some dozens of hierarchies at most: the kernel gives it in one read.
_MOST = 1 << 16


class Hierarchy(NamedTuple):
    """One hierarchy and where it is mounted.

    :ivar version: 1 or 2.
    :ivar mount_point: as this process sees it.
    :ivar controllers: on it; for v2 those its topmost visible group may hand on.
    :ivar name: of a named v1 hierarchy (``systemd``), else "".
    :ivar root: the group that the mount shows as its top; "/" unless bound or in a container.
    :ivar own: the group of this process, relative to its cgroup namespace.
    """

    version: int
    mount_point: str
    controllers: tuple[str, ...]
    name: str = ""
    root: str = "/"
    own: str = "/"


class Layout(NamedTuple):
    """All usable hierarchies; the v2 one, if any, is the last."""

    kind: Kind
    hierarchies: tuple[Hierarchy, ...]

    def carrying(self, controller: str) -> Hierarchy | None:
        """Return the hierarchy that has ``controller``; a controller sits on one hierarchy only (cgroups(7))."""
        return next((one for one in self.hierarchies if controller in one.controllers), None)

    @property
    def v2(self) -> Hierarchy | None:
        """The v2 hierarchy, with controllers or without."""
        return next((one for one in self.hierarchies if one.version == 2), None)


class Line(NamedTuple):
    """A line of /proc/PID/cgroup: ``number:controllers:path``; v2 has number 0 and no controllers."""

    number: int
    controllers: tuple[str, ...]
    path: str


def detect() -> Layout:
    """Find the layout of the calling process.

    :raises OSError: /proc is not there to be read.
    """
    membership = _read("/proc/self/cgroup")
    return parse(mounts(), membership, handed_on)


def mounts() -> tuple[MountEntry, ...]:
    """Read the cgroup mounts of mountinfo alone: where containers run there are thousands of others.

    :raises OSError: /proc is not there to be read.
    """
    # A blank within a field is written as \040 (proc_pid_mountinfo(5)).
    lines = mountinfo.read_text().split(b"\n")
    return tuple(mountinfo.parse_line(line) for line in lines if b" - cgroup" in line)


def parse(table: Iterable[MountEntry], membership: bytes, available: Callable[[str], tuple[str, ...]]) -> Layout:
    """Make the layout of a mount table and the text of /proc/self/cgroup.

    :param available: tells what the v2 hierarchy mounted somewhere can hand on.
    """
    lines = [membership_line(line) for line in membership.decode("utf-8", "surrogateescape").splitlines()]
    found: dict[tuple[str, ...], Hierarchy] = {}
    for mount in table:
        if mount.fstype == "cgroup":
            key, one = match_v1(mount, lines)
        elif mount.fstype == "cgroup2":
            key, one = match_v2(mount, lines, available(mount.mount_point))
        else:
            continue
        # Mounted more than once: the mount that shows most of the hierarchy is the one to work in.
        if one and (key not in found or len(one.root) < len(found[key].root)):
            found[key] = one
    hierarchies = sorted(found.values(), key=lambda one: (one.version, not one.controllers))
    return Layout(_kind(hierarchies), tuple(hierarchies))


def _kind(hierarchies: list[Hierarchy]) -> Kind:
    """A v1 hierarchy without controllers (elogind's) does not make a v2 host a hybrid one."""
    v2 = any(one.version == 2 for one in hierarchies)
    v1 = any(one.version == 1 and (one.controllers or not v2) for one in hierarchies)
    if v1 and v2:
        return "hybrid"
    return "v1" if v1 else "v2" if v2 else "none"


def membership_line(line: str) -> Line:
    """Take a line of /proc/PID/cgroup apart."""
    # At most two splits: a group's path may have colons of its own.
    number, controllers, path = line.split(":", 2)
    return Line(int(number), tuple(controllers.split(",")) if controllers else (), path)


def match_v2(
    mount: MountEntry, lines: list[Line], controllers: tuple[str, ...]
) -> tuple[tuple[str, ...], Hierarchy | None]:
    """Match the v2 mount with its line; the key is the line's controllers, as :func:`match_v1` gives it."""
    own = next((line.path for line in lines if line.number == 0), "/")
    return (), Hierarchy(2, mount.mount_point, controllers, "", mount.root, own)


def match_v1(mount: MountEntry, lines: list[Line]) -> tuple[tuple[str, ...], Hierarchy | None]:
    """Match a v1 mount with its line: the one whose controllers are all among the mount's options."""
    options = frozenset(mount.super_options.split(","))
    for line in lines:
        # "name=systemd" stands in both places as one word.
        if line.number and line.controllers and options.issuperset(line.controllers):
            named = [word for word in line.controllers if word.startswith("name=")]
            controllers = tuple(word for word in line.controllers if not word.startswith("name="))
            name = named[0].removeprefix("name=") if named else ""
            return line.controllers, Hierarchy(1, mount.mount_point, controllers, name, mount.root, line.path)
    return (), None


def handed_on(mount_point: str) -> tuple[str, ...]:
    """The controllers that the topmost visible v2 group may hand on to its children."""
    try:
        return tuple(_read(f"{mount_point}/cgroup.controllers").decode().split())
    except OSError:
        # Another mount lies over it, or it is not ours to read: then it has nothing for us.
        return ()


def _read(path: str) -> bytes:
    """Read a short file of the kernel's, for half of the price of a file object."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _MOST)
    finally:
        os.close(fd)
