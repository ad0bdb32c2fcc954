"""Stopping all tasks of a group where they are: v1's freezer controller, cgroup.freeze of every v2 group (5.2)."""

from __future__ import annotations

import time

from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.group import Group

NAME = "freezer"
_ETIMEDOUT = 110


def freeze(group: Group, timeout: float = 5.0) -> None:
    """Stop every task of the group and of those below; return when all have stopped.

    :raises OSError: ETIMEDOUT, a task hangs in the kernel (state D); the group is thawed again then.
    """
    _request(group, frozen=True)
    deadline = time.monotonic() + timeout
    pause = 0.0002
    while not is_frozen(group):
        if time.monotonic() > deadline:
            thaw(group)
            raise abi.error(_ETIMEDOUT, "freeze", group.path)
        time.sleep(pause)
        pause = min(pause * 2, 0.02)
        if group.version == 1:
            # v1 stays in FREEZING when tasks were forked while it went through them; asking again goes through again.
            _request(group, frozen=True)


def thaw(group: Group) -> None:
    """Let the tasks of the group go on."""
    _request(group, frozen=False)


def is_frozen(group: Group) -> bool:
    """Whether all tasks have stopped; asking to freeze takes a while."""
    if group.version == 2:
        return "frozen 1" in group.read("cgroup.events").splitlines()
    return group.read("freezer.state").strip() == "FROZEN"


def _request(group: Group, *, frozen: bool) -> None:
    if group.version == 2:
        group.write("cgroup.freeze", "1" if frozen else "0")
    else:
        group.write("freezer.state", "FROZEN" if frozen else "THAWED")
