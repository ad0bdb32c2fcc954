"""Whose files are whose: the ids of a container's user namespace and the host's ids that they are."""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from hezi.spec.runtime import IdMapping, Spec


class Owners(NamedTuple):
    """The ids of a user namespace, in the order of the ids inside; id 0 is among them.

    ``outer_*`` give the host's id of one inside, root's for one that has none; ``inner_*`` the reverse, 65534 for one
    that has none, as the kernel does.
    """

    uids: tuple[IdMapping, ...]
    gids: tuple[IdMapping, ...]

    @property
    def root(self) -> tuple[int, int]:
        """(uid, gid) outside of who is root inside."""
        return self.outer_uid(0), self.outer_gid(0)

    @property
    def identity(self) -> bool:
        """Whether every id is the same inside and outside."""
        return all(one.container_id == one.host_id for one in (*self.uids, *self.gids))

    def outer_uid(self, uid: int) -> int:
        """Give the host's user."""
        return _outer(self.uids, uid)

    def outer_gid(self, gid: int) -> int:
        """Give the host's group."""
        return _outer(self.gids, gid)

    def inner_uid(self, uid: int) -> int:
        """Give the user inside."""
        return _inner(self.uids, uid)

    def inner_gid(self, gid: int) -> int:
        """Give the group inside."""
        return _inner(self.gids, gid)

    def knows_uid(self, uid: int) -> bool:
        """Whether there is such a user inside."""
        return _knows(self.uids, uid)

    def knows_gid(self, gid: int) -> bool:
        """Whether there is such a group inside."""
        return _knows(self.gids, gid)

    def lines(self) -> tuple[bytes, bytes]:
        """Give the texts of uid_map and gid_map."""
        uids, gids = ("".join(f"{one.container_id} {one.host_id} {one.size}\n" for one in ranges) for ranges in self)
        return uids.encode(), gids.encode()


def of(spec: Spec) -> Owners | None:
    """Return the ids of a spec's own user namespace, None when it has none."""
    if any(space.type == "user" and space.path is None for space in spec.linux.namespaces):
        return Owners(spec.linux.uid_mappings, spec.linux.gid_mappings)
    return None


def _knows(ranges: Iterable[IdMapping], inner: int) -> bool:
    return any(one.container_id <= inner < one.container_id + one.size for one in ranges)


def _outer(ranges: tuple[IdMapping, ...], inner: int) -> int:
    for one in ranges:
        if one.container_id <= inner < one.container_id + one.size:
            return one.host_id + inner - one.container_id
    return _outer(ranges, 0) if inner else 0


def _inner(ranges: Iterable[IdMapping], outer: int) -> int:
    for one in ranges:
        if one.host_id <= outer < one.host_id + one.size:
            return one.container_id + outer - one.host_id
    return 65534
