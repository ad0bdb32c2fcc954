"""``hezi cgroup top``: what groups use, again and again."""

from __future__ import annotations

import time
from contextlib import suppress

from hezi._util.record import NamedTuple
from hezi._util.size import binary, human
from hezi.front.tools import cgroups
from hezi.linux.cgroup import survey, tree
from hezi.linux.cgroup.controllers import cpu, io, memory_limits, pids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hezi.linux.cgroup.survey import Survey


class Use(NamedTuple):
    """What one group and those below it use; None where nobody counts."""

    cpu_us: int | None = None
    memory: int | None = None
    tasks: int | None = None
    read: int | None = None
    written: int | None = None


class Row(NamedTuple):
    """A line of the table: ``cpu`` in percent of one processor, rates in bytes per second; None where nobody counts."""

    group: str
    container: str | None
    cpu: float | None
    memory: int | None
    tasks: int | None
    read: int | None
    written: int | None

    def cells(self) -> tuple[str, ...]:
        """For people."""
        return (
            f"{self.group} [{self.container}]" if self.container else self.group,
            "-" if self.cpu is None else f"{self.cpu:.1f}",
            "-" if self.memory is None else binary(self.memory),
            "-" if self.tasks is None else str(self.tasks),
            "-" if self.read is None else human(self.read),
            "-" if self.written is None else human(self.written),
        )


HEADER = ("GROUP", "CPU %", "MEMORY", "TASKS", "READ/s", "WRITTEN/s")


def watch(
    text: str, interval: float, count: int, containers: Mapping[str, str], *, all_groups: bool
) -> Iterator[list[Row]]:
    """Yield the lines of tables, one every ``interval`` seconds, sorted by processor time.

    :param text: the group whose groups are shown, "" for the top.
    :param count: how many; 0 for no end.
    :param all_groups: those further below too.
    :raises hezi.errors.Error: there is no such group.
    """
    found, name = survey.take(), cgroups.parse(text or "/")
    cgroups.existing(found, name)
    before, at = _measure(found, name.path, all_groups=all_groups), time.monotonic()
    done = 0
    while not count or done < count:
        time.sleep(interval)
        now, then = _measure(found, name.path, all_groups=all_groups), time.monotonic()
        yield _rows(before, now, then - at, containers)
        before, at = now, then
        done += 1


def _measure(found: Survey, path: str, *, all_groups: bool) -> dict[str, Use]:
    used: dict[str, Use] = {}
    for controller in ("cpuacct", "cpu", "memory", "pids", "blkio", "io"):
        one = found.carrying(controller)
        if one is None:
            continue
        try:
            with tree.open_node(one.hierarchy, path) as top:
                paths = (
                    list(tree.walk(top)) if all_groups else [top.at, *(_join(top.at, name) for name in top.children())]
                )
        except OSError:
            continue
        for at in paths:
            with suppress(OSError, ValueError, KeyError), tree.open_node(one.hierarchy, at) as node:
                used[at] = _with(used.get(at, Use()), controller, node)
    return used


def _join(at: str, name: str) -> str:
    return f"/{name}" if at == "/" else f"{at}/{name}"


def _with(use: Use, controller: str, node: tree.Node) -> Use:
    if controller == "cpuacct":
        return use._replace(cpu_us=int(node.read("cpuacct.usage")) // 1000)
    if controller == "cpu":
        return use if node.version == 1 else use._replace(cpu_us=cpu.use(node).total_us)
    if controller == "memory":
        return use._replace(memory=memory_limits.use(node).current)
    if controller == "pids":
        return use._replace(tasks=pids.current(node))
    disks = io.use(node)
    return use._replace(read=disks.read_bytes, written=disks.write_bytes)


def _rows(
    before: Mapping[str, Use], now: Mapping[str, Use], seconds: float, containers: Mapping[str, str]
) -> list[Row]:
    rows = []
    for at, use in now.items():
        old = before.get(at, use)
        share = _rate(old.cpu_us, use.cpu_us, seconds)
        read, written = _rate(old.read, use.read, seconds), _rate(old.written, use.written, seconds)
        rows.append(
            Row(
                at,
                containers.get(at),
                None if share is None else round(share / 10_000, 1),
                use.memory,
                use.tasks,
                None if read is None else int(read),
                None if written is None else int(written),
            )
        )
    return sorted(rows, key=lambda row: (-(row.cpu or 0.0), row.group))


def _rate(old: int | None, new: int | None, seconds: float) -> float | None:
    return None if old is None or new is None else max(0.0, (new - old) / seconds)
