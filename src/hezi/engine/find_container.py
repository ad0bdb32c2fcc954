"""Finding a container by what people type: its exact name, its id, or a prefix of its id that fits no other."""

from __future__ import annotations

from hezi import errors
from hezi.db import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection

    from hezi.db.containers import ContainerRow

_DIGITS = frozenset("0123456789abcdef")


def find(connection: Connection, text: str) -> ContainerRow:
    """Return the container.

    :raises errors.Error: there is none (NOT_FOUND), or several fit (INVALID).
    """
    row = containers.by_name(connection, text.removeprefix("/")) if text else None
    if row is None and text and set(text) <= _DIGITS:
        ids = containers.by_prefix(connection, text)
        if len(ids) > 1 and text not in ids:
            message = f"multiple IDs found with provided prefix: {text}"
            raise errors.Error(errors.INVALID, message)
        row = containers.get(connection, text if text in ids else ids[0]) if ids else None
    if row is None:
        raise errors.Error(errors.NOT_FOUND, f"No such container: {text}")
    return row
