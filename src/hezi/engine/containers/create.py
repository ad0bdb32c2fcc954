"""``create`` and ``rename``."""

from __future__ import annotations

from contextlib import ExitStack, suppress

from hezi import errors
from hezi.db import containers, networks
from hezi.engine import accounts, container_events, find_container, making, record, recover, rights, runspec, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.db.connection import Database
    from hezi.engine.callers import Callbacks
    from hezi.engine.paths import Paths
    from hezi.engine.prepare import Case
    from hezi.engine.request import RunRequest


def create(paths: Paths, request: RunRequest, callbacks: Callbacks) -> str:
    """See :meth:`hezi.engine.containers.api.Containers.create`; gives the id."""
    from hezi.store.images import ImageStore

    rights.check()
    making.check_early(request)
    paths.make()
    with ExitStack() as stack:
        store = stack.enter_context(ImageStore(paths.root))
        recover.sweep(paths, store.database)
        image, case = making.choose(paths, store, request, callbacks)
        _rehearse(case)
        container = making.make_record(paths, store, image, case)
        undo = making.Undo(container, request)
        try:
            undo.write_cidfile()
        except errors.Error:
            with suppress(errors.Error):
                container.remove()
            raise
        sources.make_volumes(paths, case)
        container.release()
    return container.id


def _rehearse(case: Case) -> None:
    """Find the mistakes that can be found without the image's files: no start would succeed."""
    place = runspec.Place(case.id, "", lambda name: name, lambda: "")
    account = accounts.Account(0, 0, (0,), "/")
    for ask in case.draft.mounts:
        if ask.type == "bind" and not ask.make_source:
            sources.check_there(ask.source)
    runspec.build(case.request, case.config.config, account, case.host, case.draft, place)


def rename(paths: Paths, database: Database, old: str, new: str) -> None:
    """See :meth:`hezi.engine.containers.api.Container.rename`."""
    if not old.strip() or not new.strip():
        raise errors.Error(errors.INVALID, "Neither old nor new names may be empty")
    new = new.removeprefix("/")
    with database.write() as connection:
        row = find_container.find(connection, old)
        if row.name == new:
            raise errors.Error(errors.INVALID, "renaming a container with the same name as its current name")
        record.check_name(new)
        record.refuse_taken(connection, new)
        containers.rename(connection, row.id, new)
        networks.rename(connection, row.id, new)
    container_events.tell(paths, row._replace(name=new), "rename", oldName=f"/{row.name}")
