"""The state of a container, from what the row, the monitor's files and the kernel say."""

from __future__ import annotations

from hezi._util import clock
from hezi.db import containers
from hezi.engine import held, recover
from hezi.engine.containers.model import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths
    from hezi.engine.record import Details

# What scripts see of an exit code that nobody knows: containerd's number for it.
UNKNOWN_EXIT = 255


def of(paths: Paths, row: ContainerRow, details: Details, boot: str) -> State:
    """Return the state of a container; what is read costs nothing for those that do not run.

    :param boot: from :func:`hezi.engine.held.boot`.
    """
    if row.state == containers.RUNNING:
        return _running(paths, row, details, boot)
    status = containers.CREATED if row.state == containers.NEW else row.state
    return State(
        status=status,
        exit_code=row.exit_code,
        error=details.error,
        started_ns=row.started_ns,
        finished_ns=row.finished_ns,
    )


def in_full(paths: Paths, row: ContainerRow, details: Details) -> State:
    """Return the state with all that the record of the last end says."""
    state = of(paths, row, details, held.boot())
    if state.status != containers.EXITED:
        return state
    found = held.end(paths, row)
    return state if found is None or not _is_of(found, state) else _ended(found, details)


def _is_of(record: Mapping[str, Any], state: State) -> bool:
    return int(record.get("finished_ns") or 0) == state.finished_ns


def _running(paths: Paths, row: ContainerRow, details: Details, boot: str) -> State:
    said = held.state(paths, row.id, boot)
    if said is not None and said["status"] in recover.ALIVE:
        return State(
            status=said["status"],
            pid=said["pid"],
            exit_code=said["exit_code"],
            error=said["error"],
            started_ns=said["started_ns"],
            finished_ns=said["finished_ns"],
            oom_killed=said["oom_killed"],
            restart_count=said["restart_count"],
            health=said["health"],
        )
    found = held.end(paths, row)
    if found is not None and (found.get("started_ns") or 0) >= row.started_ns:
        return _ended(found, details)
    if said is None and held.is_held(row, boot):
        # It runs, and where its monitor tells of it there was no room.
        return State(containers.RUNNING, started_ns=row.started_ns)
    ended = (said or held.last_state(paths, row.id)).get("finished_ns") or clock.now_ns()
    return State(containers.EXITED, error=details.error, started_ns=row.started_ns, finished_ns=ended)


def _ended(found: Mapping[str, Any], details: Details) -> State:
    return State(
        status=containers.EXITED,
        exit_code=found.get("ExitCode"),
        error=found.get("Error") or details.error,
        started_ns=found.get("started_ns") or 0,
        finished_ns=found.get("finished_ns") or 0,
        oom_killed=bool(found.get("OOMKilled")),
        restart_count=found.get("restart_count") or 0,
        health=found.get("health"),
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
