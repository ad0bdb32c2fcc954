"""``rm`` and ``container prune``."""

from __future__ import annotations

import time
from contextlib import suppress

from hezi import errors
from hezi.db import containers
from hezi.engine import container_events, events, find_container, held, holding, record, recover
from hezi.engine.containers import disk, filters
from hezi.engine.containers.model import Pruned
from hezi.runtime import attach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.paths import Paths

_KILL = 9
# Its monitor writes down how it ended and takes its cgroup apart: milliseconds, unless the disk is slow.
_PATIENCE_S = 15.0


def remove(paths: Paths, database: Database, name: str, *, force: bool = False, volumes: bool = False) -> str:
    """See :meth:`hezi.engine.containers.api.Container.remove`; gives the id."""
    with database.read() as connection:
        row = find_container.find(connection, name)
    while True:
        taken = holding.take(paths, database, row, containers.REMOVING)
        if taken is not None:
            break
        if not force:
            raise _refusal(paths, row)
        _kill(paths, row)
    if taken.state == holding.GONE:
        return row.id
    _remove(paths, database, taken, volumes=volumes)
    return row.id


def _refusal(paths: Paths, row: ContainerRow) -> errors.Error:
    status = (held.state(paths, row.id, held.boot()) or {}).get("status", containers.RUNNING)
    if status == "paused":
        text = f'cannot remove container "/{row.name}": container is paused and must be unpaused first'
        return errors.Error(errors.CONFLICT, text)
    text = f'cannot remove container "/{row.name}": container is {status}'
    hint = "stop the container before removing it, or remove it by force"
    return errors.Error(errors.CONFLICT, text, hint=hint)


def _kill(paths: Paths, row: ContainerRow) -> None:
    """Kill what runs, and wait until its monitor has put it down.

    :raises errors.Error: TIMEOUT: something in it does not die.
    """
    try:
        with attach.connect(held.directory(paths, row.id)) as client:
            with suppress(errors.Error):  # it has ended in between
                client.signal(_KILL)
            ended = client.wait_gone(_PATIENCE_S)
    except errors.Error as error:
        if error.kind != errors.NOT_FOUND:
            raise
        # No monitor listens: it is at its end, or not there yet.
        time.sleep(0.005)
        return
    if not ended:
        text = f'cannot remove container "/{row.name}": it could not be killed'
        raise errors.Error(errors.TIMEOUT, text)


def _remove(paths: Paths, database: Database, row: ContainerRow, *, volumes: bool) -> None:
    """Remove what was claimed for it."""
    one = record.from_row(paths, database, row)
    try:
        recover.remove_cgroup(one.details.cgroup)
    except OSError as error:
        doing = "cannot remove the container's cgroup"
        raise errors.from_os_error(doing, error) from error
    one.remove(volumes=volumes or one.details.remove)
    container_events.tell(paths, row, "destroy")


def prune(paths: Paths, database: Database, texts: Iterable[str], tell: Callable[[str], None]) -> Pruned:
    """See :meth:`hezi.engine.containers.api.Containers.prune`."""
    wanted = filters.read(texts, filters.PRUNE_KEYS)
    before = min((filters.until(text) for text in wanted.get("until", ())), default=None)
    with database.read() as connection:
        rows = containers.list_all(connection)
    deleted, failed = [], []
    space = 0
    for row in rows:
        if row.state == containers.RUNNING or not _chosen(row, wanted, before):
            continue
        try:
            taken = holding.take(paths, database, row, containers.REMOVING, patience=0)
            if taken is None or taken.state == holding.GONE:
                continue
            size = disk.written(paths, row.id)
            _remove(paths, database, taken, volumes=False)
        except errors.Error as error:
            tell(f"failed to prune container {row.id}: {error}")
            failed.append(row.id)
            continue
        deleted.append(row.id)
        space += size
    events.tell(paths, events.CONTAINER, "prune", "", {"reclaimed": space})
    return Pruned(tuple(deleted), space, tuple(failed))


def _chosen(row: ContainerRow, wanted: Mapping[str, list[str]], before: int | None) -> bool:
    if before is not None and row.created_ns >= before:
        return False
    labels = record.decode(row.config).labels
    if not filters.labels_match(labels, wanted.get("label", ())):
        return False
    return not ("label!" in wanted and filters.labels_match(labels, wanted["label!"]))
