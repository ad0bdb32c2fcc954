"""``update``: limits and the restart policy of a container that is there, running or not.

checked in docker's words ── put into the cgroup, told to the monitor (when it runs) ── written into the row
"""

from __future__ import annotations

from contextlib import suppress

from hezi import errors
from hezi.db import containers
from hezi.engine import (
    container_events,
    facts,
    find_container,
    freeze,
    held,
    holding,
    parse_resources,
    parse_restart,
    record,
)
from hezi.engine.containers import lifecycle
from hezi.engine.request import RunRequest
from hezi.runtime import attach
from hezi.spec import runtime as rt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths

# What can be changed: fields of the request.
FIELDS = (
    *("blkio_weight", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus"),
    *("cpuset_cpus", "cpuset_mems", "memory", "memory_reservation", "memory_swap", "pids_limit", "restart"),
)
# Field of the runtime specification -> the request's, any of which sets it.
_MEMORY = {"limit": ("memory",), "swap": ("memory_swap",), "reservation": ("memory_reservation",)}
_CPU = {
    "shares": ("cpu_shares",),
    "quota": ("cpu_quota", "cpus"),
    "period": ("cpu_period", "cpus"),
    "rt_runtime": ("cpu_rt_runtime",),
    "rt_period": ("cpu_rt_period",),
    "cpus": ("cpuset_cpus",),
    "mems": ("cpuset_mems",),
}


def update(paths: Paths, database: Database, name: str, changes: Mapping[str, object]) -> tuple[str, ...]:
    """Change a container; return warnings about what this host cannot do.

    :param changes: some of ``FIELDS``, with values as in the request; what is 0 or empty is left as it is.
    :raises errors.Error: NOT_FOUND; INVALID or CONFLICT in docker's words; the kernel refuses a limit.
    """
    wanted = {key: value for key, value in changes.items() if value or (key == "pids_limit" and value is not None)}
    if "pids_limit" in wanted:
        # No limit is 0 from now on, as docker keeps and shows it.
        wanted["pids_limit"] = max(0, int(str(wanted["pids_limit"])))
    with database.read() as connection:
        row = find_container.find(connection, name)
    own = _request(row)
    _check(wanted)
    try:
        _refuse(wanted, own)
        merged = own._replace(**wanted)  # type: ignore[arg-type]  # names and types of the request's own fields
        warnings = _apply(paths, row, wanted, merged)
    except errors.Error as error:
        raise errors.Error(error.kind, f"Cannot update container {row.id}: {error.message}") from error
    except OSError as error:
        from hezi.linux.cgroup import rules

        doing = f"Cannot update container {row.id}"
        raise errors.from_os_error(doing, rules.broken(error, rules.SET, "write")) from error
    with database.write() as connection:
        now = containers.get(connection, row.id)
        if now is not None:
            details = record.decode(now.config)
            request = freeze.differing(_request(now)._replace(**wanted))  # type: ignore[arg-type]  # as above
            containers.configure(connection, row.id, record.encode(details._replace(request=request)))
    container_events.tell(paths, row, "update")
    return warnings


def _request(row: ContainerRow) -> RunRequest:
    return freeze.thaw(row.image_name, dict(record.decode(row.config).request))


def _check(wanted: Mapping[str, object]) -> None:
    """What is wrong whatever the container has."""
    if "restart" in wanted:
        parse_restart.parse_restart(str(wanted["restart"]))
    alone = RunRequest("", **wanted)  # type: ignore[arg-type]  # names and types of the request's own fields
    if alone.memory_swap and not alone.memory:
        # Together with what it has; the kernel judges whether that is enough.
        alone = alone._replace(memory_swap=None)
    parse_resources.parse(alone, facts.gather())


def _refuse(wanted: Mapping[str, object], own: RunRequest) -> None:
    """What does not go with what the container has."""
    text = ""
    if own.remove and wanted.get("restart") not in {None, "", "no"}:
        text = "Restart policy cannot be updated because AutoRemove is enabled for the container"
    elif own.cpus and wanted.get("cpu_period"):
        text = "Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set"
    elif own.cpus and wanted.get("cpu_quota"):
        text = "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set"
    elif own.cpu_period and wanted.get("cpus"):
        text = "Conflicting options: NanoCPUs cannot be updated as CPU Period has already been set"
    elif own.cpu_quota and wanted.get("cpus"):
        text = "Conflicting options: NanoCPUs cannot be updated as CPU Quota has already been set"
    elif wanted.get("memory") and not wanted.get("memory_swap") and _exceeds(wanted["memory"], own):
        text = (
            "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"
        )
    elif 0 < (own.memory or 0) < _number(wanted, "memory_reservation") and "memory" not in wanted:
        # As create says it; what does not run would not start any more.
        text = "Minimum memory limit can not be less than memory reservation limit, see usage"
    if text:
        raise errors.Error(errors.CONFLICT, text)


def _number(wanted: Mapping[str, object], name: str) -> int:
    value = wanted.get(name)
    return value if isinstance(value, int) else 0


def _exceeds(memory: object, own: RunRequest) -> bool:
    # As docker shows it in inspect: what was not given is twice the memory.
    return isinstance(memory, int) and memory > (own.memory_swap or 2 * (own.memory or 0))


def _apply(paths: Paths, row: ContainerRow, wanted: Mapping[str, object], merged: RunRequest) -> tuple[str, ...]:
    """Change what runs."""
    boot = held.boot()
    if not holding.runs(paths, row, boot, holder_lives=held.is_held(row, boot)):
        return ()
    warnings = _apply_limits(row, wanted, merged)
    client = lifecycle.connect(paths, row) if "restart" in wanted else None
    if client is not None:
        policy = parse_restart.parse_restart(str(wanted["restart"]))
        with client, suppress(attach.Gone):
            client.update(policy.name, policy.most)
    return warnings


def _apply_limits(row: ContainerRow, wanted: Mapping[str, object], merged: RunRequest) -> tuple[str, ...]:
    from hezi.linux.cgroup import layout, manager
    from hezi.linux.cgroup.controllers import pids

    full = parse_resources.parse(merged, facts.gather())
    limit = wanted.get("pids_limit")
    resources = rt.Resources(
        pids_limit=limit if isinstance(limit, int) and limit > 0 else None,
        memory=_memory(full.memory, wanted),
        cpu=_cpu(full.cpu, wanted),
        block_io=rt.BlockIO(weight=full.block_io.weight) if full.block_io and "blkio_weight" in wanted else None,
    )
    group = manager.open_existing(layout.detect(), record.decode(row.config).cgroup)
    if group is None:
        return ()
    with group:
        group.apply(resources)
        carrier = group.carrying(pids.NAME)
        if isinstance(limit, int) and limit <= 0 and carrier is not None:
            carrier.set(pids.MAX, "max")
        return tuple(group.warnings)


def _memory(part: rt.Memory | None, wanted: Mapping[str, object]) -> rt.Memory | None:
    """Leave only what is to change."""
    if part is None or not _meant(_MEMORY, wanted):
        return None
    return rt.Memory(**{key: getattr(part, key) for key in _meant(_MEMORY, wanted)})


def _cpu(part: rt.Cpu | None, wanted: Mapping[str, object]) -> rt.Cpu | None:
    if part is None or not _meant(_CPU, wanted):
        return None
    return rt.Cpu(**{key: getattr(part, key) for key in _meant(_CPU, wanted)})


def _meant(fields: Mapping[str, tuple[str, ...]], wanted: Mapping[str, object]) -> list[str]:
    return [key for key, names in fields.items() if any(name in wanted for name in names)]
