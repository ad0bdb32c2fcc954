"""The pids controller: how many tasks a group may have. The same file in v1 and v2 (cgroup-v1/pids.rst)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.group import Group

NAME = "pids"
MAX = "pids.max"


def apply(group: Group, limit: int) -> None:
    """Allow ``limit`` tasks (processes and threads together); the next fork gets EAGAIN.

    :raises OSError: EINVAL for what the kernel does not take (above 4,194,304); ERANGE if it has another value then.
    """
    group.set(MAX, str(limit))


def limit(group: Group) -> int | None:
    """Read the limit back; None is no limit."""
    value = group.read(MAX).strip()
    return None if value == "max" else int(value)


def current(group: Group) -> int:
    """Count the tasks in the group and below."""
    return int(group.read("pids.current"))


def refused(group: Group) -> int:
    """How often a fork was refused because of the limit, since the group was made."""
    for line in group.read("pids.events").splitlines():
        word, _, count = line.partition(" ")
        if word == "max":
            return int(count)
    return 0
