"""What killed processes left: containers whose holder is gone are ended, and their cgroups, files and rows put right.

Runs at the start of every run; costs one query when there is nothing to do. A container belongs to the process that
started it (named by pid, start time and boot id); the kernel kills the container with that process, so a container
without its holder is a dead one.
"""

from __future__ import annotations

from contextlib import suppress

from hezi import errors
from hezi._util import clock
from hezi._util.lock import FileLock
from hezi.db import containers
from hezi.engine import record, volume_mounts
from hezi.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.db.connection import Database
    from hezi.engine.paths import Paths

_QUERY = "SELECT * FROM containers WHERE state='running' OR (state='created' AND pid != 0)"


def sweep(paths: Paths, database: Database) -> int:
    """Put right what the dead left; return how many containers that were.

    A container that cannot be put right now is left for the next time.
    """
    volume_mounts.release(paths, database)
    with database.read() as connection:
        rows = [containers.ContainerRow(*row) for row in connection.execute(_QUERY)]
    if not rows:
        return 0
    boot = pidfd.boot_id()
    found = [record.from_row(paths, database, row) for row in rows]
    dead = [one for one in found if not _lives(one.details.owner, boot)]
    if not dead:
        return 0
    lock = FileLock(None, f"{paths.root}/recover.lock", blocking=False)
    if not lock.acquire():
        # Somebody else is at it.
        return 0
    try:
        ended = sum(_end(paths, database, one) for one in dead)
        _sweep_volumes(paths)
        return ended
    finally:
        lock.release()


def _sweep_volumes(paths: Paths) -> None:
    from hezi.volume import local

    with suppress(OSError):  # the next time does
        local.sweep(paths.volumes)


def _lives(process: tuple[int, int, str], boot: str) -> bool:
    pid, start, its_boot = process
    if its_boot != boot:
        return False
    try:
        return pidfd.start_time(pid) == start
    except OSError:
        return False


def _end(paths: Paths, database: Database, one: record.Record) -> bool:
    try:
        remove_cgroup(one.details.cgroup)
        if one.details.remove:
            one.remove()
            return True
        code = _exit_code(one.directory)
        with database.write() as connection:
            containers.finished(connection, one.id, code, clock.now_ns())
    except (OSError, errors.Error):
        return False
    return True


def _exit_code(directory: str) -> int | None:
    """The code of the exit record, if its writer got that far."""
    import json

    try:
        with open(f"{directory}/exit.json", "rb") as file:
            code = json.loads(file.read(4096))["ExitCode"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return code if isinstance(code, int) else None


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
