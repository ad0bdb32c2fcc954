"""Which containers have which volumes, running or not, and what becomes of anonymous ones when a container goes."""

from __future__ import annotations

import json

from hezi.volume import local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from sqlite3 import Connection

    from hezi.db.connection import Database

    Holders = dict[str, list[str]]


def of(connection: Connection) -> Holders:
    """Return the ids of the containers of each volume, the oldest first."""
    found: Holders = {}
    for container, config in connection.execute("SELECT id, config FROM containers ORDER BY created_ns"):
        details = json.loads(config)
        names = {str(point.get("Name")) for point in details.get("mounts", ()) if point.get("Type") == "volume"}
        for name in sorted({*names, *details.get("volumes", ())}):
            found.setdefault(name, []).append(container)
    return found


def drop_anonymous(
    volumes: str, database: Database, container: str, own: Sequence[str], points: Sequence[Mapping[str, object]]
) -> None:
    """Remove the anonymous volumes of a container that goes, but for those that another container has.

    :param own: names of those that were made for it.
    :param points: its mounts, as :mod:`hezi.engine.mount_points` has them.
    :raises hezi.errors.Error: one cannot be removed.
    """
    from hezi.engine import mount_points

    names = [*own, *mount_points.inherited(points)]
    if len(names) == len(own) and not any(local.has_options(volumes, name) for name in names):
        # Nobody else can have them: what another container takes over is marked.
        for name in names:
            local.remove(volumes, name)
        return
    with database.removal() as connection:
        users = of(connection)
        for name in names:
            if not set(users.get(name, ())) - {container}:
                local.remove(volumes, name)
