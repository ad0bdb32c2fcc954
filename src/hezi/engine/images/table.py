"""``images`` without options: what is shown of a thousand images, and nothing imported or made beside it."""

from __future__ import annotations

from hezi.db import images as tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.paths import Paths


def table(paths: Paths) -> list[tuple[str, str, str, int, int]]:
    """See :meth:`hezi.engine.engine.Images.table`."""
    from hezi.db.connection import Database

    paths.make()
    database = Database(paths.database)
    try:
        with database.read() as connection:
            if not tables.untagged(connection):
                found = tables.table(connection)
                if "" not in {row[1] for row in found}:
                    return found
            # Some have no tag: it takes the longer way to see which of them are shown.
            from hezi.engine.images import filters, listing

            listed = listing.rows(connection, filters.Choice(), intermediate=False)
            return [(row.image_id, row.repository, row.tag, row.created, row.size) for row in listed if not row.extra]
    finally:
        database.close()
