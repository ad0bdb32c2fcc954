"""Everything there is to know of a machine's hierarchies: numbers, every mount point, controllers that have none.

:mod:`hezi.linux.cgroup.layout` finds what a container start needs and no more; this adds what people ask for. The
mounts decide where a controller is. /proc/cgroups only says which ones the kernel was built with (and on recent kernels
leaves out those that v2 alone has), /proc/self/cgroup numbers the hierarchies.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.linux.cgroup import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hezi.linux.cgroup.layout import Hierarchy
    from hezi.linux.mountinfo import MountEntry

# Options of a v1 mount that are neither controllers nor a name (cgroup1_show_options in kernel/cgroup/cgroup-v1.c), and
# all of a v2 mount.
_V1_OPTIONS = frozenset({"noprefix", "xattr", "cpuset_v2_mode", "clone_children", "favordynmods"})
_GENERAL = frozenset({"rw", "ro", "seclabel"})


class Controller(NamedTuple):
    """A controller of this kernel.

    :ivar number: of the hierarchy it is on; 0 is v2, or none at all.
    :ivar enabled: False when the kernel was started with ``cgroup_disable=``.
    """

    name: str
    number: int
    enabled: bool = True


class Mounted(NamedTuple):
    """A hierarchy and all places where it is mounted.

    :ivar hierarchy: by the mount that shows most of it.
    :ivar number: as in /proc/self/cgroup; 0 for v2.
    :ivar mount_points: in the order in which they were mounted.
    :ivar options: of the hierarchy: ``nsdelegate``, ``memory_recursiveprot``, ``noprefix``, ``release_agent=...``.
    """

    hierarchy: Hierarchy
    number: int
    mount_points: tuple[str, ...]
    options: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What people call it: its controllers, else its name, else "cgroup2"."""
        one = self.hierarchy
        return ",".join(one.controllers) or (f"name={one.name}" if one.version == 1 else "cgroup2")


class Survey(NamedTuple):
    """The hierarchies in the order of their mounts, and the controllers in the kernel's order."""

    hierarchies: tuple[Mounted, ...]
    controllers: tuple[Controller, ...]

    def carrying(self, controller: str) -> Mounted | None:
        """Return the hierarchy with ``controller``, or with the name ``name=...``; None if it is mounted nowhere."""
        for one in self.hierarchies:
            named = one.hierarchy.name and controller == f"name={one.hierarchy.name}"
            if controller in one.hierarchy.controllers or named:
                return one
        return None

    @property
    def v2(self) -> Mounted | None:
        """The v2 hierarchy."""
        return next((one for one in self.hierarchies if one.hierarchy.version == 2), None)

    @property
    def unmounted(self) -> tuple[str, ...]:
        """The controllers that are on no mounted hierarchy, in the kernel's order."""
        return tuple(one.name for one in self.controllers if self.carrying(one.name) is None)

    def ordered(self, one: Mounted) -> tuple[str, ...]:
        """The controllers of a hierarchy in the kernel's order, in which the tools of libcgroup print them."""
        rank = {controller.name: place for place, controller in enumerate(self.controllers)}
        return tuple(sorted(one.hierarchy.controllers, key=lambda name: rank.get(name, len(rank))))


def take() -> Survey:
    """Look at the hierarchies that the calling process sees.

    :raises OSError: /proc is not there to be read.
    """
    with open("/proc/self/cgroup", "rb") as file:
        membership = file.read()
    try:
        with open("/proc/cgroups", encoding="ascii") as file:
            table = file.read()
    except FileNotFoundError:
        table = ""  # a kernel without v1
    return parse(layout.mounts(), membership, table, layout.handed_on)


def parse(
    mounts: Iterable[MountEntry], membership: bytes, table: str, available: Callable[[str], tuple[str, ...]]
) -> Survey:
    """Make the survey of a mount table and the texts of /proc/self/cgroup and /proc/cgroups.

    :param available: tells what the v2 hierarchy mounted somewhere can hand on.
    """
    lines = [layout.membership_line(line) for line in membership.decode("utf-8", "surrogateescape").splitlines()]
    numbers = {line.controllers: line.number for line in lines}
    found: dict[tuple[str, ...], Mounted] = {}
    for mount in mounts:
        if mount.fstype == "cgroup":
            key, one = layout.match_v1(mount, lines)
        elif mount.fstype == "cgroup2":
            key, one = layout.match_v2(mount, lines, available(mount.mount_point))
        else:
            continue
        if one is None:
            continue
        known = found.get(key)
        points = (*known.mount_points, mount.mount_point) if known else (mount.mount_point,)
        # The mount that shows most of the hierarchy is the one to work in.
        best = one if known is None or len(one.root) < len(known.hierarchy.root) else known.hierarchy
        found[key] = Mounted(best, numbers.get(key, 0), points, _options(mount, one))
    hierarchies = tuple(found.values())
    return Survey(hierarchies, _controllers(table, hierarchies))


def _options(mount: MountEntry, one: Hierarchy) -> tuple[str, ...]:
    words = [word for word in mount.super_options.split(",") if word not in _GENERAL]
    if one.version == 1:
        words = [word for word in words if word in _V1_OPTIONS or word.startswith("release_agent=")]
    return tuple(words)


def _controllers(table: str, hierarchies: tuple[Mounted, ...]) -> tuple[Controller, ...]:
    """Those of /proc/cgroups, then those that only v2 tells of."""
    rows = [line.split() for line in table.splitlines() if not line.startswith("#")]
    found = [Controller(row[0], int(row[1]), row[3] == "1") for row in rows if len(row) == 4]
    known = {one.name for one in found}
    for mounted in hierarchies:
        found += [Controller(name, mounted.number) for name in mounted.hierarchy.controllers if name not in known]
        known.update(mounted.hierarchy.controllers)
    return tuple(found)
