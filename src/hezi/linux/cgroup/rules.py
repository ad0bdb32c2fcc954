"""The rules of hierarchies in words, and which of them an error of the kernel is about.

The kernel says EBUSY for five different rules. What was being done tells which one it was; where that leaves a choice,
the state of the group decides it.
"""

from __future__ import annotations

from hezi.linux import abi

ONE_HIERARCHY = "a controller sits on one hierarchy only"
SAME_SET = "a hierarchy keeps the set of controllers and the name that it was made with"
NAMED_ALONE = "a v1 hierarchy has controllers, or a name, or both"
INNER_PROCESSES = "on v2 a group that hands controllers on to its children has no processes of its own"
TOP_DOWN = "on v2 a group can hand on only what its parent hands on to it"
BOTTOM_UP = "on v2 a controller is taken back from the children before the parent gives it up"
EMPTY_ONLY = "a group can be removed only when it has no processes and no groups in it"
ROOT_STAYS = "the top of a hierarchy holds every task that is in no other group, and cannot be removed"
CPUSET_FIRST = "a v1 cpuset takes tasks only when it has processors (cpuset.cpus) and memory nodes (cpuset.mems)"
WITHIN_PARENT = "a group cannot have more than its parent has"
BELOW_USE = "a limit cannot be set below what is in use and cannot be given back"
THREADS_TOGETHER = "on v2 the threads of a process stay in one group, unless the subtree is threaded"
DELEGATED = "whoever moves a process must be allowed to write to the common ancestor of both groups"
KERNEL_THREAD = "threads of the kernel stay at the top"
GONE = "the group was removed meanwhile"
NO_ROOM = "the pids limit of the group or of one above it is reached"

_EPERM, _ENOENT, _EAGAIN, _EACCES, _EBUSY, _ENODEV, _EINVAL, _ENOSPC = 1, 2, 11, 13, 16, 19, 22, 28
_EOPNOTSUPP = 95

# What was being done -> errno -> the rule.
JOIN = {
    _EBUSY: INNER_PROCESSES,
    _ENOSPC: CPUSET_FIRST,
    _EOPNOTSUPP: THREADS_TOGETHER,
    _EACCES: DELEGATED,
    _EINVAL: KERNEL_THREAD,
    _EAGAIN: NO_ROOM,
    _ENODEV: GONE,
}
ENABLE = {_EBUSY: INNER_PROCESSES, _ENOENT: TOP_DOWN, _ENODEV: GONE}
DISABLE = {_EBUSY: BOTTOM_UP, _ENODEV: GONE}
REMOVE = {_EBUSY: EMPTY_ONLY, _EPERM: ROOT_STAYS}
# v1's cpu controller says EINVAL, cpuset EACCES, devices EPERM.
SET = {_EBUSY: BELOW_USE, _EACCES: WITHIN_PARENT, _EPERM: WITHIN_PARENT, _ENODEV: GONE}


def broken(error: OSError, doing: dict[int, str], call: str) -> OSError:
    """Return ``error`` with the rule that it is about in its text; unchanged if it is about none.

    :param doing: one of the tables above.
    :param call: as the text of the error is to begin: "write", "rmdir".
    """
    rule = doing.get(error.errno or 0)
    if rule is None:
        return error
    return abi.error(error.errno or 0, call, error.filename, rule)
