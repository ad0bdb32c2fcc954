"""``rm`` and ``container prune``."""

from __future__ import annotations

import time

from hezi import errors
from hezi.db import containers
from hezi.engine import record, recover
from hezi.engine.containers import disk, filters, find, states
from hezi.engine.containers.model import Pruned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths

_KILL = 9
# Its holder writes down how it ended and takes its cgroup apart: milliseconds, unless the disk is slow.
_PATIENCE_S = 15.0


def remove(paths: Paths, database: Database, name: str, *, force: bool = False, volumes: bool = False) -> str:
    """See :meth:`hezi.engine.containers.api.Container.remove`; gives the id."""
    with database.read() as connection:
        row = find.find(connection, name)
    if row.state == containers.RUNNING or row.pid:
        if not force:
            text = f'cannot remove container "/{row.name}": container is running'
            hint = "stop the container before removing it, or remove it by force"
            raise errors.Error(errors.CONFLICT, text, hint=hint)
        ended = _end(paths, database, row)
        if ended is None:
            return row.id
        row = ended
    _remove(paths, database, row, volumes=volumes)
    return row.id


def _remove(paths: Paths, database: Database, row: ContainerRow, *, volumes: bool) -> None:
    one = record.from_row(paths, database, row)
    try:
        recover.remove_cgroup(one.details.cgroup)
    except OSError as error:
        doing = "cannot remove the container's cgroup"
        raise errors.from_os_error(doing, error) from error
    one.remove(volumes=volumes or one.details.remove)


def _end(paths: Paths, database: Database, row: ContainerRow) -> ContainerRow | None:
    """Kill a container and wait until its holder has put it down; None when that removed it."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        states.signal(row, _KILL)
        recover.sweep(paths, database)
        with database.read() as connection:
            now = containers.get(connection, row.id)
        if now is None or (now.state != containers.RUNNING and not now.pid):
            return now
        if time.monotonic() > deadline:
            text = f'cannot remove container "/{row.name}": it could not be killed'
            raise errors.Error(errors.TIMEOUT, text)
        row = now
        time.sleep(0.005)


def prune(paths: Paths, database: Database, texts: Iterable[str], tell: Callable[[str], None]) -> Pruned:
    """See :meth:`hezi.engine.containers.api.Containers.prune`."""
    wanted = filters.read(texts, filters.PRUNE_KEYS)
    before = min((filters.until(text) for text in wanted.get("until", ())), default=None)
    with database.read() as connection:
        rows = containers.list_all(connection)
    deleted = []
    space = 0
    for row in rows:
        if row.state == containers.RUNNING or row.pid or not _chosen(row, wanted, before):
            continue
        size = disk.written(paths, row.id)
        try:
            _remove(paths, database, row, volumes=False)
        except errors.Error as error:
            tell(f"failed to prune container {row.id}: {error}")
            continue
        deleted.append(row.id)
        space += size
    return Pruned(tuple(deleted), space)


def _chosen(row: ContainerRow, wanted: Mapping[str, list[str]], before: int | None) -> bool:
    if before is not None and row.created_ns >= before:
        return False
    labels = record.decode(row.config).labels
    if not filters.labels_match(labels, wanted.get("label", ())):
        return False
    return not ("label!" in wanted and filters.labels_match(labels, wanted["label!"]))
