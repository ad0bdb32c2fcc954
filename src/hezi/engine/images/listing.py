"""``images``: one row for each name of each image. Two things count here: docker's rows, and 1,000 of them at once.

Rows are read from the tables as they are; neither references nor digests are parsed, they were when they came in.
"""

from __future__ import annotations

from hezi.db import images as tables
from hezi.db import platforms
from hezi.engine.images import filters as rules
from hezi.engine.images.familiar import familiar
from hezi.engine.results import ImageSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from sqlite3 import Connection

    from hezi.engine.images.filters import Choice
    from hezi.engine.paths import Paths

    # id, created_ns, size, last_used_ns
    _Image = tuple[str, int, int, int]

NONE = "<none>"


def summaries(
    paths: Paths, name: str | None, *, intermediate: bool, filters: Iterable[str] = ()
) -> tuple[ImageSummary, ...]:
    """See :meth:`hezi.engine.engine.Images.list`."""
    from hezi.db.connection import Database

    paths.make()
    database = Database(paths.database)
    try:
        with database.read() as connection:
            choice = rules.read(filters, rules.LIST_KEYS, name, connection)
            return tuple(rows(connection, choice, intermediate=intermediate))
    finally:
        database.close()


def rows_of(connection: Connection, image_id: str) -> list[ImageSummary]:
    """Return the rows of one image; at least one when it is there."""
    found = tables.get(connection, image_id)
    if found is None:
        return []
    names = [(row.name, row.tag, row.digest) for row in tables.names(connection, image_id)]
    tagged = {(name, digest) for name, _, digest in names}
    digests = [(row.name, row.digest) for row in tables.digests(connection, image_id)]
    image = (found.id, found.created_ns, found.size, found.last_used_ns)
    more = [digest for digest in digests if digest not in tagged]
    return _named(image, names, more, rules.Choice()) or [_row(image, NONE, NONE, "")]


def rows(connection: Connection, choice: Choice, *, intermediate: bool) -> list[ImageSummary]:
    """Return the rows that pass, newest first."""
    names: dict[str, list[tuple[str, str, str]]] = {}
    for image_id, name, tag, digest in tables.listed_names(connection):
        names.setdefault(image_id, []).append((name, tag, digest))
    digests: dict[str, list[tuple[str, str]]] = {}
    # A tag speaks for its digest, unless only some names are asked for.
    for image_id, name, digest in tables.listed_digests(connection, all_of_them=bool(choice.references)):
        digests.setdefault(image_id, []).append((name, digest))
    images = tables.listed(connection)
    labels = tables.labels(connection) if choice.labels or choice.not_labels else {}
    parents = {image[3] for image in images}
    beside = platforms.images(connection)
    found: list[ImageSummary] = []
    for image_id, created, size, _, last_used in images:
        if not choice.fits(created, labels.get(image_id, "{}")) or (choice.dangling and image_id in parents):
            continue
        image = (image_id, created, size, last_used)
        if not (image_id in names or image_id in digests):
            # One that others were made from, and that has no name, is of no interest by itself; what stands beside a
            # name for another platform is seen with --tree.
            hidden = (image_id in parents and not intermediate) or image_id in beside
            if not (hidden or choice.dangling is False or choice.references):
                found.append(_row(image, NONE, NONE, ""))
        elif not (choice.dangling and image_id in names):
            found += _named(image, names.get(image_id, ()), digests.get(image_id, ()), choice)
    return found


def _named(
    image: _Image, names: Sequence[tuple[str, str, str]], digests: Sequence[tuple[str, str]], choice: Choice
) -> list[ImageSummary]:
    """One row for each name; and for each digest that none of these tags has.

    :param names: (name, tag, digest); ``digests``: (name, digest).
    """
    made, tagged, shown = [], set(), set()
    for name, tag, digest in names:
        repository = familiar(name)
        if choice.names(repository, f"{repository}:{tag}"):
            tagged.add(name)
            shown.add((name, digest))
            made.append(_row(image, repository, tag, digest))
    for name, digest in digests:
        repository = familiar(name)
        if (name, digest) not in shown and choice.names(repository, f"{repository}@{digest}"):
            made.append(_row(image, repository, NONE, digest, extra=name in tagged))
            tagged.add(name)
    return made


def _row(image: _Image, repository: str, tag: str, digest: str, *, extra: bool = False) -> ImageSummary:
    image_id, created, size, last_used = image
    return ImageSummary(repository, tag, digest, image_id, created, size, last_used, extra)
