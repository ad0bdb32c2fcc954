"""The table ``layers``: the layers of images by chain id, those in layers/ and those that nothing has unpacked yet."""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection


class LayerRow(NamedTuple):
    """One layer. ``parent`` is the chain id below, empty for the lowest; ``size`` the bytes in its files.

    ``driver`` is empty, and ``size`` 0, as long as there is only its blob: an image for another machine was loaded.
    """

    chain_id: str
    parent: str
    diff_id: str
    blob_digest: str
    size: int
    driver: str
    created_ns: int


def insert(connection: Connection, row: LayerRow) -> None:
    """Add a layer whose directory is in place, or that is packed; another process may have done so already."""
    connection.execute(
        "INSERT INTO layers VALUES (?,?,?,?,?,?,?) ON CONFLICT(chain_id) DO UPDATE SET size=excluded.size,"
        " driver=excluded.driver WHERE layers.driver='' AND excluded.driver!=''",
        row,
    )


def packed(connection: Connection, image_id: str) -> bool:
    """Say whether an image has a layer of which there is only its blob."""
    query = (
        "SELECT 1 FROM image_layers i JOIN layers l ON l.chain_id=i.chain_id WHERE i.image_id=? AND l.driver='' LIMIT 1"
    )
    return connection.execute(query, (image_id,)).fetchone() is not None


def get(connection: Connection, chain_id: str) -> LayerRow | None:
    """Return one layer."""
    row = connection.execute("SELECT * FROM layers WHERE chain_id=?", (chain_id,)).fetchone()
    return LayerRow(*row) if row else None


def list_all(connection: Connection) -> list[LayerRow]:
    """Return all layers."""
    return [LayerRow(*row) for row in connection.execute("SELECT * FROM layers ORDER BY chain_id")]


def delete(connection: Connection, chain_id: str) -> None:
    """Remove the row of a layer that nothing uses."""
    connection.execute("DELETE FROM layers WHERE chain_id=?", (chain_id,))


def unused(connection: Connection, candidates: Sequence[str] | None = None) -> list[str]:
    """Return the layers (of ``candidates``, or of all) that no image, container or lease needs."""
    query = (
        "SELECT l.chain_id FROM layers l WHERE NOT EXISTS (SELECT 1 FROM image_layers WHERE chain_id=l.chain_id)"
        " AND NOT EXISTS (SELECT 1 FROM container_layers WHERE chain_id=l.chain_id)"
        " AND NOT EXISTS (SELECT 1 FROM lease_items WHERE kind='layer' AND key=l.chain_id)"
    )
    if candidates is None:
        return [row[0] for row in connection.execute(query)]
    one = f"{query} AND l.chain_id=?"
    return [chain_id for chain_id in candidates if connection.execute(one, (chain_id,)).fetchone()]
