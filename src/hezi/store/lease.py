"""Leases: what a pull under way counts on is not removed by anybody, in whatever process."""

from __future__ import annotations

import os

from hezi._util import clock, ids
from hezi.db import leases
from hezi.linux import pidfd
from hezi.store import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from sqlite3 import Connection
    from types import TracebackType

    from hezi.db.connection import Database
    from hezi.spec.digest import Digest


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


def end_dead(connection: Connection) -> None:
    """Remove the leases of processes that are gone."""
    rows = leases.list_all(connection)
    if not rows:
        return
    boot = pidfd.boot_id()
    for row in rows:
        if row.boot_id != boot or not _lives(row.pid, row.start_time):
            leases.delete(connection, row.id)


def _lives(pid: int, started: int) -> bool:
    try:
        return pidfd.start_time(pid) == started
    except OSError:
        return False
