"""Volumes that are file systems to mount: there while a container has them, gone afterwards.

Docker counts the users in its daemon. Here the table of containers is asked, under a lock: whoever starts a container
mounts what nobody has mounted yet, and unmounts first what the last user left; and each command that looks after dead
containers or volumes unmounts what nobody uses any more. Which volumes to look at is told by files in RUNROOT/volumes.
"""

from __future__ import annotations

import os
from contextlib import suppress

from hezi import errors
from hezi._util.lock import FileLock
from hezi.volume import mounted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection

    from hezi.db.connection import Database
    from hezi.engine.paths import Paths
    from hezi.volume.catalog import Details


def _marks(paths: Paths) -> str:
    return f"{paths.runroot}/volumes"


def _lock(paths: Paths) -> FileLock:
    return FileLock(None, f"{paths.root}/volume-mounts.lock")


def attach(paths: Paths, database: Database, volume: Details, container_id: str) -> None:
    """Mount what a volume stands for, unless a container that runs has it mounted already.

    :param container_id: of the container that is being started, which is no user yet.
    :raises errors.Error: docker's text: it cannot be mounted.
    """
    wanted = volume.wanted
    if not wanted.fstype:
        return
    with _lock(paths):
        with database.read() as connection:
            used = volume.name in _in_use(connection, but=container_id)
        if mounted.is_mounted(volume.path):
            if used:
                return
            # What was in a tmpfs goes with its last user.
            mounted.detach(volume.path)
        os.makedirs(_marks(paths), 0o700, exist_ok=True)
        with open(f"{_marks(paths)}/{volume.name}", "wb"):
            pass
        mounted.attach(volume.path, wanted)


def pending(paths: Paths) -> list[str]:
    """Return the volumes that may be mounted; costs one system call when there was never one."""
    try:
        return os.listdir(_marks(paths))
    except FileNotFoundError:
        return []


def release(paths: Paths, database: Database) -> None:
    """Unmount what no container that runs has; what cannot be unmounted now is left for the next time."""
    names = pending(paths)
    if not names:
        return
    with suppress(errors.Error, OSError), _lock(paths):
        with database.read() as connection:
            used = _in_use(connection)
        for name in names:
            if name not in used:
                mounted.detach(f"{paths.volumes}/{name}/_data")
                os.unlink(f"{_marks(paths)}/{name}")


def _in_use(connection: Connection, *, but: str = "") -> set[str]:
    """Return the volumes of all containers that run, or are about to."""
    import json

    found: set[str] = set()
    query = "SELECT config FROM containers WHERE (pid != 0 OR state = 'running') AND id != ?"
    for (config,) in connection.execute(query, (but,)):
        points = json.loads(config).get("mounts", ())
        found |= {str(point.get("Name")) for point in points if point.get("Type") == "volume"}
    return found
