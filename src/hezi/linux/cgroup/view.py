"""What a container is shown of its cgroups: the mounts at /sys/fs/cgroup, as data.

On v2 that is one mount of cgroup2. On v1 and hybrid hosts it is, as Docker has it, a tmpfs with one mount for each
hierarchy, named as the host's mount is, and a link for each controller of a joint mount (``cpu`` -> ``cpu,cpuacct``).
Mounted by type in the container's own cgroup namespace, each shows the container's group as its top
(cgroup_namespaces(7)); without such a namespace ``path`` is what to bind.
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from hezi.linux.cgroup.layout import Hierarchy, Layout

ROOT = "/sys/fs/cgroup"
FLAGS = ("ro", "nosuid", "noexec", "nodev")


class Shown(NamedTuple):
    """One hierarchy as the container is to see it.

    :ivar name: its directory below /sys/fs/cgroup; "" if it is the whole of it (a host with v2 alone).
    :ivar fstype: cgroup or cgroup2.
    :ivar options: of the file system, as (key, value or None) for fsconfig.
    :ivar path: the container's group in the host's tree, "" if not given.
    :ivar top: where the host has it mounted.
    """

    name: str
    fstype: str
    options: tuple[tuple[str, str | None], ...] = ()
    path: str = ""
    top: str = ""


class Mount(NamedTuple):
    """One mount(2): type, where, and options as fstab(5) has them."""

    fstype: str
    destination: str
    options: tuple[str, ...]


def hierarchies(layout: Layout, paths: Mapping[str, str] | None = None) -> tuple[Shown, ...]:
    """The hierarchies of the host, for the container.

    :param paths: the container's group by mount point, as :attr:`ContainerCgroup.paths` gives it.
    """
    paths = paths or {}
    alone = layout.kind == "v2"
    shown = [one for one in layout.hierarchies if one.version == 2 or not alone]
    return tuple(
        Shown(
            name="" if alone else _name(one),
            fstype=f"cgroup{'2' if one.version == 2 else ''}",
            options=_options(one),
            path=paths.get(one.mount_point, ""),
            top=one.mount_point,
        )
        for one in shown
    )


def mounts(layout: Layout) -> tuple[Mount, ...]:
    """The mounts in order. On v1 the tmpfs turns read-only last, when directories and :func:`links` are in it."""
    shown = hierarchies(layout)
    if not shown:
        return ()
    if not shown[0].name:
        return (Mount("cgroup2", ROOT, FLAGS),)
    found = [Mount("tmpfs", ROOT, (*FLAGS, "mode=755"))]
    for one in shown:
        options = (key if value is None else f"{key}={value}" for key, value in one.options)
        found.append(Mount(one.fstype, f"{ROOT}/{one.name}", (*FLAGS, *options)))
    return tuple(found)


def links(layout: Layout) -> tuple[tuple[str, str], ...]:
    """The symbolic links in the tmpfs: (path, target)."""
    found = []
    for one in layout.hierarchies:
        name = _name(one)
        if layout.kind != "v2" and one.version == 1:
            found += [(f"{ROOT}/{part}", name) for part in one.controllers if part != name]
    return tuple(found)


def _name(one: Hierarchy) -> str:
    """The host's own name for it, which is what programs inside look for; made up only where that is no use."""
    base = os.path.basename(one.mount_point)
    if one.version == 2:
        return "unified"
    expected = one.name or ",".join(one.controllers)
    return base if set(base.split(",")) == set(expected.split(",")) else expected


def _options(one: Hierarchy) -> tuple[tuple[str, str | None], ...]:
    if one.version == 2:
        return ()
    if one.controllers:
        named = (("name", one.name),) if one.name else ()
        return (*((controller, None) for controller in one.controllers), *named)
    return (("none", None), ("name", one.name))
