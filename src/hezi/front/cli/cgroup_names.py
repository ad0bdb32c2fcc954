"""Control groups named by the containers that they belong to."""

from __future__ import annotations

from hezi.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session


def group(session: Session, text: str) -> str:
    """Return the group that a word means: ``[CONTROLLERS:]PATH`` has a slash or a colon, all others are containers.

    :raises Error: there is no such container, or it does not run.
    """
    if "/" in text or ":" in text:
        return text
    from hezi.front.cli import boxes
    from hezi.front.tools import cgroups

    return cgroups.path_of(boxes.pid_of(session, text))


def containers(session: Session) -> dict[str, str]:
    """Return path -> name for every container that runs."""
    from hezi.front.cli import boxes
    from hezi.front.tools import cgroups

    found = {}
    for pid, name in boxes.names(session).items():
        try:
            found[cgroups.path_of(pid)] = name
        except Error:
            continue  # it ended meanwhile
    return found
