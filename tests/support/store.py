"""A store filled without a registry: what a pull does, from bytes in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hezi.image.build import BuiltImage, FileSpec, build_image
from hezi.spec import image
from hezi.spec.digest import Digest
from hezi.spec.platform import Platform
from hezi.spec.reference import Reference
from hezi.store.images import ImageStore
from hezi.store.layers import LayerIngest, LayerSpec
from hezi.store.model import Image, NewImage

PLATFORM = Platform("linux", "amd64")


class Blob:
    """A blob as a registry's client gives it: an offset and chunks."""

    def __init__(self, data: bytes, offset: int = 0, chunk: int = 1 << 16) -> None:
        self.offset = offset
        self._data = data
        self._chunk = chunk

    def __iter__(self) -> Iterator[bytes]:
        for at in range(self.offset, len(self._data), self._chunk):
            yield self._data[at : at + self._chunk]


def build(*layers: bytes | Sequence[FileSpec], compression: str = "gzip", cmd: tuple[str, ...] = ("sh",)) -> BuiltImage:
    return build_image(layers, image.ContainerConfig(cmd=cmd), PLATFORM, compression=compression)


def layer_specs(built: BuiltImage) -> list[LayerSpec]:
    config = image.parse_config(built.config_raw)
    chain_ids = image.chain_ids(config.diff_ids)
    return [
        LayerSpec(built.blobs[position][0], config.diff_ids[position], chain_ids[position], chain_ids[:position])
        for position in range(len(chain_ids))
    ]


def pull(store: ImageStore, built: BuiltImage, name: str = "example.org/app:1") -> Image:
    """Do what a pull does once the manifest is known."""
    manifest = image.parse_manifest(built.manifest_raw, image.OCI_MANIFEST)
    assert isinstance(manifest, image.Manifest)
    config = image.parse_config(built.config_raw)
    specs = layer_specs(built)
    with store.lease(f"pull {name}") as lease:
        lease.protect([blob.digest for blob, _ in built.blobs], [spec.chain_id for spec in specs])
        for spec, (_, data) in zip(specs, built.blobs, strict=False):
            with LayerIngest(store.content, store.driver, spec) as ingest:
                ingest.fetch(lambda offset, data=data: Blob(data, offset))
                ingest.commit()
        digest = Digest.of(built.manifest_raw)
        reference = Reference.parse(name).with_default_tag()
        chain_ids = tuple(spec.chain_id for spec in specs)
        return store.put(NewImage(reference, manifest, digest, config, chain_ids, digest))
