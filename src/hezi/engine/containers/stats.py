"""``stats``: what containers use, read from their cgroups (v1 and v2) and their network namespaces.

    processor    cpuacct.usage                        cpu.stat                 twice, an interval apart
    memory       memory.usage_in_bytes less           memory.current less      what the kernel may drop at once
                 total_inactive_file                  inactive_file            is not counted, as docker's table
    disks        blkio.throttle.*_recursive           io.stat
    processes    pids.current                         the same
    network      /proc/PID/net/dev, without lo, of a network namespace of the container's own

Groups are opened for each look and closed again: hundreds of containers need no hundreds of descriptors.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from hezi._util.record import NamedTuple
from hezi.db import containers
from hezi.engine import find_container, held, record
from hezi.linux.cgroup import layout, manager
from hezi.linux.cgroup.controllers import io, memory, memory_limits, pids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths
    from hezi.linux.cgroup.layout import Layout
    from hezi.linux.cgroup.manager import ContainerCgroup


# Where to look: v1's other hierarchies need not be opened, which is half of the work.
_COUNTING = frozenset({"cpuacct", memory.NAME, "blkio", "io", pids.NAME})
_TIME = frozenset({"cpuacct"})


class Stats(NamedTuple):
    """What one container uses; all zeros when it does not run.

    :ivar asked: how it was named by the caller; its short id when it was not.
    :ivar cpu_percent: of one processor: two in full use are 200.
    :ivar memory_limit: its own, or what the host has.
    """

    id: str
    name: str
    asked: str
    cpu_percent: float = 0.0
    memory: int = 0
    memory_limit: int = 0
    net_received: int = 0
    net_sent: int = 0
    read: int = 0
    written: int = 0
    pids: int = 0

    @property
    def memory_percent(self) -> float:
        """Memory in use, of the limit."""
        return 100.0 * self.memory / self.memory_limit if self.memory_limit else 0.0


class _Look(NamedTuple):
    """One look at one container; times in nanoseconds, -1 when it does not run."""

    at_ns: int
    cpu_ns: int
    stats: Stats


def once(
    paths: Paths, database: Database, names: Sequence[str], *, all_states: bool = False, interval: float = 0.5
) -> tuple[Stats, ...]:
    """Look twice.

    :raises errors.Error: NOT_FOUND.
    """
    return next(stream(paths, database, names, all_states=all_states, interval=interval))


def stream(
    paths: Paths, database: Database, names: Sequence[str], *, all_states: bool = False, interval: float = 1.0
) -> Iterator[tuple[Stats, ...]]:
    """Yield what containers use, each ``interval`` seconds, for ever; those named must be there at the beginning.

    :raises errors.Error: NOT_FOUND.
    """
    host = layout.detect()
    ids = _ids(database, names)
    # Of what was before only the time of the processors counts.
    first = _looks(paths, database, _only(host, _TIME), ids, all_states=all_states, time_only=True)
    before = {look.stats.id: look for look in first}
    host = _only(host, _COUNTING)
    while True:
        if any(look.cpu_ns >= 0 for look in before.values()):
            time.sleep(interval)
        looks = _looks(paths, database, host, ids, all_states=all_states)
        yield tuple(_with_cpu(look, before.get(look.stats.id)) for look in looks)
        if not before:
            time.sleep(interval)
        before = {look.stats.id: look for look in looks}


def _only(host: Layout, controllers: frozenset[str]) -> Layout:
    """The hierarchies with one of the controllers, and v2 where no other counts time; all where that leaves none."""
    timed = host.carrying("cpuacct") is not None
    chosen = [
        one
        for one in host.hierarchies
        if not controllers.isdisjoint(one.controllers) or (one.version == 2 and not timed)
    ]
    return host._replace(hierarchies=tuple(chosen) or host.hierarchies)


def _ids(database: Database, names: Sequence[str]) -> dict[str, str]:
    """Return the ids of those named, with the names."""
    with database.read() as connection:
        return {find_container.find(connection, name).id: name for name in names}


def _looks(
    paths: Paths,
    database: Database,
    host: Layout,
    ids: dict[str, str],
    *,
    all_states: bool,
    time_only: bool = False,
) -> list[_Look]:
    with database.read() as connection:
        rows = [row for row in containers.list_all(connection) if row.state != containers.NEW]
    if ids:
        known = {row.id: row for row in rows}
        rows = [known[one] for one in ids if one in known]
    boot = held.boot()
    looks = []
    for row in rows:
        pid = _process(paths, row, boot)
        if pid or ids or all_states:
            looks.append(_look(row, ids.get(row.id) or row.id[:12], host, pid, time_only=time_only))
    return looks


def _process(paths: Paths, row: ContainerRow, boot: str) -> int:
    """Return the first process of a container, 0 when it does not run."""
    if row.state != containers.RUNNING:
        return 0
    said = held.state(paths, row.id, boot)
    return int(said["pid"]) if said is not None and said["status"] in {"running", "paused"} else 0


def _look(row: ContainerRow, asked: str, host: Layout, pid: int, *, time_only: bool) -> _Look:
    empty = _Look(0, -1, Stats(row.id, row.name, asked))
    if not pid:
        return empty
    try:
        group = manager.open_existing(host, record.decode(row.config).cgroup)
        if group is None:
            return empty
        with group:
            return _read(group, empty.stats, pid, time_only=time_only)
    except (OSError, ValueError):
        return empty  # it ended meanwhile


def _read(group: ContainerCgroup, empty: Stats, pid: int, *, time_only: bool) -> _Look:
    accounts, v2 = group.carrying("cpuacct"), group.v2
    cpu = 0
    if accounts is not None:
        cpu = int(accounts.read("cpuacct.usage"))
    elif v2 is not None:
        cpu = int(_pairs(v2.read("cpu.stat")).get("usage_usec", 0)) * 1000
    at = time.monotonic_ns()
    if time_only:
        return _Look(at, cpu, empty)
    used, limit = _memory(group)
    disks = group.carrying("blkio") or group.carrying("io")
    flow = io.Use(0, 0, 0, 0) if disks is None else io.use(disks)
    counter = group.carrying(pids.NAME)
    received, sent = _network(pid)
    count = pids.current(counter) if counter is not None else len(group.pids())
    found = empty._replace(
        memory=used,
        memory_limit=limit,
        net_received=received,
        net_sent=sent,
        read=flow.read_bytes,
        written=flow.write_bytes,
        pids=count,
    )
    return _Look(at, cpu, found)


def _memory(group: ContainerCgroup) -> tuple[int, int]:
    """Return what is in use and what there may be."""
    carrier = group.carrying(memory.NAME)
    if carrier is None:
        return 0, 0
    used = memory_limits.use(carrier).current
    inactive = int(
        _pairs(carrier.read("memory.stat")).get("inactive_file" if carrier.version == 2 else "total_inactive_file", 0)
    )
    limit = memory_limits.read(carrier).limit
    host = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (used - inactive if inactive < used else used), min(host, limit) if limit and limit > 0 else host


def _pairs(text: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)


def _network(pid: int) -> tuple[int, int]:
    """Return bytes received and sent; none of the host's own when the container has no network of its own."""
    received = sent = 0
    with suppress(OSError, ValueError):
        if os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            return 0, 0
        with open(f"/proc/{pid}/net/dev", encoding="ascii") as file:
            for line in file.readlines()[2:]:
                name, _, numbers = line.partition(":")
                if name.strip() != "lo":
                    words = numbers.split()
                    received, sent = received + int(words[0]), sent + int(words[8])
    return received, sent


def _with_cpu(look: _Look, before: _Look | None) -> Stats:
    if before is None or look.cpu_ns < 0 or before.cpu_ns < 0 or look.at_ns <= before.at_ns:
        return look.stats
    # Started anew in between, it counts from the beginning again.
    used = max(0, look.cpu_ns - before.cpu_ns)
    return look.stats._replace(cpu_percent=100.0 * used / (look.at_ns - before.at_ns))
