"""One name, images for several platforms: which of them the name means by itself, and which stand beside it.

A registry has an index under a name, with a manifest for each platform. What was pulled or loaded of one index stands
together: the name means the image that suits this machine best, and the others are found by ``--platform``. When the
name comes to mean another index, those of the old one are images without a name, as the old one itself is.
"""

from __future__ import annotations

import os

from hezi._util.record import NamedTuple
from hezi.db import images, platforms
from hezi.db.images import DigestRow
from hezi.db.platforms import PlatformRow
from hezi.spec.digest import Digest
from hezi.spec.platform import Platform, choose, host_platform
from hezi.store import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from sqlite3 import Connection

    from hezi.db.images import ImageRow, NameRow
    from hezi.store.model import Image


class _Candidate(NamedTuple):
    """One image of several."""

    image_id: str
    manifest_digest: str
    platform: Platform


def of(row: ImageRow | Image) -> Platform:
    """Return what an image is for."""
    return Platform(row.os, row.architecture, row.variant or None)


def name(connection: Connection, row: NameRow, *, index: bool) -> None:
    """Let a name mean an image that has just come; what it meant of the same index goes or stays beside it.

    :param index: the registry's digest in ``row`` is that of an index.
    """
    before = images.name(connection, row.reference)
    if before is None or not index or before.digest != row.digest:
        platforms.clear(connection, row.reference)
        images.set_name(connection, row)
    elif before.image_id == row.image_id or _first(connection, row, before) == row.image_id:
        platforms.delete(connection, row.reference, row.image_id)
        images.set_name(connection, row)
        if before.image_id != row.image_id:
            platforms.add(connection, PlatformRow(row.reference, before.image_id, before.manifest_digest))
    else:
        platforms.add(connection, PlatformRow(row.reference, row.image_id, row.manifest_digest))


def _first(connection: Connection, new: NameRow, old: NameRow) -> str:
    """Which of two suits this machine best; the one that came last when neither does."""
    best = best_of(connection, [(new.image_id, new.manifest_digest), (old.image_id, old.manifest_digest)], _host())
    return best.image_id if best is not None else new.image_id


def _host() -> Platform:
    return host_platform(os.uname().machine)


def promote(connection: Connection, row: NameRow, others: Iterable[tuple[str, str]]) -> None:
    """Let a name mean another of its images, which has stood beside it: the one that suits this machine best.

    :param others: ids and manifests; one at least.
    """
    known = list(others)
    best = best_of(connection, known, _host())
    image_id, manifest = (best.image_id, best.manifest_digest) if best is not None else known[0]
    platforms.delete(connection, row.reference, image_id)
    images.set_name(connection, row._replace(image_id=image_id, manifest_digest=manifest))
    if row.digest:
        images.add_digest(connection, DigestRow(row.name, row.digest, image_id, manifest))


def best_of(connection: Connection, found: Iterable[tuple[str, str]], wanted: Platform) -> _Candidate | None:
    """Return which of some images, (id, manifest) pairs, suits a platform best; None when none does."""
    rows = [(images.get(connection, image_id), manifest) for image_id, manifest in found]
    return choose(tuple(_Candidate(row.id, manifest, of(row)) for row, manifest in rows if row is not None), wanted)


def beside(connection: Connection, image: Image, text: str | None = None) -> list[PlatformRow]:
    """Return what stands beside an image.

    :param text: the name by which it was found; otherwise all its names count.
    """
    named = find.reference_in(image, text) if text else None
    found: dict[str, PlatformRow] = {}
    for reference in (named,) if named else image.names:
        for row in platforms.of_name(connection, reference):
            found.setdefault(row.image_id, row)
    return list(found.values())


def find_for(connection: Connection, image: Image, wanted: Platform, text: str | None = None) -> Image | None:
    """Return the image for a platform: the one that a name means by itself, or one beside it; None when there is none.

    :param text: the name by which ``image`` was found.
    """
    own = (str(image.id), str(image.manifest_digest))
    others = beside(connection, image, text)
    best = best_of(connection, [own, *((row.image_id, row.manifest_digest) for row in others)], wanted)
    if best is None:
        return None
    if best.image_id == image.id:
        return image
    found = find.by_id(connection, best.image_id)
    if found is None:
        return None
    # It answers to the names that it stands beside.
    references = {row.reference for row in platforms.of_image(connection, best.image_id)}
    tags = tuple(
        tag._replace(manifest_digest=Digest(best.manifest_digest)) for tag in image.tags if tag.reference in references
    )
    digest = Digest(best.manifest_digest)
    return found._replace(manifest_digest=digest, tags=(*found.tags, *tags), digests=found.digests or image.digests)
