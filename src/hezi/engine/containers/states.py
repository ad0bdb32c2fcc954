"""The state of a container, from what the row, the monitor's files and the kernel say."""

from __future__ import annotations

import os

from hezi._util import clock
from hezi.db import containers
from hezi.engine.containers.model import State
from hezi.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths
    from hezi.engine.record import Details

# What scripts see of an exit code that nobody knows: containerd's number for it.
UNKNOWN_EXIT = 255


def of(_paths: Paths, row: ContainerRow, details: Details) -> State:
    """Return the state of a container; dead ones were put right before (:mod:`hezi.engine.recover`)."""
    running = row.state == containers.RUNNING
    return State(
        status=row.state,
        pid=row.pid if running else 0,
        exit_code=row.exit_code,
        error=details.error,
        started_ns=row.started_ns,
        finished_ns=row.finished_ns,
    )


def describe(state: State, now_ns: int) -> str:
    """Return docker's words for the STATUS column."""
    code = "unknown" if state.exit_code is None else state.exit_code
    if state.status == "restarting":
        return f"Restarting ({code}) {clock.span(now_ns - state.finished_ns)} ago"
    if state.running:
        text = f"Up {clock.span(now_ns - state.started_ns)}"
        if state.status == "paused":
            return f"{text} (Paused)"
        status = str(state.health["Status"]) if state.health else ""
        return f"{text} ({f'health: {status}' if status == 'starting' else status})" if status else text
    if state.status == "removing":
        return "Removal In Progress"
    if state.status == "created" or not state.started_ns:
        return "Created"
    return f"Exited ({code}) {clock.span(now_ns - state.finished_ns)} ago"


def signal(row: ContainerRow, number: int) -> bool:
    """Send a signal to a container's first process; False when it does not run (any more)."""
    if row.state != containers.RUNNING or not row.pid:
        return False
    try:
        if row.boot_id != pidfd.boot_id():
            return False
        held = pidfd.pidfd_open(row.pid)
        try:
            # The number may be another process's by now; the descriptor, once checked, is this one's.
            if row.start_time and pidfd.start_time(row.pid) != row.start_time:
                return False
            pidfd.pidfd_send_signal(held, number)
        finally:
            os.close(held)
    except ProcessLookupError:
        return False
    return True
