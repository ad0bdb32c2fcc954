"""Single values of many groups: of hundreds of containers, none of which is opened for it.

::

    with Glances(layout.detect()) as glances:
        group = glances.at("memory", "/hezi/4f1c...")
        group.read("memory.usage_in_bytes")

The directory above a group is opened once for all groups in it that are asked for one after the other.
"""

from __future__ import annotations

import os

from hezi.linux import abi
from hezi.linux.cgroup import manager
from hezi.linux.cgroup.group import Group, plain_name, read_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from hezi.linux.cgroup.layout import Hierarchy, Layout


class Glance(Group):
    """A group that is only read from, by way of the directory above it; valid until another parent is looked into.

    ``fd`` is -1, and what needs it (adding, killing, removing) does not work.
    """

    __slots__ = ()

    def __init__(self, version: int, path: str, parent_fd: int) -> None:
        """Name the group; ``parent_fd`` stays somebody else's."""
        self.version = version
        self.path = path
        self.name = os.path.basename(path)
        self._parent_fd = parent_fd
        self.fd = self._procs_fd = self._join_fd = -1

    def close(self) -> None:
        """Do nothing: it has no descriptor of its own."""

    def has(self, name: str) -> bool:
        """Whether the group has a file of this name."""
        try:
            os.stat(f"{self.name}/{plain_name(name)}", dir_fd=self._parent_fd, follow_symlinks=False)
        except OSError:
            return False
        return True

    def read(self, name: str) -> str:
        """Read one of its files.

        :raises OSError: ENOENT if the controller is not here, or the group is gone.
        """
        try:
            return read_at(self._parent_fd, f"{self.name}/{plain_name(name)}")
        except OSError as error:
            raise abi.error(error.errno or 0, "read", f"{self.path}/{name}") from None


class Glances:
    """Gives groups to look into; holds one descriptor for each hierarchy that was asked for."""

    __slots__ = ("_above", "_carriers", "_layout", "_parts")

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._carriers = {name: one for one in reversed(layout.hierarchies) for name in one.controllers}
        self._parts: tuple[str, list[str], str] = ("", [], "")
        self._above: dict[str, tuple[list[str], int]] = {}

    def __enter__(self) -> Glances:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptors."""
        for _, fd in self._above.values():
            os.close(fd)
        self._above.clear()

    def at(self, controller: str, path: str) -> Glance | None:
        """Return the group ``path`` in the hierarchy of a controller, None where that is mounted nowhere.

        :raises OSError: ENOENT, the groups above it are not there; EINVAL, no path.
        """
        hierarchy = self._carriers.get(controller)
        return None if hierarchy is None else self._in(hierarchy, path)

    def v2(self, path: str) -> Glance | None:
        """Return the group in the v2 hierarchy, None without one; errors as of :meth:`at`."""
        return None if self._layout.v2 is None else self._in(self._layout.v2, path)

    def _in(self, hierarchy: Hierarchy, path: str) -> Glance:
        if self._parts[0] != path:
            parts = manager.split(path)
            self._parts = (path, parts[:-1], "/".join(parts))
        _, above, clean = self._parts
        known = self._above.get(hierarchy.mount_point)
        if known is None or known[0] != above:
            fd = manager.walk(hierarchy, above, make=False)
            if known is not None:
                os.close(known[1])
            self._above[hierarchy.mount_point] = known = (above, fd)
        return Glance(hierarchy.version, f"{hierarchy.mount_point}/{clean}", known[1])
