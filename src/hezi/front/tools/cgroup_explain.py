"""``hezi cgroup explain``: what limits a group in the end, which group above sets it, and what came of it."""

from __future__ import annotations

from contextlib import suppress

from hezi._util.size import binary, human
from hezi.front.tools import cgroups
from hezi.linux.cgroup import survey, tree
from hezi.linux.cgroup.controllers import cpu, cpuset, io, memory, memory_limits, pids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hezi.linux.cgroup.survey import Survey
    from hezi.linux.cgroup.tree import Node


def explain(text: str) -> list[str]:
    """Sentences about a group, or about the groups of a process when ``text`` is its number.

    :raises hezi.errors.Error: there is no such group or process.
    """
    found = survey.take()
    if text.isdigit():
        return list(_process(found, int(text)))
    name = cgroups.parse(text)
    there = {one.hierarchy.mount_point for one in cgroups.existing(found, name)}

    def place(controller: str) -> str | None:
        one = found.carrying(controller)
        return name.path if one is not None and one.hierarchy.mount_point in there else None

    return [f"Control group {name.path}:", *_sentences(found, place)]


def _process(found: Survey, pid: int) -> Iterator[str]:
    try:
        paths = {one.hierarchy.mount_point: tree.path_in(one.hierarchy, pid) for one in found.hierarchies}
    except OSError as error:
        from hezi.errors import NOT_FOUND, Error

        message = f"there is no process {pid}"
        raise Error(NOT_FOUND, message) from error

    def place(controller: str) -> str | None:
        one = found.carrying(controller)
        return None if one is None else paths[one.hierarchy.mount_point]

    yield f"Process {pid}:"
    yield from _sentences(found, place)


def _sentences(found: Survey, place: Callable[[str], str | None]) -> Iterator[str]:
    said = 0
    for controller, function in _RESOURCES:
        path = place(controller)
        one = found.carrying(controller)
        if path is None or one is None:
            continue
        chain = _chain(found, controller, path)
        try:
            for sentence in function(chain, found):
                said += 1
                yield f"  {sentence}"
        finally:
            for node in chain:
                node.close()
    if not said:
        yield "  No controller limits it or counts for it."
    yield from _pressures(found, place)


def _chain(found: Survey, controller: str, path: str) -> list[Node]:
    """The group and those above it."""
    one = found.carrying(controller)
    assert one is not None  # noqa: S101 - the caller has asked
    nodes = [tree.open_node(one.hierarchy, path)]
    while True:
        above = nodes[-1].parent()
        if above is None:
            return nodes
        nodes.append(above)


def _by(node: Node, chain: list[Node]) -> str:
    return "set here" if node is chain[0] else f"set by {node.at} above"


def _memory(chain: list[Node], found: Survey) -> Iterator[str]:
    del found
    limits: list[tuple[int, Node]] = []
    for node in chain:
        with suppress(OSError):
            limit = memory_limits.read(node).limit
            if limit is not None and limit != memory_limits.UNLIMITED:
                limits.append((limit, node))
    try:
        use = memory_limits.use(chain[0])
    except OSError:
        return  # the top of v2 counts nothing of its own
    peak = "" if use.peak is None else f", at most {binary(use.peak)} so far"
    text = f"{binary(use.current)} in use{peak}"
    if limits:
        limit, node = min(limits, key=lambda pair: pair[0])
        part = f" ({use.current * 100 // limit} %)" if limit else ""
        yield f"Memory: at most {binary(limit)}, {_by(node, chain)}; {text}{part}."
    else:
        yield f"Memory: no limit; {text}."
    kills = memory.oom_kills(chain[0])
    if kills:
        yield f"Memory: {kills} of its processes {'was' if kills == 1 else 'were'} killed for want of memory."


