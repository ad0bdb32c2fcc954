"""Which image is meant: by name, ``NAME@DIGEST``, id, or the beginning of an id."""

from __future__ import annotations

from hezi import errors
from hezi.db import images
from hezi.spec.digest import Digest
from hezi.spec.reference import Reference
from hezi.store.model import Image, Tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

_HEX = frozenset("0123456789abcdef")


def resolve(connection: Connection, text: str) -> Image:
    """Return the image a user means; names go first.

    :raises hezi.errors.Error: NOT_FOUND; INVALID: no name can look like this, or several ids begin so.
    """
    try:
        reference = Reference.parse(text)
    except errors.Error:
        # 64 hex digits are an id and can be no name; so are ids with their algorithm.
        if not is_id(text):
            raise
        reference = None
    found = get(connection, reference) if reference is not None else None
    found = found or _by_prefix(connection, text)
    if found is None:
        shown = text if reference is None else reference.with_default_tag().familiar
        message = f"No such image: {shown}"
        raise errors.Error(errors.NOT_FOUND, message, hint="hezi images shows what is here, hezi pull gets more")
    return found


def is_id(text: str) -> bool:
    """Say whether a text can be the beginning of an image's id: hex digits, with or without ``sha256:``."""
    digits = text.removeprefix("sha256:")
    return bool(digits) and len(digits) <= 64 and _HEX.issuperset(digits)


def get(connection: Connection, reference: Reference) -> Image | None:
    """Return the image that a reference names exactly: by tag (``latest`` if it has none) or by digest."""
    wanted = reference.with_default_tag()
    if wanted.digest is not None:
        row: images.NameRow | images.DigestRow | None = images.digest(connection, wanted.name, wanted.digest)
    else:
        row = images.name(connection, str(wanted))
    found = by_id(connection, row.image_id) if row else None
    return found._replace(manifest_digest=Digest(row.manifest_digest)) if found and row else None


def by_id(connection: Connection, image_id: str) -> Image | None:
    """Return the image with exactly this id."""
    row = images.get(connection, image_id)
    if row is None:
        return None
    return image(row, images.names(connection, image_id), images.digests(connection, image_id))


def reference_in(image: Image, text: str) -> str | None:
    """Return the name of an image that a text spells; None when it is its id, or its digest."""
    try:
        wanted = Reference.parse(text).with_default_tag()
    except errors.Error:
        return None
    return str(wanted) if wanted.digest is None and str(wanted) in image.names else None


def _by_prefix(connection: Connection, text: str) -> Image | None:
    if not is_id(text):
        return None
    found = images.by_prefix(connection, text if text.startswith("sha256:") else f"sha256:{text}")
    if len(found) > 1:
        message = f"several images have an id that begins with {text}"
        raise errors.Error(errors.INVALID, message, hint="give more digits of the id")
    return by_id(connection, found[0]) if found else None


def image(row: images.ImageRow, names: Sequence[images.NameRow], digests: Sequence[images.DigestRow]) -> Image:
    """Put together what the tables have of an image."""
    return Image(
        Digest(row.id),
        Digest(row.manifest_digest),
        *row[2:],
        tuple(
            Tag(name.reference, Digest(name.manifest_digest), Digest(name.digest) if name.digest else None)
            for name in names
        ),
        tuple((digest.name, Digest(digest.digest)) for digest in digests),
    )
