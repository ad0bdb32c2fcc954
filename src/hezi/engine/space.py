"""The user namespace of one start: its ids, its descriptor, and the network namespace that belongs to it."""

from __future__ import annotations

import os

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.engine import accounts, networking, userns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack

    from hezi.db.connection import Database
    from hezi.engine.prepare import Case
    from hezi.runtime.owners import Owners


class Space(NamedTuple):
    """A user namespace that is there before its container is.

    :ivar network: a network namespace that it owns, -1 when the container does not get one of hezi's.
    :ivar view: the container's files with their owners as they are inside, read-only.
    """

    owners: Owners
    fd: int
    network: int
    view: int

    @property
    def mapped(self) -> tuple[int, int, int] | None:
        """(descriptor, uid, gid of its root outside) for what is mounted for it; None when all ids are the same."""
        return None if self.owners.identity else (self.fd, *self.owners.root)


def wanted(case: Case, view: int) -> int:
    """Return how many ids the container seems to need.

    :param view: the root of its files.
    :raises errors.Error: there is no such user in it.
    """
    passwd, group = (accounts.read_lines(view, f"etc/{name}") for name in ("passwd", "group"))
    account = accounts.resolve(case.draft.user, case.request.group_add, passwd, group)
    return userns.needed(passwd, group, (account.uid, account.gid, *account.groups))


def make(database: Database, case: Case, view: int, stack: ExitStack) -> Space | None:
    """Make the user namespace that a container asks for; None when it asks for none. ``stack`` closes it.

    :raises errors.Error: no ids are left, or the kernel refuses.
    """
    from hezi.linux import idmapped, nscalls, nsfaults

    mode = userns.check(case.request)
    if mode is None:
        return None
    known = userns.owners(database, case.id, mode, wanted(case, view))
    network = networking.choose(case.request) == networking.BRIDGE
    try:
        fd, net = idmapped.namespaces(*known.lines(), network=network)
    except OSError as error:
        flags = nscalls.CLONE_NEWUSER | (nscalls.CLONE_NEWNET if network else 0)
        kind = errors.EXHAUSTED if error.errno in {28, 87} else errors.from_os_error("", error).kind
        message = f"cannot make the container's user namespace: {os.strerror(error.errno or 0).lower()}"
        raise errors.Error(kind, message, hint=nsfaults.why_not_made(error.errno or 0, flags) or None) from error
    for each in (fd, net):
        if each >= 0:
            stack.callback(os.close, each)
    return Space(known, fd, net, view)
