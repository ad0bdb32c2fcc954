"""The first processes of containers, for the tools that know processes only."""

from __future__ import annotations

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
    found = {}
    try:
        for row in session.engine.containers.list():
            try:
                found[pid_of(session, row.id)] = row.name
            except Error as error:
                if error.kind not in {CONFLICT, NOT_FOUND}:
                    raise
    except (Error, OSError):
        return {}
    return found
