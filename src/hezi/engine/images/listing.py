"""``images``: one row for each name of each image. Two things count here: docker's rows, and 1,000 of them at once.

Rows are read from the tables as they are; neither references nor digests are parsed, they were when they came in.
"""

from __future__ import annotations

from hezi.db import images as tables
from hezi.engine.images import filters as rules
from hezi.engine.results import ImageSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from sqlite3 import Connection

    from hezi.engine.images.filters import Choice
    from hezi.engine.paths import Paths

NONE = "<none>"
_HUB, _OFFICIAL = "docker.io/", "docker.io/library/"


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
    """Return the rows of one image; at least one."""
    row = tables.get(connection, image_id)
    if row is None:
        return []
    found = _named(row, tables.names(connection, image_id), tables.digests(connection, image_id), rules.Choice())
    return found or [_row(row, NONE, NONE, "")]


def familiar(name: str) -> str:
    """Return a repository's full name as people write it (:attr:`hezi.spec.reference.Reference.familiar_name`)."""
    if name.startswith(_OFFICIAL):
        rest = name[len(_OFFICIAL) :]
        return rest if "/" not in rest else f"library/{rest}"
    return name.removeprefix(_HUB)


def rows(connection: Connection, choice: Choice, *, intermediate: bool) -> list[ImageSummary]:
    """Return the rows that pass, newest first."""
    names: dict[str, list[tables.NameRow]] = {}
    for row in tables.names(connection):
        names.setdefault(row.image_id, []).append(row)
    digests: dict[str, list[tables.DigestRow]] = {}
    for digest in tables.digests(connection):
        digests.setdefault(digest.image_id, []).append(digest)
    images = tables.list_all(connection)
    parents = {image.parent for image in images}
    found = []
    for image in images:
        if not choice.fits(image.created_ns, image.labels):
            continue
        if choice.dangling and image.id in parents:
            continue
        if not (image.id in names or image.id in digests):
            # One that others were made from, and that has no name, is of no interest by itself.
            hidden = image.id in parents and not intermediate
            if hidden or choice.dangling is False or choice.references:
                continue
            found.append(_row(image, NONE, NONE, ""))
        elif not (choice.dangling and names.get(image.id)):
            found += _named(image, names.get(image.id, ()), digests.get(image.id, ()), choice)
    return found


def _named(
    image: tables.ImageRow, names: Sequence[tables.NameRow], digests: Sequence[tables.DigestRow], choice: Choice
) -> list[ImageSummary]:
    made, tagged, shown = [], set(), set()
    for name in names:
        repository = familiar(name.name)
        if choice.names(repository, f"{repository}:{name.tag}"):
            tagged.add(name.name)
            shown.add((name.name, name.digest))
            made.append(_row(image, repository, name.tag, name.digest))
    for digest in digests:
        repository = familiar(digest.name)
        if (digest.name, digest.digest) in shown or not choice.names(repository, f"{repository}@{digest.digest}"):
            continue
        made.append(_row(image, repository, NONE, digest.digest, extra=digest.name in tagged))
        tagged.add(digest.name)
    return made


def _row(image: tables.ImageRow, repository: str, tag: str, digest: str, *, extra: bool = False) -> ImageSummary:
    return ImageSummary(
        repository, tag, digest, image.id, image.created_ns, image.size, image.last_used_ns, extra, image.labels
    )
