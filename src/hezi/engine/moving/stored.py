"""What the store has of an image that is to leave it: its manifest, the index it belongs to, and their parts."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.db import images as rows
from hezi.spec import image as documents
from hezi.spec.digest import Digest
from hezi.spec.image import Descriptor, Index, Manifest
from hezi.spec.platform import Platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.store.images import ImageStore
    from hezi.store.model import Image


class Stored(NamedTuple):
    """A document with all its parts in the store.

    :param root: an index when everything that it lists is here, else the manifest.
    :param manifest: of the image itself.
    :param documents: manifests and nested indexes below ``root``, children first; without ``root``.
    :param blobs: configs and layers.
    :param packed: for a layer that is not in the store as it is: its digest, and that of the blob it is to be had from.
    """

    root: Descriptor
    raw: bytes
    manifest: Manifest
    documents: tuple[Descriptor, ...]
    blobs: tuple[Descriptor, ...]
    packed: tuple[tuple[Digest, Digest], ...] = ()


def find(store: ImageStore, image: Image, platform: Platform | None = None) -> Stored:
    """Return what is to be sent or saved for an image, by the name that it was found by.

    :param platform: only the image for this one, not an index.
    :raises errors.Error: NOT_FOUND: nothing for the platform, or a part is missing; CORRUPT: a document is damaged.
    """
    with store.database.read() as connection:
        blobs = {row.digest: row for row in rows.blobs(connection, image.id)}
    index = _index(store, image, blobs)
    if platform is not None:
        return _for_platform(store, image, blobs, index, platform)
    descriptor = _described(blobs, image.manifest_digest)
    own = Platform(image.os, image.architecture, image.variant or None)
    manifest = _manifest(store, descriptor)
    if index is not None:
        return index._replace(manifest=manifest)
    return _checked(store, _single(descriptor._replace(platform=own), manifest))


def _single(descriptor: Descriptor, manifest: Manifest) -> Stored:
    return Stored(descriptor, manifest.raw, manifest, (), (manifest.config, *manifest.layers))


def _for_platform(
    store: ImageStore, image: Image, blobs: dict[str, rows.BlobRow], index: Stored | None, platform: Platform
) -> Stored:
    own = Platform(image.os, image.architecture, image.variant or None)
    if platform.matches(own):
        descriptor = _described(blobs, image.manifest_digest)
        return _checked(store, _single(descriptor._replace(platform=own), _manifest(store, descriptor)))
    from hezi.spec.platform import choose

    known = tuple(one for one in index.documents if one.platform is not None) if index is not None else ()
    chosen = choose(known, platform)
    if chosen is None:
        message = f"no suitable match for platform {platform}: the image here is for {own}"
        raise errors.Error(errors.NOT_FOUND, message)
    return _checked(store, _single(chosen, _manifest(store, chosen)))


def _index(store: ImageStore, image: Image, blobs: dict[str, rows.BlobRow]) -> Stored | None:
    """Find an index that lists the image's manifest and whose parts are all here; the index of a pull's are not."""
    for row in blobs.values():
        if row.media_type in documents.INDEX_TYPES and store.content.has(Digest(row.digest)):
            descriptor = Descriptor(row.media_type, Digest(row.digest), row.size)
            found = _document(store, descriptor)
            below: dict[Digest, Descriptor] = {}
            parts: dict[Digest, Descriptor] = {}
            if isinstance(found, Index) and _collect(store, found, below, parts) and image.manifest_digest in below:
                # Only the manifest's type is wanted of it here; the caller puts the image's own in.
                manifest = _manifest(store, _described(blobs, image.manifest_digest))
                return Stored(descriptor, found.raw, manifest, tuple(below.values()), tuple(parts.values()))
    return None


def _collect(
    store: ImageStore, index: Index, below: dict[Digest, Descriptor], parts: dict[Digest, Descriptor], depth: int = 0
) -> bool:
    """Gather what an index lists, children before parents; False when something is not here."""
    for entry in index.manifests:
        if depth > 4 or not store.content.has(entry.digest):
            return False
        document = _document(store, entry)
        if isinstance(document, Index):
            if not _collect(store, document, below, parts, depth + 1):
                return False
        else:
            here = (document.config, *document.layers)
            if not all(store.content.has(part.digest) for part in here):
                return False
            parts.update((part.digest, part) for part in here)
        below[entry.digest] = entry._replace(media_type=document.media_type)
    return True


def _checked(store: ImageStore, found: Stored) -> Stored:
    missing = [part.digest for part in found.blobs if not store.content.has(part.digest)]
    if missing:
        message = f"the store has the image's files, but no longer the blob {missing[0]} that they came in"
        raise errors.Error(errors.NOT_FOUND, message, hint="pull or load the image again")
    return found


def _described(blobs: dict[str, rows.BlobRow], digest: Digest) -> Descriptor:
    row = blobs.get(digest)
    if row is None:
        message = f"the image's manifest {digest} is not in the store"
        raise errors.Error(errors.NOT_FOUND, message, hint="pull or load the image again")
    return Descriptor(row.media_type, digest, row.size)


def _manifest(store: ImageStore, descriptor: Descriptor) -> Manifest:
    found = _document(store, descriptor)
    if not isinstance(found, Manifest):
        raise errors.Error(errors.CORRUPT, f"{descriptor.digest} is an index where a manifest should be")
    return found


def _document(store: ImageStore, descriptor: Descriptor) -> Manifest | Index:
    raw = store.content.read(descriptor.digest, documents.MAX_MANIFEST)
    return documents.parse_manifest(raw, descriptor.media_type)
