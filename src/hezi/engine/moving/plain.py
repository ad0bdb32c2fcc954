"""Layers as plain tars, for readers of archives that know no compression or not the one that was used.

A tar names the size of a file before the file, so each layer is decompressed twice: once to learn its size, once to
write it. What comes out has the DiffIDs as digests, and a manifest of its own.
"""

from __future__ import annotations

from hezi import errors
from hezi.engine.moving.stored import Stored
from hezi.image import compress
from hezi.spec import image as documents
from hezi.spec.digest import Digest
from hezi.spec.image import Descriptor, Manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hezi.store.images import ImageStore


def unpacked(store: ImageStore, found: Stored) -> Stored:
    """Return the image with its layers as plain tars; of an index only the image itself is left."""
    config = documents.parse_config(store.content.read(found.manifest.config.digest, documents.MAX_CONFIG))
    documents.check_image(found.manifest, config)
    packed = found.manifest.layers
    layers = tuple(_plain(store, layer, config.diff_ids[number]) for number, layer in enumerate(packed))
    described = found.manifest.config._replace(media_type=documents.OCI_CONFIG)
    raw = documents.encode_manifest(described, layers)
    manifest = Manifest(raw, documents.OCI_MANIFEST, described, layers)
    root = Descriptor(documents.OCI_MANIFEST, Digest.of(raw), len(raw), platform=config.platform)
    sources = tuple((layers[number].digest, layer.digest) for number, layer in enumerate(packed))
    return Stored(root, raw, manifest, (), (described, *layers), sources)


def for_docker(store: ImageStore, found: Stored) -> Stored:
    """Return the image with only those layers as plain tars that a docker before 23 could not read: zstd.

    Its manifest stays what it was; this is for docker's ``manifest.json``, which names layers by their files.
    """
    if found.packed or all(_is_common(store, layer) for layer in found.manifest.layers):
        return found
    config = documents.parse_config(store.content.read(found.manifest.config.digest, documents.MAX_CONFIG))
    documents.check_image(found.manifest, config)
    layers = []
    sources = []
    for number, layer in enumerate(found.manifest.layers):
        if not _is_common(store, layer):
            sources.append((config.diff_ids[number], layer.digest))
            layers.append(_plain(store, layer, config.diff_ids[number]))
        else:
            layers.append(layer)
    return found._replace(
        manifest=found.manifest._replace(layers=tuple(layers)), blobs=(*found.blobs, *layers), packed=tuple(sources)
    )


def _is_common(store: ImageStore, layer: Descriptor) -> bool:
    # What it is is told by its bytes, not by its type.
    head = next(iter(store.content.chunks(layer.digest)), b"")[:8]
    return compress.detect(head) != compress.ZSTD


def reader(store: ImageStore, found: Stored, part: Descriptor) -> Callable[[], Iterable[bytes]]:
    """Return what gives the bytes of a blob, or of a layer of :func:`unpacked`."""
    source = dict(found.packed).get(part.digest)
    if source is None:
        return lambda: store.content.chunks(part.digest)
    return lambda: compress.decompress(store.content.chunks(source))


def _plain(store: ImageStore, layer: Descriptor, diff_id: Digest) -> Descriptor:
    size = 0
    hasher = diff_id.hasher()
    for chunk in compress.decompress(store.content.chunks(layer.digest)):
        size += len(chunk)
        hasher.update(chunk)
    if f"{diff_id.algorithm}:{hasher.hexdigest()}" != diff_id:
        message = f"blob {layer.digest} in the store is damaged: it does not unpack to {diff_id}"
        raise errors.Error(errors.CORRUPT, message, hint="remove the image and pull it again")
    return Descriptor(documents.OCI_LAYER, diff_id, size)
