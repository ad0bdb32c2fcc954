"""Taking hold of a container that does not run, to start it or to remove it: one process at a time."""

from __future__ import annotations

import time

from hezi import errors
from hezi.db import containers
from hezi.engine import held, recover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths

# The state of a row that is no more.
GONE = "gone"
# Another process starts it, or writes down its end: milliseconds, or the pace of a slow disk.
_PATIENCE_S = 15.0
_PAUSE_S = 0.002


def take(
    paths: Paths, database: Database, row: ContainerRow, state: str | None = None, *, patience: float = _PATIENCE_S
) -> ContainerRow | None:
    """Make this process the holder of a container, waiting while another one is at work on it.

    :param state: to put it into; None leaves its own.
    :param patience: seconds to wait for another process at most.
    :return: the row as it was before, in the state ``GONE`` when it was removed meanwhile; None when it runs.
    :raises errors.Error: TIMEOUT: somebody else does not let go of it.
    """
    deadline = time.monotonic() + patience
    boot = held.boot()
    removing = state == containers.REMOVING
    while True:
        with database.read() as connection:
            now = containers.get(connection, row.id)
        if now is None:
            return row._replace(state=GONE)
        holder_lives = held.is_held(now, boot)
        if runs(paths, now, boot, holder_lives=holder_lives):
            return None
        if not now.pid and now.state in {containers.CREATED, containers.EXITED}:
            transaction = database.removal if removing else database.write
            with transaction() as connection:
                if containers.claim(connection, now, held.myself(), state):
                    return now
        elif not holder_lives:
            recover.settle(paths, database, now)
        if time.monotonic() > deadline:
            text = f"container {now.name} is being worked on by process {now.pid}"
            raise errors.Error(errors.TIMEOUT, text, hint="try again when that has ended")
        time.sleep(_PAUSE_S)


def runs(paths: Paths, row: ContainerRow, boot: str, *, holder_lives: bool) -> bool:
    """Whether a container runs, is paused or waits for its restart."""
    if not holder_lives:
        return False
    said = held.state(paths, row.id, boot)
    if said is None:
        # Where its monitor tells of it there may have been no room; who else holds it has put that down.
        return row.state == containers.RUNNING and held.end(paths, row) is None
    return said["status"] in recover.ALIVE and row.state == containers.RUNNING
