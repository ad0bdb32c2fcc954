"""The table ``id_ranges``: which of the host's ids a container with ``--userns=auto`` has.

A row goes with its container's, however that ends; two containers never have an id in common, since a range is chosen
and written in one transaction.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection


class IdRangeRow(NamedTuple):
    """The ids of one container.

    :ivar size: how many it has inside; those that the user placed elsewhere are not among the ``count``s.
    """

    container_id: str
    size: int
    uid_first: int
    uid_count: int
    gid_first: int
    gid_count: int


def add(connection: Connection, row: IdRangeRow) -> None:
    """Give a container its ids.

    :raises sqlite3.IntegrityError: it has some, or is gone.
    """
    connection.execute("INSERT INTO id_ranges VALUES (?,?,?,?,?,?)", row)


def get(connection: Connection, container_id: str) -> IdRangeRow | None:
    """Return a container's ids."""
    row = connection.execute("SELECT * FROM id_ranges WHERE container_id=?", (container_id,)).fetchone()
    return IdRangeRow(*row) if row else None


def everything(connection: Connection) -> list[IdRangeRow]:
    """Return the ids of all containers."""
    return [IdRangeRow(*row) for row in connection.execute("SELECT * FROM id_ranges")]
