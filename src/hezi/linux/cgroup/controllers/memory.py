"""The memory controller: what tells why a process died. Its limits, which few starts need, are in `memory_limits`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.cgroup.group import Group

NAME = "memory"


def oom_kills(group: Group) -> int | None:
    """Processes of the group (and below, on v2) that the OOM killer took; None if the kernel does not count them.

    v1 has the counter in memory.oom_control since Linux 4.13.
    """
    name = "memory.oom_control" if group.version == 1 else "memory.events"
    if not group.has(name):
        return None
    for line in group.read(name).splitlines():
        word, _, count = line.partition(" ")
        if word == "oom_kill":
            return int(count)
    return None
