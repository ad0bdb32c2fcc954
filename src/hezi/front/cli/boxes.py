"""The first processes of containers, for the tools that know processes only."""

from __future__ import annotations

import os

from hezi.errors import CONFLICT, NOT_FOUND, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session


def pid_of(session: Session, name: str) -> int:
    """Return the first process of a container.

    :raises Error: there is none of that name (NOT_FOUND), or it does not run (CONFLICT).
    """
    container = session.engine.containers.get(name)
    state = container.inspect()["State"]
    if not state["Pid"]:
        message = f"container {name} does not run ({state['Status']})"
        raise Error(CONFLICT, message)
    return int(state["Pid"])


def names(session: Session) -> dict[int, str]:
    """Return pid -> name of every container that runs; empty where there are none, or for who may not look."""
    found: dict[int, str] = {}
    try:
        if not os.path.exists(session.engine.paths.database):
            return found
        for row in session.engine.containers.list():
            try:
                found[pid_of(session, row.id)] = row.name
            except Error as error:
                if error.kind not in {CONFLICT, NOT_FOUND}:
                    raise
    except (Error, OSError):
        return {}
    return found


def target(session: Session, text: str) -> int:
    """Return the process that a number means, or the first one of the container of that name.

    :raises Error: there is no such container, or it does not run.
    """
    return int(text) if text.isdigit() and int(text) else pid_of(session, text)
