"""Control groups named by the containers that they belong to."""

from __future__ import annotations

from hezi.errors import NOT_FOUND, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session


def group(session: Session, text: str) -> str:
    """Return the group that a word means: a path has a slash, all others are containers; controllers may be before it.

    :raises Error: there is no such container, or it does not run.
    """
    controllers, colon, name = text.rpartition(":")
    if "/" in text or not name:
        return text
    from hezi.front.cli import boxes
    from hezi.front.tools import cgroups

    try:
        path = cgroups.path_of(boxes.pid_of(session, name))
    except Error as error:
        if error.kind != NOT_FOUND:
            raise
        hint = f"a group has a slash in its path: /{name}"
        raise Error(NOT_FOUND, error.message, hint=hint) from error
    return f"{controllers}{colon}{path}"


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