def _cpu(chain: list[Node], found: Survey) -> Iterator[str]:
    quotas: list[tuple[float, Node]] = []
    for node in chain:
        quota, period = cpu.quota(node)
        if quota > 0:
            quotas.append((quota / period, node))
    if quotas:
        share, node = min(quotas, key=lambda pair: pair[0])
        yield f"Processor: at most {share:.2f} processors, {_by(node, chain)}."
    else:
        yield "Processor: no limit."
    if not chain[0].is_top:
        shares = cpu.shares(chain[0])
        weight = cpu.weight_of_shares(shares)
        yield f"Processor: {shares} shares (weight {weight}) beside its neighbours when all want more."
    accounts = found.carrying("cpuacct")
    counted = None
    if accounts is not None and chain[0].version == 1:
        with suppress(OSError), tree.open_node(accounts.hierarchy, chain[0].at) as group:
            counted = cpu.use(chain[0], group).total_us
    use = cpu.use(chain[0])
    total = counted if counted is not None else use.total_us
    if total is not None:
        yield f"Processor: {total / 1e6:.2f} seconds used."
    if use.throttled:
        stopped = f"{use.throttled} of {use.periods} periods, {use.throttled_us / 1e6:.2f} seconds altogether"
        yield f"Processor: held back by its quota in {stopped}."


def _cpuset(chain: list[Node], found: Survey) -> Iterator[str]:
    del found
    with suppress(OSError):
        here = cpuset.effective(chain[0])
        node = chain[0]
        for above in chain[1:]:
            if cpuset.effective(above) != here:
                break
            node = above
        who = ", all that there are" if node.is_top else f", {_by(node, chain)}"
        yield f"Placement: processors {here.cpus}, memory nodes {here.mems}{who}."


def _pids(chain: list[Node], found: Survey) -> Iterator[str]:
    del found
    limits: list[tuple[int, Node]] = []
    for node in chain:
        with suppress(OSError):
            limit = pids.limit(node)
            if limit is not None:
                limits.append((limit, node))
    if not chain[0].has("pids.current"):
        return
    current = pids.current(chain[0])
    if limits:
        limit, node = min(limits, key=lambda pair: pair[0])
        yield f"Processes: at most {limit} with their threads, {_by(node, chain)}; {current} now."
    else:
        yield f"Processes: no limit; {current} now."
    refused = pids.refused(chain[0])
    if refused:
        yield f"Processes: {refused} {'time' if refused == 1 else 'times'} a new one was refused."


def _disks(chain: list[Node], found: Survey) -> Iterator[str]:
    del found
    words = {
        "read_bps": "bytes per second from",
        "write_bps": "bytes per second to",
        "read_iops": "reads per second from",
        "write_iops": "writes per second to",
    }
    for field, what in words.items():
        best: dict[str, tuple[int, Node]] = {}
        for node in chain:
            with suppress(OSError):
                for device, rate in io.throttles(node)[field].items():
                    if device not in best or rate < best[device][0]:
                        best[device] = (rate, node)
        for device, (rate, node) in best.items():
            yield f"Disks: at most {rate} {what} {device}, {_by(node, chain)}."
    with suppress(OSError):
        use = io.use(chain[0])
        if use.reads or use.writes:
            yield f"Disks: {human(use.read_bytes)} read, {human(use.write_bytes)} written."


def _freezer(chain: list[Node], found: Survey) -> Iterator[str]:
    del found
    with suppress(OSError):
        if chain[0].frozen():
            yield "All its processes are stopped (frozen)."


_RESOURCES: tuple[tuple[str, Callable[[list[Node], Survey], Iterator[str]]], ...] = (
    ("cpu", _cpu),
    ("cpuset", _cpuset),
    ("memory", _memory),
    ("pids", _pids),
    ("blkio", _disks),
    ("io", _disks),
    ("freezer", _freezer),
)


def _pressures(found: Survey, place: Callable[[str], str | None]) -> Iterator[str]:
    """v2 groups measure how long their tasks waited, whatever controllers they have."""
    if found.v2 is None:
        return
    path = next((path for name in ("memory", "cpu", "pids") if (path := place(name)) is not None), None)
    if path is None:
        return
    with suppress(OSError), tree.open_node(found.v2.hierarchy, path) as node:
        for resource in ("cpu", "memory", "io"):
            found_pressure = node.pressure(resource)
            if found_pressure is not None and found_pressure.some_total_us:
                seconds = found_pressure.some_total_us / 1e6
                recent = f"{found_pressure.some_avg60:.1f} % of the last minute"
                yield f"  Waited for {resource} for {seconds:.2f} seconds so far, {recent}."
