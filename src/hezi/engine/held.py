"""Who holds a container, and what its monitor has written about it.

row: pid, start time, boot id     the holder: an engine at work, or the monitor
runroot/containers/<id>/state.json   how it is, by the monitor; believed only while that monitor runs
root/containers/<id>/exit.json       how it ended; beside state.json instead when the disk was full
"""

from __future__ import annotations

import os

from hezi import errors
from hezi.db import containers
from hezi.linux import pidfd
from hezi.runtime import protocol
from hezi.spec import jsondoc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.db.containers import ContainerRow, Process
    from hezi.engine.paths import Paths

_MOST = 1 << 20


def boot() -> str:
    """Return the id of this boot."""
    return pidfd.boot_id()


def myself() -> Process:
    """Return who we are in a way that survives the reuse of process numbers."""
    pid = os.getpid()
    return pid, pidfd.start_time(pid), boot()


def lives(process: Process, this_boot: str) -> bool:
    """Whether a holder is there.

    :param this_boot: from :func:`boot`.
    """
    pid, started, its_boot = process
    return pid > 0 and its_boot == this_boot and pidfd.runs(pid, started)


def directory(paths: Paths, container_id: str) -> str:
    """Return where the monitor's files and socket are."""
    return f"{paths.runroot}/containers/{container_id}"


def state(paths: Paths, container_id: str, this_boot: str) -> dict[str, Any] | None:
    """Return what the monitor of a container says, None when there is no monitor."""
    found = _document(f"{directory(paths, container_id)}/{protocol.STATE_FILE}")
    if found is None:
        return None
    monitor = (found.get("monitor_pid") or 0, found.get("monitor_start_time") or 0, found.get("boot_id") or "")
    return found if lives(monitor, this_boot) else None


def last_state(paths: Paths, container_id: str) -> dict[str, Any]:
    """Return what the last monitor of a container said last, true or not; empty when that is not known."""
    return _document(f"{directory(paths, container_id)}/{protocol.STATE_FILE}") or {}


def end(paths: Paths, row: ContainerRow) -> dict[str, Any] | None:
    """Return the record of the last end of a container, None when there is none."""
    places = (f"{paths.containers}/{row.id}", directory(paths, row.id))
    found = [one for one in (_document(f"{place}/{protocol.EXIT_FILE}") for place in places) if one]
    return max(found, key=lambda one: int(one.get("finished_ns") or 0), default=None)


def clear(paths: Paths, container_id: str) -> None:
    """Remove what a monitor that is gone has left, but for an exit record that found no other place."""
    place = directory(paths, container_id)
    for name in (protocol.STATE_FILE, protocol.SOCKET, protocol.ROOM_FILE):
        try:
            os.unlink(f"{place}/{name}")
        except OSError:
            continue
    try:
        os.rmdir(place)
    except OSError:
        return


def forget(paths: Paths, container_id: str) -> None:
    """Remove what a monitor that is gone has left in the runtime directory."""
    from hezi._util import atomic

    try:
        at = os.open(f"{paths.runroot}/containers", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        atomic.remove_tree(at, container_id)
    except OSError:
        return
    finally:
        os.close(at)


def is_held(row: ContainerRow, this_boot: str) -> bool:
    """Whether somebody is at work on a container, or runs it."""
    return lives(containers.holder(row), this_boot)


def _document(path: str) -> dict[str, Any] | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            raw = os.read(fd, _MOST)
        finally:
            os.close(fd)
        return jsondoc.load_object(raw, limit=_MOST, ours=True)
    except (OSError, errors.Error):
        return None
