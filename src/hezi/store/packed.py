"""Images for other machines that were loaded beside one for this machine: blobs, unpacked when they are wanted."""

from __future__ import annotations

from hezi import errors
from hezi.db import images, layers
from hezi.spec.digest import Digest
from hezi.spec.image import chain_ids, parse_config
from hezi.store import manifests, paths
from hezi.store.layers import LayerIngest, LayerSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from hezi.store.model import Store


def unpack(store: Store, image_id: Digest) -> None:
    """Unpack the layers of an image that are not, from the blobs in the store.

    :raises hezi.errors.Error: NOT_FOUND: it was removed meanwhile; CORRUPT: a layer is not what the config promises;
        NO_SPACE.
    """
    with store.lease(f"unpack {image_id}") as lease:
        with store.database.read() as connection:
            row, raw = images.get(connection, image_id), images.config(connection, image_id)
            if row is None or raw is None:
                raise errors.Error(errors.NOT_FOUND, f"No such image: {image_id}")
            manifest = manifests.read(connection, store.content, image_id, Digest(row.manifest_digest))
        diff_ids = parse_config(raw).diff_ids
        chain = chain_ids(diff_ids)
        lease.protect([layer.digest for layer in manifest.layers], chain)
        for number, layer in enumerate(manifest.layers):
            spec = LayerSpec(layer, diff_ids[number], chain[number], chain[:number])
            with LayerIngest(store.content, store.driver, spec) as ingest:
                ingest.fetch(_gone)
                ingest.commit()
        with paths.store_lock(store.root, shared=True), store.database.durable() as connection:
            for value in chain:
                known = layers.get(connection, value)
                if known is not None and not known.driver:
                    size = store.driver.usage(value)
                    layers.insert(connection, known._replace(size=size, driver=store.driver.name))
            images.resize(connection, chain)


def _gone(_offset: int) -> NoReturn:
    text = "a blob of the image is not in the store"
    raise errors.Error(errors.NOT_FOUND, text, hint="load or pull the image again")
