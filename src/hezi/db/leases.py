"""The tables ``leases`` and ``lease_items``: what work under way counts on, so that nobody removes it.

A lease belongs to a process, named by (pid, start time, boot id). One whose process is gone counts for nothing and is
removed by whoever looks next.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from sqlite3 import Connection

BLOB = "blob"
LAYER = "layer"


class LeaseRow(NamedTuple):
    """One lease. ``start_time`` in clock ticks since boot, as in proc(5)."""

    id: str
    purpose: str
    pid: int
    start_time: int
    boot_id: str
    created_ns: int


def insert(connection: Connection, row: LeaseRow) -> None:
    """Add a lease."""
    connection.execute("INSERT INTO leases VALUES (?,?,?,?,?,?)", row)


def add_items(connection: Connection, lease_id: str, kind: str, keys: Iterable[str]) -> None:
    """Protect blobs (digests) or layers (chain ids); they need not exist yet."""
    connection.executemany("INSERT OR IGNORE INTO lease_items VALUES (?,?,?)", [(lease_id, kind, key) for key in keys])


def items(connection: Connection, kind: str) -> set[str]:
    """Return everything of a kind that is protected."""
    return {row[0] for row in connection.execute("SELECT key FROM lease_items WHERE kind=?", (kind,))}


def items_of(connection: Connection, lease_id: str, kind: str) -> list[str]:
    """Return what one lease protects of a kind."""
    query = "SELECT key FROM lease_items WHERE lease_id=? AND kind=? ORDER BY key"
    return [row[0] for row in connection.execute(query, (lease_id, kind))]


def list_all(connection: Connection) -> list[LeaseRow]:
    """Return all leases."""
    return [LeaseRow(*row) for row in connection.execute("SELECT * FROM leases ORDER BY id")]


def delete(connection: Connection, lease_id: str) -> None:
    """End a lease."""
    connection.execute("DELETE FROM leases WHERE id=?", (lease_id,))
