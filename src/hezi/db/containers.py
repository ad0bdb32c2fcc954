"""The tables ``containers`` and ``container_layers``."""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

NEW = "new"  # being made: its directory may be there in part
CREATED = "created"
RUNNING = "running"
EXITED = "exited"
REMOVING = "removing"
NOBODY = (0, 0, "")

# (pid, start time, boot id)
Process = tuple[int, int, str]


class ContainerRow(NamedTuple):
    """One container.

    (pid, start_time, boot_id) is the process that holds it: the engine that makes, starts or removes it, the monitor
    while it runs; pid 0 is nobody. start_time in clock ticks since boot, as in proc(5). Times in nanoseconds since the
    epoch, 0 for "not yet"; ``exit_code`` is None until it is known; ``config`` is JSON.
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


def holder(row: ContainerRow) -> Process:
    """Return who holds a container."""
    return row.pid, row.start_time, row.boot_id


def claim(connection: Connection, row: ContainerRow, process: Process, state: str | None = None) -> bool:
    """Take a container over from the holder that ``row`` names; False when it is not as ``row`` says any more.

    :param process: the new holder, ``NOBODY`` to let go.
    :param state: the new state; None leaves it.
    """
    cursor = connection.execute(
        "UPDATE containers SET pid=?, start_time=?, boot_id=?, state=?"
        " WHERE id=? AND pid=? AND start_time=? AND boot_id=? AND state=?",
        (*process, state or row.state, row.id, *holder(row), row.state),
    )
    return cursor.rowcount == 1


def release(connection: Connection, container_id: str, state: str) -> None:
    """Say that nobody holds a container."""
    connection.execute(
        "UPDATE containers SET state=?, pid=0, start_time=0, boot_id='' WHERE id=?", (state, container_id)
    )


def started(connection: Connection, container_id: str, process: Process, started_ns: int) -> None:
    """Record that a container runs, held by ``process``, its monitor."""
    connection.execute(
        "UPDATE containers SET state='running', pid=?, start_time=?, boot_id=?, started_ns=?, exit_code=NULL"
        " WHERE id=?",
        (*process, started_ns, container_id),
    )


def finished(connection: Connection, container_id: str, exit_code: int | None, times: tuple[int, int]) -> None:
    """Record that a container ended, and that nobody holds it.

    :param exit_code: None when nobody knows how.
    :param times: when it was started last and when it ended, in nanoseconds.
    """
    connection.execute(
        "UPDATE containers SET state='exited', pid=0, start_time=0, boot_id='', started_ns=?, finished_ns=?,"
        " exit_code=? WHERE id=?",
        (*times, exit_code, container_id),
    )


def configure(connection: Connection, container_id: str, config: str) -> None:
    """Replace the JSON of a container."""
    connection.execute("UPDATE containers SET config=? WHERE id=?", (config, container_id))


def held(connection: Connection) -> list[ContainerRow]:
    """Return the containers that somebody holds, or held until he died."""
    query = "SELECT * FROM containers WHERE pid != 0 OR state IN ('running', 'new', 'removing')"
    return [ContainerRow(*row) for row in connection.execute(query)]


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
