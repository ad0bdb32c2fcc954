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

    :param root: an index when all that it lists is here, or images for several platforms are; else the manifest.
    :param manifest: of the image itself.
    :param documents: manifests and nested indexes below ``root``, children first; without ``root``.
    :param blobs: configs and layers.
    :param packed: for a layer that is not in the store as it is: its digest, and that of the blob it is to be had from.
    :param missing: manifests of the index that are not here, or not whole.
    """

    root: Descriptor
    raw: bytes
    manifest: Manifest
    documents: tuple[Descriptor, ...]
    blobs: tuple[Descriptor, ...]
    packed: tuple[tuple[Digest, Digest], ...] = ()
    missing: tuple[Digest, ...] = ()


def find(store: ImageStore, image: Image, platform: Platform | None = None, name: str | None = None) -> Stored:
    """Return what is to be sent or saved for an image.

    :param platform: only the image for this one, not an index.
    :param name: the name that it was found by; it says which index is meant.
    :raises errors.Error: NOT_FOUND: nothing for the platform, or a part is missing; CORRUPT: a document is damaged.
    """
    if platform is not None:
        chosen = store.for_platform(image, platform, name)
        if chosen is not None and chosen.id != image.id:
            return _single_of(store, chosen, _blobs(store, chosen))
    blobs = _blobs(store, image)
    index = _index(store, image, blobs, name)
    if platform is not None:
        return _for_platform(store, image, blobs, index, platform)
    # An image that stands beside others and was asked for by its id is meant alone.
    if index is not None and (image.tags or image.digests):
        several = sum(one.media_type in documents.MANIFEST_TYPES and _is_image(one) for one in index.documents) > 1
        if several or not index.missing:
            return index._replace(manifest=_manifest(store, _described(blobs, image.manifest_digest)))
    return _single_of(store, image, blobs)


def without_missing(found: Stored) -> Stored:
    """Return an index of what is here only: a registry takes none whose manifests it has not got."""
    index = documents.parse_manifest(found.raw, found.root.media_type)
    if not isinstance(index, Index) or not found.missing:
        return found
    here = tuple(entry for entry in index.manifests if entry.digest not in found.missing)
    raw = documents.encode_index(here, media_type=index.media_type, annotations=index.annotations)
    return found._replace(root=Descriptor(index.media_type, Digest.of(raw), len(raw)), raw=raw, missing=())


def _is_image(entry: Descriptor) -> bool:
    """Whether an entry of an index is an image: what builders attest of one is for the platform unknown/unknown."""
    return entry.platform is None or entry.platform.os != "unknown"


def _blobs(store: ImageStore, image: Image) -> dict[str, rows.BlobRow]:
    with store.database.read() as connection:
        return {row.digest: row for row in rows.blobs(connection, image.id)}


def _single_of(store: ImageStore, image: Image, blobs: dict[str, rows.BlobRow]) -> Stored:
    descriptor = _described(blobs, image.manifest_digest)
    own = Platform(image.os, image.architecture, image.variant or None)
    return _checked(store, _single(descriptor._replace(platform=own), _manifest(store, descriptor)))


def _single(descriptor: Descriptor, manifest: Manifest) -> Stored:
    return Stored(descriptor, manifest.raw, manifest, (), (manifest.config, *manifest.layers))


def _for_platform(
    store: ImageStore, image: Image, blobs: dict[str, rows.BlobRow], index: Stored | None, platform: Platform
) -> Stored:
    own = Platform(image.os, image.architecture, image.variant or None)
    if platform.matches(own):
        return _single_of(store, image, blobs)
    from hezi.spec.platform import choose

    known = tuple(one for one in index.documents if one.platform is not None) if index is not None else ()
    chosen = choose(known, platform)
    if chosen is None:
        message = f"no suitable match for platform {platform}: the image here is for {own}"
        raise errors.Error(errors.NOT_FOUND, message)
    return _checked(store, _single(chosen, _manifest(store, chosen)))


def _index(store: ImageStore, image: Image, blobs: dict[str, rows.BlobRow], name: str | None) -> Stored | None:
    """Find the index that lists the image's manifest, with what is here of all that it lists.

    An image may have come with several, each for a name of its own.
    """
    wanted = {tag.digest for tag in image.tags if name is None or tag.reference == name}
    for row in sorted(blobs.values(), key=lambda row: row.digest not in wanted):
        if row.media_type in documents.INDEX_TYPES and store.content.has(Digest(row.digest)):
            descriptor = Descriptor(row.media_type, Digest(row.digest), row.size)
            found = _document(store, descriptor)
            parts = _Parts()
            if isinstance(found, Index):
                _collect(store, found, parts)
            if isinstance(found, Index) and image.manifest_digest in parts.documents:
                # Only the manifest's type is wanted of it here; the caller puts the image's own in.
                manifest = _manifest(store, _described(blobs, image.manifest_digest))
                below, here = tuple(parts.documents.values()), tuple(parts.blobs.values())
                return Stored(descriptor, found.raw, manifest, below, here, missing=tuple(parts.missing))
    return None


class _Parts:
    """What an index lists: documents and their blobs that are here, and manifests that are not, or not whole."""

    def __init__(self) -> None:
        self.documents: dict[Digest, Descriptor] = {}
        self.blobs: dict[Digest, Descriptor] = {}
        self.missing: list[Digest] = []


def _collect(store: ImageStore, index: Index, parts: _Parts, depth: int = 0) -> None:
    """Gather what an index lists, children before parents."""
    for entry in index.manifests:
        if depth > 4 or not store.content.has(entry.digest):
            parts.missing.append(entry.digest)
            continue
        document = _document(store, entry)
        if isinstance(document, Index):
            before = len(parts.missing)
            _collect(store, document, parts, depth + 1)
            if len(parts.missing) > before:
                # A registry takes it as little as what it lists.
                parts.missing.append(entry.digest)
                continue
        else:
            blobs = (document.config, *document.layers)
            if not all(store.content.has(part.digest) for part in blobs):
                parts.missing.append(entry.digest)
                continue
            parts.blobs.update((part.digest, part) for part in blobs)
        parts.documents[entry.digest] = entry._replace(media_type=document.media_type)


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
