"""The first processes of containers, for the tools that know processes only."""

from __future__ import annotations

import os

from hezi.errors import CONFLICT, NOT_FOUND, PERMISSION, Error, from_os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session


def pid_of(session: Session, name: str) -> int:
    """Return the first process of a container.

    :raises Error: there is none of that name (NOT_FOUND), it does not run (CONFLICT), or this user may not look.
    """
    # Whoever looks makes no store: ordinary users may not, and these commands need none.
    if not _has_store(session):
        message = f"No such container: {name}"
        raise Error(NOT_FOUND, message, hint="a process is given by its number")
    container = session.engine.containers.get(name)
    state = container.inspect()["State"]
    if not state["Pid"]:
        message = f"container {name} does not run ({state['Status']})"
        raise Error(CONFLICT, message)
    return int(state["Pid"])


def _has_store(session: Session) -> bool:
    """Tell whether there are containers at all.

    :raises Error: PERMISSION for who may not know.
    """
    path = session.engine.paths.database
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        doing = "cannot look at the containers"
        raise from_os_error(doing, error, hint="they are another user's; a process is given by its number") from error
    if not os.access(path, os.R_OK | os.W_OK):
        message = f"the containers in {path} are another user's"
        raise Error(PERMISSION, message, hint="a process is given by its number")
    return True


def names(session: Session) -> dict[int, str]:
    """Return pid -> name of every container that runs; empty where there are none, or for who may not look."""
    found: dict[int, str] = {}
    try:
        if not _has_store(session):
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
