"""The manifests of an image: one for each way in which its layers are packed, and those that no name has any more."""

from __future__ import annotations

from hezi import errors
from hezi.db import images, platforms
from hezi.spec.digest import Digest
from hezi.spec.image import INDEX_TYPES, MANIFEST_TYPES, MAX_MANIFEST, Index, Manifest, parse_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from sqlite3 import Connection

    from hezi.store.content import ContentStore


def read(connection: Connection, content: ContentStore, image_id: str, digest: Digest) -> Manifest:
    """Return a manifest that an image came with.

    :raises errors.Error: NOT_FOUND: it has no such manifest; CORRUPT: it is damaged, or an index.
    """
    row = next((row for row in images.blobs(connection, image_id) if row.digest == digest), None)
    if row is None:
        raise errors.Error(errors.NOT_FOUND, f"image {Digest(image_id).short} has no manifest {digest}")
    found = parse_manifest(content.read(digest, row.size), row.media_type)
    if not isinstance(found, Manifest):
        raise errors.Error(errors.CORRUPT, f"image {image_id} has an index where its manifest should be")
    return found


def drop_unnamed(connection: Connection, content: ContentStore, image_id: str) -> list[str]:
    """Let an image that stays forget the manifests that no name of it has any more, with all that only they need.

    :return: blobs that nothing needs now.
    """
    row = images.get(connection, image_id)
    rows = images.blobs(connection, image_id)
    if row is None or sum(blob.media_type in MANIFEST_TYPES for blob in rows) < 2:
        return []
    named: list[images.NameRow | images.DigestRow] = [*images.names(connection, image_id)]
    named += images.digests(connection, image_id)
    for beside in platforms.of_image(connection, image_id):
        name = images.name(connection, beside.reference)
        named += [name._replace(manifest_digest=beside.manifest_digest)] if name is not None else []
    live = {one.manifest_digest for one in named} or {row.manifest_digest}
    if row.manifest_digest not in live:
        images.set_manifest(connection, image_id, min(live))
    try:
        needed = _needed(connection, content, image_id, live) | {one.digest for one in named}
        needed |= _listed(content, {blob.digest: blob for blob in rows}, needed)
    except errors.Error:
        return []  # a damaged manifest: better too much than too little
    dropped = [blob.digest for blob in rows if blob.digest not in needed]
    images.delete_blobs(connection, image_id, dropped)
    return images.unused_blobs(connection, dropped)


def _needed(connection: Connection, content: ContentStore, image_id: str, live: Iterable[str]) -> set[str]:
    needed = {image_id}
    for value in live:
        manifest = read(connection, content, image_id, Digest(value))
        needed |= {value, manifest.config.digest, *(layer.digest for layer in manifest.layers)}
    return needed


def _listed(content: ContentStore, rows: dict[str, images.BlobRow], needed: Iterable[str]) -> set[str]:
    """Return what indexes among ``needed`` list and the image has: what `load` kept for other platforms."""
    found: set[str] = set()
    waiting = [value for value in needed if value in rows and rows[value].media_type in INDEX_TYPES]
    while waiting:
        row = rows[waiting.pop()]
        document = parse_manifest(content.read(Digest(row.digest), MAX_MANIFEST), row.media_type)
        index = isinstance(document, Index)
        parts = document.manifests if isinstance(document, Index) else (document.config, *document.layers)
        new = {part.digest for part in parts if part.digest in rows} - found
        found |= new
        waiting += [value for value in new if index and rows[value].media_type in INDEX_TYPES | MANIFEST_TYPES]
    return found
