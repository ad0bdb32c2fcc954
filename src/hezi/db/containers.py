"""The tables ``containers`` and ``container_layers``."""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

CREATED = "created"
RUNNING = "running"
EXITED = "exited"


class ContainerRow(NamedTuple):
    """One container.

    Its first process is named by (pid, start_time, boot_id): start_time in clock ticks since boot, as in proc(5). Times
    in nanoseconds since the epoch, 0 for "not yet"; ``exit_code`` is None until it is known; ``config`` is JSON.
    """

    id: str
    name: str
    image_id: str
    image_name: str
    state: str
    pid: int
    start_time: int
    boot_id: str
    created_ns: int
    started_ns: int
    finished_ns: int
    exit_code: int | None
    config: str


def insert(connection: Connection, row: ContainerRow, chain_ids: Sequence[str]) -> None:
    """Add a container and the layers it stands on.

    :raises sqlite3.IntegrityError: the name is taken (CONFLICT, outside of the transaction).
    """
    marks = ",".join("?" * len(row))
    connection.execute(f"INSERT INTO containers VALUES ({marks})", row)  # noqa: S608 - no input in it
    connection.executemany(
        "INSERT OR IGNORE INTO container_layers VALUES (?,?)", [(row.id, chain_id) for chain_id in chain_ids]
    )


def started(connection: Connection, container_id: str, process: tuple[int, int, str], now_ns: int) -> None:
    """Record that a container runs; ``process`` is (pid, start time, boot id) of its first process."""
    connection.execute(
        "UPDATE containers SET state='running', pid=?, start_time=?, boot_id=?, started_ns=? WHERE id=?",
        (*process, now_ns, container_id),
    )


def finished(connection: Connection, container_id: str, exit_code: int | None, now_ns: int) -> None:
    """Record that a container ended; None when nobody knows how."""
    connection.execute(
        "UPDATE containers SET state='exited', pid=0, finished_ns=?, exit_code=? WHERE id=?",
        (now_ns, exit_code, container_id),
    )


def get(connection: Connection, container_id: str) -> ContainerRow | None:
    """Return the container with exactly this id."""
    row = connection.execute("SELECT * FROM containers WHERE id=?", (container_id,)).fetchone()
    return ContainerRow(*row) if row else None


def by_name(connection: Connection, name: str) -> ContainerRow | None:
    """Return the container with this name."""
    row = connection.execute("SELECT * FROM containers WHERE name=?", (name,)).fetchone()
    return ContainerRow(*row) if row else None


def by_prefix(connection: Connection, prefix: str, limit: int = 2) -> list[str]:
    """Return up to ``limit`` ids that begin with ``prefix`` (hex digits, checked by the caller)."""
    query = "SELECT id FROM containers WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
    return [row[0] for row in connection.execute(query, (prefix, prefix + "~", limit))]


def list_all(connection: Connection) -> list[ContainerRow]:
    """Return all containers, newest first."""
    return [ContainerRow(*row) for row in connection.execute("SELECT * FROM containers ORDER BY created_ns DESC, id")]


def using_image(connection: Connection, image_id: str) -> list[ContainerRow]:
    """Return the containers made from an image."""
    query = "SELECT * FROM containers WHERE image_id=? ORDER BY created_ns"
    return [ContainerRow(*row) for row in connection.execute(query, (image_id,))]


def rename(connection: Connection, container_id: str, name: str) -> None:
    """Give a container another name, which must be free."""
    connection.execute("UPDATE containers SET name=? WHERE id=?", (name, container_id))


def delete(connection: Connection, container_id: str) -> None:
    """Remove a container."""
    connection.execute("DELETE FROM containers WHERE id=?", (container_id,))
