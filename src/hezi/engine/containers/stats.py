"""``stats``: what containers use, read from their cgroups (v1 and v2) and their network namespaces.

    processor    cpuacct.usage                        cpu.stat                 twice, an interval apart; all the
                                                                               rest is read in between
    memory       memory.usage_in_bytes less           memory.current less      what the kernel may drop at once
                 total_inactive_file                  inactive_file            is not counted, as docker's table
    disks        blkio.throttle.*_recursive           io.stat
    processes    pids.current                         the same
    network      /proc/PID/net/dev, without lo, of a network namespace of the container's own

No group is opened (:mod:`hezi.linux.cgroup.glance`): hundreds of containers need no hundreds of descriptors.
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
from hezi.linux.cgroup.glance import Glances

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from hezi.db.connection import Database
    from hezi.engine.paths import Paths
    from hezi.linux.cgroup.glance import Glance

    # id -> when, and the processor time until then; both in nanoseconds
    _Times = dict[str, tuple[int, int]]


_STREAMED = 1.0


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


class _Container(NamedTuple):
    """One to look at.

    :ivar cgroup: "" when it does not run.
    """

    id: str
    name: str
    asked: str
    cgroup: str


def once(
    paths: Paths,
    database: Database,
    names: Sequence[str],
    *,
    all_states: bool = False,
    interval: float,
    meanwhile: Callable[[], object] | None = None,
) -> tuple[Stats, ...]:
    """Look twice.

    :param meanwhile: called between the two looks: what the caller has to do anyway.
    :raises errors.Error: NOT_FOUND.
    """
    found = stream(paths, database, names, all_states=all_states, interval=interval, meanwhile=meanwhile)
    try:
        return next(found)
    finally:
        found.close()


def stream(
    paths: Paths,
    database: Database,
    names: Sequence[str],
    *,
    all_states: bool = False,
    interval: float = _STREAMED,
    meanwhile: Callable[[], object] | None = None,
) -> Generator[tuple[Stats, ...], None, None]:
    """Yield what containers use, each ``interval`` seconds, for ever; those named must be there at the beginning.

    :param meanwhile: called once, as for :func:`once`.
    :raises errors.Error: NOT_FOUND.
    """
    ids = _ids(database, names)
    with Glances(layout.detect()) as glances:
        known: dict[str, str] = {}
        listed = _listed(database, ids, known)
        before, begin = _times(glances, listed), time.monotonic()
        wanted = bool(before)
        while True:
            # The time between two looks at the processors is the time for all the rest.
            seen = _seen(paths, listed, every=bool(ids) or all_states)
            found = [_read(glances, one, pid) for one, pid in seen]
            if meanwhile is not None:
                meanwhile()
                meanwhile = None
            if wanted:
                time.sleep(max(0.0, interval - (time.monotonic() - begin)))
            now, begin = _times(glances, [one for one, pid in seen if pid]), time.monotonic()
            yield tuple(_with_cpu(one, before.get(one.id), now.get(one.id)) for one in found)
            before, wanted = now, True
            listed = _listed(database, ids, known)


def _ids(database: Database, names: Sequence[str]) -> dict[str, str]:
    """Return the ids of those named, with the names."""
    with database.read() as connection:
        return {find_container.find(connection, name).id: name for name in names}


def _listed(database: Database, ids: dict[str, str], known: dict[str, str]) -> list[_Container]:
    """List the containers in question.

    :param known: id -> group of those met before; what is in a row's document is read once.
    """
    with database.read() as connection:
        rows = [row for row in containers.list_all(connection) if row.state != containers.NEW]
    if ids:
        by_id = {row.id: row for row in rows}
        rows = [by_id[one] for one in ids if one in by_id]
    found = []
    for row in rows:
        runs = row.state == containers.RUNNING
        if runs and row.id not in known:
            known[row.id] = record.cgroup_of(row.config)
        found.append(_Container(row.id, row.name, ids.get(row.id) or row.id[:12], known[row.id] if runs else ""))
    return found


def _seen(paths: Paths, listed: Iterable[_Container], *, every: bool) -> list[tuple[_Container, int]]:
    """Choose those to show, each with its first process; 0 when it does not run.

    :param every: those too.
    """
    boot = held.boot()
    found = [(one, _process(paths, one, boot)) for one in listed]
    return found if every else [(one, pid) for one, pid in found if pid]


def _process(paths: Paths, one: _Container, boot: str) -> int:
    if not one.cgroup:
        return 0
    said = held.state(paths, one.id, boot)
    return int(said["pid"]) if said is not None and said["status"] in {"running", "paused"} else 0


def _times(glances: Glances, listed: Iterable[_Container]) -> _Times:
    """Read the processor time of those that run."""
    found = {}
    for one in listed:
        if one.cgroup:
            with suppress(OSError, ValueError):  # it ended meanwhile
                used = _processor(glances, one.cgroup)
                found[one.id] = (time.monotonic_ns(), used)
    return found


def _processor(glances: Glances, cgroup: str) -> int:
    """Nanoseconds."""
    accounts = glances.at("cpuacct", cgroup)
    if accounts is not None:
        return int(accounts.read("cpuacct.usage"))
    v2 = glances.v2(cgroup)
    return 0 if v2 is None else _value(v2.read("cpu.stat"), "usage_usec") * 1000


def _read(glances: Glances, one: _Container, pid: int) -> Stats:
    """Read all but the processor time; zeros for what ended meanwhile."""
    found = Stats(one.id, one.name, one.asked)
    if not pid:
        return found
    with suppress(OSError, ValueError):
        used, limit = _memory(glances.at(memory.NAME, one.cgroup))
        disks = glances.at("blkio", one.cgroup) or glances.at("io", one.cgroup)
        read, written = (0, 0) if disks is None else io.transferred(disks)
        received, sent = _network(pid)
        return found._replace(
            memory=used,
            memory_limit=limit,
            net_received=received,
            net_sent=sent,
            read=read,
            written=written,
            pids=_count(glances.at(pids.NAME, one.cgroup), one.cgroup),
        )
    return found


def _count(counter: Glance | None, cgroup: str) -> int:
    """Tasks, or where nobody counts them, processes."""
    if counter is not None and counter.has("pids.current"):
        return pids.current(counter)
    group = manager.open_existing(layout.detect(), cgroup)
    if group is None:
        return 0
    with group:
        return len(group.pids())


def _memory(carrier: Glance | None) -> tuple[int, int]:
    """Return what is in use and what there may be."""
    if carrier is None or not memory_limits.is_limited(carrier):
        return 0, 0
    used = memory_limits.current(carrier)
    inactive = _value(carrier.read("memory.stat"), "inactive_file" if carrier.version == 2 else "total_inactive_file")
    limit = memory_limits.limit(carrier)
    host = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (used - inactive if inactive < used else used), min(host, limit) if limit > 0 else host


def _value(text: str, name: str) -> int:
    """The number behind a name, of lines of both."""
    behind = f"\n{text}".partition(f"\n{name} ")[2]
    return int(behind.partition("\n")[0] or 0)


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


def _with_cpu(found: Stats, before: tuple[int, int] | None, now: tuple[int, int] | None) -> Stats:
    if before is None or now is None or now[0] <= before[0]:
        return found
    # Started anew in between, it counts from the beginning again.
    used = max(0, now[1] - before[1])
    return found._replace(cpu_percent=100.0 * used / (now[0] - before[0]))
