"""Who owns a group's files and what may be done with them: ``-a -t -d -f -s`` of cgcreate and cgconfigparser."""

from __future__ import annotations

import os
from contextlib import suppress

from hezi._util.record import NamedTuple
from hezi.linux.cgroup import tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.tree import Node


class Rights(NamedTuple):
    """-1 and None leave alone.

    :ivar admin: owner and group of the directory and its files but one:
    :ivar tasks: those of the file by which tasks are moved in.
    """

    admin: tuple[int, int] = (-1, -1)
    tasks: tuple[int, int] = (-1, -1)
    directory_mode: int | None = None
    file_mode: int | None = None
    tasks_mode: int | None = None


def parse_owner(text: str) -> tuple[int, int]:
    """Read ``user:group``, each a name or a number; either may be left out.

    :raises ValueError: with libcgroup's words.
    """
    user, _, group = text.partition(":")
    if not text.strip(":"):
        return -1, -1
    return parse_user(user), parse_group(group)


def parse_user(name: str) -> int:
    """Return the number of a user, -1 for ""."""
    if not name:
        return -1
    if name.isascii() and name.isdigit():
        return int(name)
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        message = f"can't find uid of user {name}."
        raise ValueError(message) from None


def parse_group(name: str) -> int:
    """Return the number of a group of users, -1 for ""."""
    if not name:
        return -1
    if name.isascii() and name.isdigit():
        return int(name)
    import grp

    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        message = f"can't find gid of group {name}."
        raise ValueError(message) from None


def parse_mode(text: str) -> int:
    """Read an octal mode of three or four digits: shorter ones are slips (``-d 75``).

    :raises ValueError: it is none.
    """
    if len(text) not in {3, 4} or set(text) - set("01234567"):
        message = f"wrong mode format {text}"
        raise ValueError(message)
    return int(text, 8)


def apply(node: Node, rights: Rights) -> None:
    """Give a group its owners and modes.

    Nobody gets more than the file's owner has: a file that cannot be written stays so for all. The groups that are
    below it already get what is the administrator's: whoever may make groups there may use those.

    :raises OSError: EPERM.
    """
    if rights == Rights():
        return
    _apply(node, rights)
    # A group's own tasks file is handed out, those below are not.
    below = rights._replace(tasks=rights.admin, tasks_mode=None)
    for at in list(tree.walk(node))[1:]:
        with suppress(FileNotFoundError), tree.open_node(node.hierarchy, at) as one:
            _apply(one, below)


def _apply(node: Node, rights: Rights) -> None:
    if rights.directory_mode is not None:
        os.fchmod(node.fd, rights.directory_mode)
    if rights.admin != (-1, -1):
        os.fchown(node.fd, *rights.admin)
    tasks = "tasks" if node.version == 1 else "cgroup.procs"
    for name in node.files():
        mode = node.mode(name)
        wanted = rights.tasks_mode if name == tasks else rights.file_mode
        if wanted is not None:
            owner = mode >> 6 & 7
            os.chmod(name, wanted & (owner << 6 | owner << 3 | owner), dir_fd=node.fd)
        both = rights.tasks if name == tasks else rights.admin
        if both != (-1, -1):
            os.chown(name, *both, dir_fd=node.fd, follow_symlinks=False)
