"""Making v1 and v2 hierarchies appear somewhere, and go.

Mounting a v1 hierarchy is what makes it: the first mount with a set of controllers takes them off v2 (where nobody may
be using them) and all tasks are in its top. A further mount with the same set shows the same hierarchy. It goes when
the last mount of it does and it has no groups left (cgroups(7)).
"""

from __future__ import annotations

import os
import time

from hezi.linux import abi
from hezi.linux import mount as mounts
from hezi.linux.cgroup import rules, survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.linux.cgroup.survey import Mounted, Survey

_EBUSY, _EINVAL, _ENOENT = 16, 22, 2
# Options of cgroup v2 that a mount takes (cgroup2_fs_parameters in kernel/cgroup/cgroup.c).
_V2_OPTIONS = frozenset(
    {
        "nsdelegate",
        "favordynmods",
        "memory_localevents",
        "memory_recursiveprot",
        "memory_hugetlb_accounting",
        "pids_localevents",
    }
)
_PAUSE = 0.005
_SETTLE = 0.5


def mount(target: str, controllers: Sequence[str] = (), name: str = "", *, version: int = 1) -> Mounted:
    """Mount a hierarchy on the directory ``target``; return what is there then.

    :param controllers: for v1; none makes a hierarchy that groups tasks and limits nothing, which needs a ``name``.
    :raises OSError: EBUSY, a controller is on another hierarchy or in use on v2; EINVAL, no such controller; the text
        says which rule it was.
    """
    if version == 2:
        present = survey.take().v2
        # Its options are those of the last mount (cgroup_get_tree in kernel/cgroup/cgroup.c): they are to stay.
        options = [] if present is None else [word for word in present.options if word in _V2_OPTIONS]
        mounts.mount("cgroup2", target, "cgroup2", 0, ",".join(options))
    else:
        _check(controllers, name)
        options = [*controllers] or ["none"]
        if name:
            options.append(f"name={name}")
        try:
            mounts.mount("cgroup", target, "cgroup", 0, ",".join(options))
        except OSError as error:
            raise _explained(error, target, controllers, name) from None
    found = next((one for one in survey.take().hierarchies if target in one.mount_points), None)
    if found is None:
        raise abi.error(_ENOENT, "mount", target, "the new mount is not to be seen")
    return found


def unmount(target: str, timeout: float = 2.0) -> None:
    """Unmount a hierarchy, and see to it that one without groups goes.

    A group that was removed a moment ago still counts for the kernel; unmounted in that moment a hierarchy would stay,
    with its controllers, out of sight.

    :raises OSError: as umount2(2).
    """
    before = _at(survey.take(), target)
    kept = before is not None and _has_groups(target)
    mounts.umount2(target)
    if before is None or kept or before.hierarchy.version == 2 or len(before.mount_points) > 1:
        return
    named = [f"name={before.hierarchy.name}"] if before.hierarchy.name else []
    words = [*before.hierarchy.controllers, *named]
    deadline = time.monotonic() + timeout
    while not _gone(words, min(_SETTLE, timeout)):
        if time.monotonic() > deadline or _mounted_elsewhere(words):
            return
        mounts.mount(
            "cgroup", target, "cgroup", 0, ",".join(words if before.hierarchy.controllers else ["none", *words])
        )
        mounts.umount2(target)


def _has_groups(target: str) -> bool:
    with os.scandir(target) as entries:
        return any(entry.is_dir(follow_symlinks=False) for entry in entries)


def _gone(words: Sequence[str], timeout: float) -> bool:
    """Wait for the kernel to take the hierarchy apart, which it does in its own time."""
    deadline = time.monotonic() + timeout
    while True:
        with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            keys = {frozenset(line.split(":", 2)[1].split(",")) for line in file}
        # The controllers leave one by one, a moment after the hierarchy itself.
        if frozenset(words) not in keys and not any(
            one.number for one in survey.take().controllers if one.name in words
        ):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)


def _mounted_elsewhere(words: Sequence[str]) -> bool:
    return survey.take().carrying(words[0]) is not None


def _at(found: Survey, target: str) -> Mounted | None:
    return next((one for one in found.hierarchies if target in one.mount_points), None)


def _check(controllers: Sequence[str], name: str) -> None:
    if not controllers and not name:
        raise abi.error(_EINVAL, "mount", "cgroup", rules.NAMED_ALONE)
    for word in (*controllers, name):
        if "," in word or "\0" in word or (word in controllers and not word.replace("_", "").isalnum()):
            raise abi.error(_EINVAL, "mount", "cgroup", f"no name of a controller or hierarchy: {word!r}")


def _explained(error: OSError, target: str, controllers: Sequence[str], name: str) -> OSError:
    """Say which controller is where already."""
    found = survey.take()
    known = {one.name for one in found.controllers}
    unknown = [one for one in controllers if one not in known]
    if error.errno == _EINVAL and unknown:
        return abi.error(_EINVAL, "mount", target, f"this kernel has no controller {', '.join(unknown)}")
    for one in found.controllers:
        if error.errno != _EBUSY or one.name not in controllers:
            continue
        place = found.carrying(one.name)
        if one.number and place is not None:
            where = f"{one.name} is on {place.title} at {place.mount_points[0]}"
            return abi.error(_EBUSY, "mount", target, f"{rules.ONE_HIERARCHY}: {where}")
        if one.number:
            text = f"{rules.ONE_HIERARCHY}: {one.name} is on hierarchy {one.number}, mounted out of sight"
            return abi.error(_EBUSY, "mount", target, text)
    if error.errno == _EBUSY:
        what = f"name={name}" if name else ",".join(controllers)
        return abi.error(_EBUSY, "mount", target, f"{rules.SAME_SET}, or a group of v2 uses the controller: {what}")
    return error
