"""Groups on a host whose tree of cgroup v2 belongs to systemd: a scope, asked for over the bus, delegated to us.

One writer for each part of the tree is systemd's rule (CGROUP_DELEGATION.md): what it made it may change at any reload,
what was delegated it leaves alone. So the scope gets no limits, it holds two groups of ours::

    /system.slice/hezi-4f1c....scope            systemd's, Delegate=yes
                  ├── monitor                   who looks after the container; systemd keeps the scope for it
                  └── container                 with the limits, out of the reach of systemctl daemon-reload

When the monitor has ended and the scope is empty, systemd removes it.
"""

from __future__ import annotations

import os
import time

from hezi.linux import abi, dbus, fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SLICE = "system.slice"
_SUFFIX = ".scope/container"
_BOOTED = "/run/systemd/system"  # sd_booted(3)
_TREE = "/sys/fs/cgroup"
_MANAGER = dbus.Target("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
_JOBS = (
    "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'"
)
_EXISTS = "org.freedesktop.systemd1.UnitExists"
_NO_LIMIT = (1 << 64) - 1
_STOP_US = 10_000_000
_EIO, _EACCES, _EINVAL = 5, 13, 22
# How long the scope of the last run may take to go, in seconds.
_GOING = 5.0


def manages_groups() -> bool:
    """Whether systemd is process 1 here, can be asked, and has cgroup v2 alone for its tree."""
    if not os.path.isdir(_BOOTED) or not os.path.exists(dbus.SOCKET):
        return False
    tree = os.open(_TREE, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return fd.fs_magic(tree) == abi.CGROUP2_SUPER_MAGIC
    finally:
        os.close(tree)


def slice_path(name: str) -> str:
    """Where the slice of that name is: ``a-b.slice`` is in ``a.slice`` (systemd.slice(5)).

    :raises OSError: EINVAL, it is no name of a slice.
    """
    stem = name.removesuffix(".slice")
    parts = stem.split("-")
    letters = set(stem) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.\\-")
    if stem == name or not letters or not all(parts) or len(name) > 255:
        if name == "-.slice":
            return ""
        raise abi.error(_EINVAL, "cgroup", name, "no name of a slice")
    return "".join(f"/{'-'.join(parts[: count + 1])}.slice" for count in range(len(parts)))


def container_path(slice_name: str, container_id: str) -> str:
    """Return the container's group in a scope of its own, from the top of the tree.

    :raises OSError: as :func:`slice_path`.
    """
    return f"{slice_path(slice_name)}/hezi-{container_id}{_SUFFIX}"


def start_scope(path: str, pid: int, description: str) -> None:
    """Have systemd make the scope of a container's group, with a process in it.

    :param path: as :func:`container_path` gives it.
    :param pid: of the container's monitor.
    :raises dbus.CallError: systemd refuses.
    :raises OSError: there is no bus, or no answer; EIO, the scope was not started.
    """
    *_, slice_name, unit = ["", "-.slice", *path.removesuffix("/container").split("/")[1:]]
    properties: list[tuple[str, tuple[str, Any]]] = [
        ("Description", ("s", description)),
        ("Slice", ("s", slice_name)),
        ("Delegate", ("b", True)),
        ("PIDs", ("au", [pid])),
        ("TasksMax", ("t", _NO_LIMIT)),
        # A scope that ended badly is gone as well, and its name free.
        ("CollectMode", ("s", "inactive-or-failed")),
        ("TimeoutStopUSec", ("t", _STOP_US)),
    ]
    with dbus.connect() as bus:
        dbus.listen(bus, _JOBS)
        bus.call(_MANAGER, "Subscribe")
        job = _start(bus, unit, properties)
        # JobRemoved: number, job, unit, result
        result = bus.wait_signal("JobRemoved", first=(job,), at=1).values[3]
    if result != "done":
        raise abi.error(_EIO, "systemd", unit, f"the scope was not started: {result}")


def _start(bus: dbus.Bus, unit: str, properties: list[tuple[str, tuple[str, Any]]]) -> str:
    deadline = time.monotonic() + _GOING
    while True:
        try:
            (job,) = bus.call(_MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))", (unit, "fail", properties, ()))
        except dbus.CallError as error:
            # Of the run before: its last process has ended, systemd has not looked yet.
            if error.name != _EXISTS or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return str(job)


def settle(top: str, path: str, pid: int) -> None:
    """Put the monitor into a group of its own in the scope, which then can hand its controllers on.

    :param top: where the tree is mounted.
    :raises OSError: the kernel's; EACCES, the process is not in the scope.
    """
    scope = os.path.dirname(path)
    with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        own = next((line[3:].rstrip("\n") for line in file if line.startswith("0::")), "")
    if own != scope:
        raise abi.error(_EACCES, "cgroup", top + scope, f"process {pid} was put into {own}")
    group = f"{top}{scope}/monitor"
    os.mkdir(group, 0o755)
    with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(pid))
