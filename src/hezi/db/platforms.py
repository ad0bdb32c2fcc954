"""The table ``platforms``: images of the same index beside the one that a name means, each for another platform."""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection

_COLUMNS = "reference, image_id, manifest_digest"


class PlatformRow(NamedTuple):
    """An image that a name has for another platform than the one it means by itself, and its manifest."""

    reference: str
    image_id: str
    manifest_digest: str


def add(connection: Connection, row: PlatformRow) -> None:
    """Put an image beside the one that a name means."""
    connection.execute(f"INSERT OR REPLACE INTO platforms ({_COLUMNS}) VALUES (?,?,?)", row)  # noqa: S608 - no input in it


def of_name(connection: Connection, reference: str) -> list[PlatformRow]:
    """Return what a name has beside its image."""
    query = f"SELECT {_COLUMNS} FROM platforms WHERE reference=? ORDER BY image_id"  # noqa: S608 - no input in it
    return [PlatformRow(*row) for row in connection.execute(query, (reference,))]


def of_image(connection: Connection, image_id: str) -> list[PlatformRow]:
    """Return the names that have an image beside their own, sorted."""
    query = f"SELECT {_COLUMNS} FROM platforms WHERE image_id=? ORDER BY reference"  # noqa: S608 - no input in it
    return [PlatformRow(*row) for row in connection.execute(query, (image_id,))]


def images(connection: Connection) -> set[str]:
    """Return the ids of all images that stand beside others."""
    return {row[0] for row in connection.execute("SELECT image_id FROM platforms")}


def delete(connection: Connection, reference: str, image_id: str) -> None:
    """Take one away from beside a name."""
    connection.execute("DELETE FROM platforms WHERE reference=? AND image_id=?", (reference, image_id))


def clear(connection: Connection, reference: str) -> None:
    """Take all away from beside a name: it means something else now."""
    connection.execute("DELETE FROM platforms WHERE reference=?", (reference,))
