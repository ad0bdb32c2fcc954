"""``load``: images from an archive into the store, each layer verified as a pull verifies it.

An archive's layers may be blobs with a digest (OCI image layout) or plain tars of docker's old form. What the store has
already is not read again; the others go through the same ingest as a download, and a manifest keeps its digest where
it had one.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from hezi.engine.moving import spool
from hezi.engine.moving.results import LoadedImage
from hezi.engine.pull import Report
from hezi.image import archive, compress, saved
from hezi.spec import image as documents
from hezi.spec.digest import Digest
from hezi.spec.image import Descriptor, Manifest
from hezi.spec.platform import Platform, host_platform
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hezi.engine.paths import Paths
    from hezi.engine.results import ProgressCallback
    from hezi.image.archive import Archive, Member
    from hezi.image.saved import SavedImage, SavedLayer
    from hezi.store.images import ImageStore
    from hezi.store.lease import Lease
    from hezi.store.model import Image

_TYPES = {
    compress.PLAIN: documents.OCI_LAYER,
    compress.GZIP: documents.OCI_LAYER_GZIP,
    compress.ZSTD: documents.OCI_LAYER_ZSTD,
}
AS_OCI = {
    documents.DOCKER_LAYER: documents.OCI_LAYER,
    documents.DOCKER_LAYER_GZIP: documents.OCI_LAYER_GZIP,
    documents.DOCKER_LAYER_ZSTD: documents.OCI_LAYER_ZSTD,
}


def load(
    paths: Paths, source: str | int, *, platform: str | None = None, progress: ProgressCallback | None = None
) -> tuple[LoadedImage, ...]:
    """See :meth:`hezi.engine.moving.api.Moving.load`."""
    from hezi.engine import events
    from hezi.store import paths as places
    from hezi.store.images import ImageStore

    host = host_platform(os.uname().machine)
    choice = saved.Choice(Platform.parse(platform, host) if platform else host, platform is not None)
    paths.make()
    with ExitStack() as stack:
        store = stack.enter_context(ImageStore(paths.root))
        os.close(places.open_directory(paths.root, "ingest"))
        fd = stack.enter_context(spool.opened(source, f"{paths.root}/ingest"))
        found = archive.Archive(fd)
        images = saved.read(found, choice)
        report = Report(progress)
        done = tuple(done for image in images for done in _Loading(store, found, image, report).run())
        for image_id in dict.fromkeys(one.image_id for one in done):
            events.tell(paths, events.IMAGE, "load", image_id, {"name": image_id})
        return done
    raise AssertionError  # no context manager above swallows exceptions


class _Stream:
    """A blob of the archive as the ingest of a layer wants it."""

    def __init__(self, source: Archive, member: Member, offset: int) -> None:
        self.offset = offset
        self._source = source
        self._member = member

    def __iter__(self) -> Iterator[bytes]:
        return self._source.chunks(self._member, self.offset)


class _Loading:
    """One image on its way in."""

    def __init__(
        self, store: ImageStore, source: Archive, image: SavedImage, report: Report, *, packed: bool = False
    ) -> None:
        self._packed = packed
        self._store = store
        self._source = source
        self._image = image
        self._report = report
        self._chain = documents.chain_ids(image.config.diff_ids)
        self._id = Digest.of(image.config_raw)

    def run(self) -> list[LoadedImage]:
        """Bring the image into the store, under all its names."""
        image = self._image
        with self._store.lease(f"load {self._id}") as lease:
            lease.protect([part.digest for part in image.others], self._chain)
            if image.manifest is not None:
                lease.protect([layer.digest for layer in image.manifest.layers], ())
            descriptors = tuple(self._layer(number, layer, lease) for number, layer in enumerate(image.layers))
            for part in image.others:
                self._copy(part)
            manifest = image.manifest or self._manifest(descriptors)
            done = [self._put(manifest, name) for name in image.names or (None,)]
        # Each has its name too: they stand beside the one that suits this machine (hezi.store.platforms). What nothing
        # may ever run from is not unpacked before something does (hezi.store.packed).
        for one in image.beside if image.names else ():
            _Loading(self._store, self._source, one, self._report, packed=True).run()
        return done

    def _layer(self, number: int, layer: SavedLayer, lease: Lease) -> Descriptor:
        """Have a layer in the store, and return its blob."""
        from hezi.store import newlayer

        descriptor = layer.descriptor or self._known(self._chain[number], lease)
        if self._packed and descriptor is not None:
            self._copy(descriptor)
            return descriptor
        if descriptor is None:
            kind = compress.detect(next(self._source.chunks(layer.member), b"")[:8])
            if kind == compress.PLAIN:
                made, _ = newlayer.make(
                    self._store.content,
                    self._store.driver,
                    self._source.chunks(layer.member),
                    self._chain[:number],
                    lease,
                    promised=layer.diff_id,
                    progress=self._progress(layer.diff_id, layer.member.size),
                )
                return made
            descriptor = self._described(layer.member, kind)
            lease.protect([descriptor.digest], ())
        self._ingest(number, layer, descriptor)
        return descriptor

    def _ingest(self, number: int, layer: SavedLayer, descriptor: Descriptor) -> None:
        from hezi.store.layers import LayerIngest, LayerSpec

        spec = LayerSpec(descriptor, layer.diff_id, self._chain[number], self._chain[:number])
        progress = self._progress(layer.diff_id, descriptor.size)
        with LayerIngest(self._store.content, self._store.driver, spec, progress=progress) as ingest:
            ingest.fetch(lambda offset: _Stream(self._source, layer.member, offset))
            ingest.commit()

    def _progress(self, diff_id: Digest, size: int) -> _Steps:
        return _Steps(self._report, diff_id.short, size)

    def _known(self, chain_id: Digest, lease: Lease) -> Descriptor | None:
        """The blob of a layer that the store has, tree and blob: then nothing is to be read."""
        query = (
            "SELECT b.media_type, b.digest, b.size FROM layers l JOIN image_blobs b ON b.digest=l.blob_digest"
            " WHERE l.chain_id=? LIMIT 1"
        )
        with self._store.database.read() as connection:
            row = connection.execute(query, (chain_id,)).fetchone()
        if row is None:
            return None
        found = Descriptor(AS_OCI.get(row[0], row[0]), Digest(row[1]), row[2])
        lease.protect([found.digest], ())
        # Only now nobody can take them away any more.
        present = self._store.driver.has(chain_id) and self._store.content.has(found.digest)
        return found if present else None

    def _described(self, member: Member, kind: str) -> Descriptor:
        """Compute the digest of a compressed layer that the archive does not describe."""
        hasher = Digest.of(b"").hasher()
        for chunk in self._source.chunks(member):
            hasher.update(chunk)
        return Descriptor(_TYPES[kind], Digest(f"sha256:{hasher.hexdigest()}"), member.size)

    def _copy(self, part: Descriptor) -> None:
        """Keep a blob as it is: a part of what is for other platforms."""
        member = self._source.get(f"blobs/{part.digest.algorithm}/{part.digest.hex}")
        with self._store.content.ingest(part.digest, part.size) as ingest:
            if not ingest.present:
                ingest.restart()
                for chunk in self._source.chunks(member):
                    ingest.write(chunk)
                ingest.commit()

    def _manifest(self, layers: tuple[Descriptor, ...]) -> Manifest:
        raw_config = self._image.config_raw
        config = Descriptor(documents.OCI_CONFIG, Digest.of(raw_config), len(raw_config))
        raw = documents.encode_manifest(config, layers)
        return Manifest(raw, documents.OCI_MANIFEST, config, layers)

    def _put(self, manifest: Manifest, name: Reference | None) -> LoadedImage:
        from hezi.store.model import NewImage

        image = self._image
        before = self._store.get(name) if name is not None else None
        new = NewImage(
            # Neither tag nor digest: the image is stored without a name.
            reference=name or Reference.parse("none"),
            manifest=manifest,
            manifest_digest=Digest.of(manifest.raw),
            config=image.config,
            chain_ids=self._chain,
            repository_digest=image.chosen_from[0] if image.chosen_from is not None else None,
            documents=(image.chosen_from,) if image.chosen_from is not None else (),
            others=tuple(part for part in image.others if part.digest != Digest.of(manifest.raw)),
            packed=self._packed,
        )
        done = self._store.put(new)
        return LoadedImage(name.familiar if name else "", str(done.id), self._replaced(before, done))

    @staticmethod
    def _replaced(before: Image | None, now: Image) -> str:
        return str(before.id) if before is not None and before.id != now.id else ""


class _Steps:
    """The steps of one layer, in docker's words."""

    def __init__(self, report: Report, short: str, size: int) -> None:
        self._report = report
        self._short = short
        self._size = size

    def __call__(self, phase: str, done: int) -> None:
        from hezi.store.layers import EXTRACTING

        if phase == EXTRACTING:
            self._report(self._short, "Loading layer", min(done, self._size), self._size)
