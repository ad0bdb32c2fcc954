"""``image prune``: images that nobody needs, all in one transaction.

Docker's rules: without ``all`` those that have no tag and that no other image was made from; with it all that no
container has. Ours beside them: not used for some time, all but the last few of each repository, the least recently
used until all fit into a size; these look at all images.
"""

from __future__ import annotations

from hezi import errors
from hezi._util import clock
from hezi._util.record import NamedTuple
from hezi.db import images as tables
from hezi.db import platforms
from hezi.engine.images import filters as rules
from hezi.engine.images.opening import opened
from hezi.engine.images.remove import as_result, tell
from hezi.engine.results import PrunedImages
from hezi.store import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

    from hezi.db.images import ImageRow
    from hezi.engine.images.filters import Choice
    from hezi.engine.paths import Paths
    from hezi.engine.results import RemovedImages
    from hezi.store.removal import Plan

# A pull that was broken off may go on where it was.
_DAY_S = 86400.0


class PruneRequest(NamedTuple):
    """Which images are to go.

    :ivar all: those with names too.
    :ivar filters: docker's ``KEY=VALUE`` texts.
    :ivar unused_for_ns: only those that were not used for so long.
    :ivar keep_last: keep that many of each repository, those made last.
    :ivar max_size: remove the least recently used until what images take is not more bytes than that.
    :ivar dry_run: find out, and change nothing.
    """

    all: bool = False
    filters: tuple[str, ...] = ()
    unused_for_ns: int | None = None
    keep_last: int | None = None
    max_size: int | None = None
    dry_run: bool = False

    @property
    def chooses(self) -> bool:
        """Whether images with names are looked at because of one of our own rules."""
        return not (self.unused_for_ns is None and self.keep_last is None and self.max_size is None)


def prune(paths: Paths, request: PruneRequest, *, leftovers_s: float = _DAY_S) -> PrunedImages:
    """See :meth:`hezi.engine.engine.Images.prune`.

    :param leftovers_s: what broken-off pulls have left goes too when it is older than so many seconds.
    """
    from hezi.engine import events, recover
    from hezi.store import gc, removal

    for value in (request.unused_for_ns, request.keep_last, request.max_size):
        if value is not None and value < 0:
            raise errors.Error(errors.INVALID, "an age, a number or a size to keep cannot be negative")
    done: list[RemovedImages] = []
    with opened(paths) as store:
        recover.sweep(paths, store.database)
        removal.transact(store, lambda plan: _work(plan, request, done), dry_run=request.dry_run)
        left = 0 if request.dry_run else gc.collect(store, leftovers_s).freed
    freed = sum(one.freed for one in done) + left
    if not request.dry_run:
        for one in done:
            tell(paths, one)
        events.tell(paths, events.IMAGE, "prune", "", {"reclaimed": freed})
    return PrunedImages(tuple(done), freed)


def _work(plan: Plan, request: PruneRequest, done: list[RemovedImages]) -> None:
    connection = plan.connection
    choice = rules.read(request.filters, rules.PRUNE_KEYS, None, connection)
    rows = _candidates(connection, request, choice)
    space = tables.space(connection)
    if request.max_size is not None:
        rows.sort(key=lambda row: row.last_used_ns)
    for row in rows:
        if request.max_size is not None and space <= request.max_size:
            break
        image = find.by_id(connection, row.id)
        if image is None:
            continue  # it went with one that was made from it
        removed = plan.remove_unused(image)
        if removed is not None:
            space -= removed.freed
            done.append(as_result(removed))


def _candidates(connection: Connection, request: PruneRequest, choice: Choice) -> list[ImageRow]:
    """What may go, newest first: images come before those that they were made from."""
    rows = tables.list_all(connection)
    parents = {row.parent for row in rows}
    names = tables.names(connection)
    tagged = {name.image_id for name in names}
    named = tagged | {row.image_id for row in tables.digests(connection)}
    # What stands beside a name for another platform goes with the name.
    beside = platforms.images(connection) - named
    everything = request.all or request.chooses or choice.dangling is False
    kept = _last_of_each(rows, names, request.keep_last or 0)
    before = clock.now_ns() - request.unused_for_ns if request.unused_for_ns is not None else None
    return [
        row
        for row in rows
        # What others were made from goes with the last of them.
        if (row.id in named or row.id not in parents)
        and row.id not in beside
        and (everything or (row.id not in tagged and row.id not in parents))
        and choice.fits(row.created_ns, row.labels)
        and row.id not in kept
        and (before is None or row.last_used_ns < before)
    ]


def _last_of_each(rows: Sequence[ImageRow], names: Sequence[tables.NameRow], count: int) -> set[str]:
    """The images that the last ``count`` tags of each repository mean, by when they were made, then by when tagged."""
    created = {row.id: row.created_ns for row in rows}
    by_repository: dict[str, list[tables.NameRow]] = {}
    for name in names:
        by_repository.setdefault(name.name, []).append(name)
    kept: set[str] = set()
    for group in by_repository.values():
        group.sort(key=lambda name: (created[name.image_id], name.updated_ns), reverse=True)
        # Several tags of one image are one of the last, not several.
        kept.update(list(dict.fromkeys(name.image_id for name in group))[:count])
    return kept
