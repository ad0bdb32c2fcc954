"""Leases: what a pull under way counts on is not removed by anybody, in whatever process."""

from __future__ import annotations

import os

from hezi._util import clock, ids
from hezi._util.record import NamedTuple
from hezi.db import images, leases
from hezi.db import layers as rows
from hezi.linux import pidfd
from hezi.store import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from sqlite3 import Connection
    from types import TracebackType

    from hezi.db.connection import Database
    from hezi.spec.digest import Digest


# A pull or a load that was broken off goes on with what is there. These make something new each time.
_NOT_RESUMED = ("import ", "commit ")


class Abandoned(NamedTuple):
    """Blobs and layers that a process left which died, and that nothing needs."""

    blobs: tuple[str, ...]
    layers: tuple[str, ...]


class Lease:
    """Protects blobs and layers as long as this process lives and the context is not left.

    :param purpose: for people: ``pull docker.io/library/busybox:latest``.
    """

    __slots__ = ("_database", "_id", "_root")

    def __init__(self, root: str, database: Database, purpose: str) -> None:
        self._root = root
        self._database = database
        self._id = ids.new_id()[:32]
        pid = os.getpid()
        row = leases.LeaseRow(self._id, purpose, pid, pidfd.start_time(pid), pidfd.boot_id(), clock.now_ns())
        with database.write() as connection:
            leases.insert(connection, row)

    def protect(self, blobs: Iterable[Digest], layers: Iterable[Digest]) -> None:
        """Keep these from now on, there or not; what is found present afterwards stays present."""
        with paths.store_lock(self._root, shared=True), self._database.write() as connection:
            leases.add_items(connection, self._id, leases.BLOB, blobs)
            leases.add_items(connection, self._id, leases.LAYER, layers)

    def close(self) -> None:
        """End the lease."""
        with self._database.write() as connection:
            leases.delete(connection, self._id)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def end_dead(connection: Connection) -> Abandoned:
    """Remove the leases of processes that are gone; return what one of them made and nobody will go on with.

    The caller holds the store's lock alone, and removes it.
    """
    blobs: list[str] = []
    layers: list[str] = []
    for row in _dead(connection):
        if row.purpose.startswith(_NOT_RESUMED):
            blobs += leases.items_of(connection, row.id, leases.BLOB)
            layers += leases.items_of(connection, row.id, leases.LAYER)
        leases.delete(connection, row.id)
    if not (blobs or layers):
        return Abandoned((), ())
    kept = leases.items(connection, leases.LAYER)
    # One that has a row is an image's or a container's, and what has a row and no user is collected by its age.
    gone = [value for value in layers if value not in kept and rows.get(connection, value) is None]
    return Abandoned(tuple(images.unused_blobs(connection, blobs)), tuple(gone))


def any_abandoned(connection: Connection) -> bool:
    """Say whether a process died that made what nobody will go on with."""
    return any(row.purpose.startswith(_NOT_RESUMED) for row in _dead(connection))


def _dead(connection: Connection) -> list[leases.LeaseRow]:
    found = leases.list_all(connection)
    if not found:
        return []
    boot = pidfd.boot_id()
    return [row for row in found if row.boot_id != boot or not _lives(row.pid, row.start_time)]


def _lives(pid: int, started: int) -> bool:
    try:
        return pidfd.start_time(pid) == started
    except OSError:
        return False
