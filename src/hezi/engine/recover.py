"""What is done with a container whose holder is gone: the ordinary end of a monitor, and whatever else was killed.

    holder gone ── its monitor runs ──────────────> adopted: the engine died between starting it and writing that down
                └─ claimed by one UPDATE ─┬─ new, removing, or ended with --rm ──> removed
                                          ├─ ran ──> exited, with the code of the exit record or an unknown one
                                          └─ did not get so far ──> as it was

Runs at the start of every command; costs one query when there is nothing to do. Whoever gets the row by the UPDATE does
the work, so that any number of processes may be at it. What cannot be put right now is left for the next time.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from hezi import errors
from hezi._util import clock
from hezi.db import containers
from hezi.engine import held, networking, record
from hezi.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths

_PATIENCE_S = 15.0
_PAUSE_S = 0.002
# What a monitor says of a container that it still looks after.
ALIVE = frozenset({"created", "running", "paused", "restarting"})


def sweep(paths: Paths, database: Database) -> int:
    """Put right what the dead left; return how many containers that were."""
    _release_volumes(paths, database)
    with database.read() as connection:
        rows = containers.held(connection)
    if not rows:
        return 0
    boot = pidfd.boot_id()
    dead = [row for row in rows if not held.is_held(row, boot)]
    ended = sum(settle(paths, database, row) for row in dead)
    if any(row.state in {containers.NEW, containers.REMOVING} for row in dead):
        _sweep_volumes(paths)
    return ended


def _release_volumes(paths: Paths, database: Database) -> None:
    if os.path.isdir(f"{paths.runroot}/volumes"):
        from hezi.engine import volume_mounts

        volume_mounts.release(paths, database)


def _sweep_volumes(paths: Paths) -> None:
    from hezi.volume import local

    with suppress(OSError):  # the next time does
        local.sweep(paths.volumes)


def settle(paths: Paths, database: Database, row: ContainerRow) -> bool:
    """Put one container right whose holder has ended; False when another one does, or it cannot be done now."""
    said = held.state(paths, row.id, pidfd.boot_id())
    try:
        if said is not None and said["status"] in ALIVE:
            return _adopt(database, row, said)
        one = record.from_row(paths, database, row)
        transaction = database.removal if _goes(row, one.details) else database.needed
        with transaction() as connection:
            if not containers.claim(connection, row, held.myself()):
                return False
        try:
            _put_right(paths, database, row, one)
        except BaseException:
            # Else it would wait for the end of this process.
            _let_go(database, row)
            raise
    except (OSError, errors.Error):
        return False
    _release_volumes(paths, database)
    return True


def put_down(paths: Paths, database: Database, container_id: str) -> None:
    """Write down the end of a container whose monitor has said it; returns when that is done, by whomever."""
    deadline = time.monotonic() + _PATIENCE_S
    boot = pidfd.boot_id()
    while time.monotonic() < deadline:
        with database.read() as connection:
            row = containers.get(connection, container_id)
        if row is None or row.state != containers.RUNNING:
            return
        said = held.state(paths, row.id, boot)
        if said is not None and said["status"] in ALIVE:
            return  # somebody has started it again
        # Another process is at it, or a monitor that found no room for its last word is about to end.
        busy = said is None and held.is_held(row, boot)
        if not busy and settle(paths, database, row):
            return
        time.sleep(_PAUSE_S)


def _let_go(database: Database, row: ContainerRow) -> None:
    with suppress(errors.Error), database.needed() as connection:
        containers.release(connection, row.id, row.state)


def _adopt(database: Database, row: ContainerRow, said: dict[str, Any]) -> bool:
    monitor = (said["monitor_pid"], said["monitor_start_time"], said["boot_id"])
    if containers.holder(row) == monitor:
        return False
    with database.write() as connection:
        if not containers.claim(connection, row, monitor):
            return False
        containers.started(connection, row.id, monitor, said["started_ns"])
    networking.hold(database, row.id, monitor)
    return True


def _goes(row: ContainerRow, details: record.Details) -> bool:
    return row.state in {containers.NEW, containers.REMOVING} or (details.remove and row.state == containers.RUNNING)


def _put_right(paths: Paths, database: Database, row: ContainerRow, one: record.Record) -> None:
    """Kill what is left of it, and write down how it is.

    :raises OSError, errors.Error: it cannot be done now.
    """
    last = held.last_state(paths, row.id)
    if not last.get("cleaned") or (last.get("started_ns") or 0) < row.started_ns:
        remove_cgroup(one.details.cgroup)
    networking.detach(paths, database, row.id)
    found = held.end(paths, row)
    earlier = row.started_ns - 1 if row.state == containers.RUNNING else row.started_ns
    ended = found if found is not None and (found.get("started_ns") or 0) > earlier else None
    ran = row.state == containers.RUNNING or ended is not None or (last.get("started_ns") or 0) > row.started_ns
    if _goes(row, one.details) or (ran and one.details.remove):
        one.remove()
        return
    with database.needed() as connection:
        if not ran:
            containers.release(connection, row.id, row.state)
            return
        document = ended or {}
        started = document.get("started_ns") or last.get("started_ns") or row.started_ns
        times = (started, document.get("finished_ns") or clock.now_ns())
        containers.finished(connection, row.id, document.get("ExitCode"), times)
    held.clear(paths, row.id)


def remove_cgroup(path: str) -> None:
    """Kill what is left in a container's groups, and remove them; none is no error.

    :raises OSError: something in it does not end.
    """
    from hezi.linux.cgroup import layout, manager

    group = manager.open_existing(layout.detect(), path)
    if group is None:
        return
    with group:
        with suppress(FileNotFoundError):
            group.kill()
        group.delete()
