"""What a test must not leave behind: mounts, cgroups, processes, named network namespaces, temporary files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.support.harness import Hezi, wait_until


class Traces(NamedTuple):
    """The traces of containers on this machine at one moment."""

    mounts: frozenset[str]
    cgroups: frozenset[str]
    namespaces: frozenset[str]
    temporary: frozenset[str]


def look() -> Traces:
    return Traces(_mounts(), _cgroups(), _names("/run/netns"), _temporary())


def left_behind(before: Traces, hezi: Hezi, *, timeout: float = 15.0) -> list[str]:
    """Return what is there now and was not ``before``; what goes away by itself within ``timeout`` does not count."""

    def find() -> list[str]:
        now = look()
        found = [f"mount {item}" for item in sorted(now.mounts - before.mounts)]
        found += [f"mount {item}" for item in hezi.mounts()]
        found += [f"cgroup {item}" for item in sorted(now.cgroups - before.cgroups) if _is_ours(item)]
        found += [f"network namespace {item}" for item in sorted(now.namespaces - before.namespaces)]
        found += [f"temporary file {item}" for item in sorted(now.temporary - before.temporary)]
        found += [f"process {item}" for item in hezi.processes()]
        found += [f"state {item}" for item in _state(hezi)]
        return found

    # What others on this machine do comes and goes; what is left behind is there at every look.
    stays = set(find())

    def gone() -> bool:
        stays.intersection_update(find())
        return not stays

    wait_until(gone, timeout=timeout, every=0.1)
    return [one for one in find() if one in stays]


def _mounts() -> frozenset[str]:
    with open("/proc/self/mountinfo") as file:
        return frozenset(line.split()[4] for line in file if "hezi" in line)


def _cgroups() -> frozenset[str]:
    # Not by Path.glob, which fails when a directory goes away meanwhile; somebody else's containers end at any time.
    found = {path for path, _, _ in os.walk("/sys/fs/cgroup") if "hezi" in path}
    # The parent of all containers stays: making it anew for each would race with the next.
    return frozenset(path for path in found if os.path.basename(path) != "hezi")


def _is_ours(cgroup: str) -> bool:
    """Tell leaks from the containers of somebody else who works on this machine: theirs have a living parent."""
    try:
        pids = [int(line) for line in (Path(cgroup) / "cgroup.procs").read_text().split()]
    except (OSError, ValueError):
        return os.path.isdir(cgroup)
    return all(_started_by_us(pid) for pid in pids)


def _started_by_us(pid: int) -> bool:
    """True for our descendants and for orphans."""
    while pid > 1:
        if pid == os.getpid():
            return True
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        parent = int(stat.rpartition(")")[2].split()[1])
        if parent == 1:
            # The session that somebody works in is an "orphan" too; a container's first process has children at most.
            return Path(f"/proc/{pid}/ns/pid").exists() and os.readlink(f"/proc/{pid}/ns/pid") != _own_pid_namespace()
        pid = parent
    return False


def _own_pid_namespace() -> str:
    return os.readlink("/proc/self/ns/pid")


def _names(directory: str) -> frozenset[str]:
    return frozenset(os.listdir(directory)) if os.path.isdir(directory) else frozenset()


def _temporary() -> frozenset[str]:
    directory = tempfile.gettempdir()
    return frozenset(name for name in os.listdir(directory) if name.startswith(("hezi-", "hezi.")))


def _state(hezi: Hezi) -> list[str]:
    """Downloads under way, and containers, in a root where nothing runs any more."""
    found: list[str] = []
    for name in ("ingest", "containers"):
        directory = hezi.root / name
        if directory.is_dir():
            found += [f"{name}/{item}" for item in os.listdir(directory) if not item.endswith(".lock")]
    return found
