"""Where a container's control group is, and who makes it: hezi in the file system, or systemd as a scope."""

from __future__ import annotations

from hezi import errors

# auto (systemd where it is process 1 and has cgroup v2 for its tree), cgroupfs or systemd.
VARIABLE = "HEZI_CGROUP_MANAGER"
CGROUPFS, SYSTEMD, _AUTO = "cgroupfs", "systemd", "auto"


def choose(asked: str | None, *, systemd: bool) -> str:
    """Return who makes the group.

    :param asked: as in :data:`VARIABLE`; None or "" is auto.
    :param systemd: it manages this host's groups.
    :raises errors.Error: there is no such manager, or it is not to be had here.
    """
    wanted = asked or _AUTO
    if wanted not in {_AUTO, CGROUPFS, SYSTEMD}:
        text = f"invalid cgroup manager '{wanted}': {_AUTO}, {CGROUPFS} or {SYSTEMD}"
        raise errors.Error(errors.INVALID, text, hint=f"it is named by {VARIABLE}")
    if wanted == SYSTEMD and not systemd:
        text = "cgroup manager 'systemd': systemd is not process 1 here with cgroup v2 for its tree and a message bus"
        raise errors.Error(errors.UNSUPPORTED, text, hint=f"{VARIABLE}={CGROUPFS}")
    if wanted == _AUTO:
        return SYSTEMD if systemd else CGROUPFS
    return wanted


def path(parent: str | None, container_id: str, manager: str = CGROUPFS) -> str:
    """Return the container's cgroup, from the top of each hierarchy.

    :param parent: a path, for systemd the name of a slice.
    :raises errors.Error: the parent is none for this manager.
    """
    if manager == SYSTEMD:
        return _scope(parent, container_id)
    if not parent:
        return f"/hezi/{container_id}"
    parts = parent.strip("/").split("/")
    if any(part in {"", ".", ".."} or "\0" in part or "\n" in part for part in parts):
        raise errors.Error(errors.INVALID, f"invalid cgroup parent '{parent}'")
    if parts[0].endswith(".slice"):
        text = f"cgroup parent '{parent}': slices are systemd's, which does not make the control groups here"
        raise errors.Error(errors.UNSUPPORTED, text)
    return f"/{'/'.join(parts)}/{container_id}"


def is_scoped(group: str) -> bool:
    """Whether a container's group is in a scope of systemd's, by where it is."""
    return group.endswith(".scope/container")


def _scope(parent: str | None, container_id: str) -> str:
    from hezi.linux.cgroup import systemd

    try:
        return systemd.container_path(parent or systemd.SLICE, container_id)
    except OSError as error:
        # Docker's words.
        text = 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"'
        raise errors.Error(errors.INVALID, text) from error
