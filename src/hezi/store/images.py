"""Images and their names: what the rest of hezi knows of the store.

An image is its config (the id is the config's digest); it may have several names, or none: then it is dangling. Reading
costs one query; what a pull needs (content, layers) is opened when it is asked for.
"""

from __future__ import annotations

from hezi import errors
from hezi._util import clock
from hezi._util.lock import FileLock
from hezi.db import images, layers
from hezi.db.connection import Database
from hezi.spec.digest import Digest
from hezi.spec.image import Descriptor, parse_config
from hezi.spec.jsondoc import dumps
from hezi.spec.platform import Platform
from hezi.store import find, paths
from hezi.store.snapshot.drivers import DEFAULT, open_driver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection

    from hezi.spec.image import ImageConfig, Manifest
    from hezi.spec.reference import Reference
    from hezi.store.content import ContentStore
    from hezi.store.lease import Lease
    from hezi.store.model import Image, NewImage, Removed
    from hezi.store.snapshot.base import SnapshotDriver


class ImageStore:
    """The images below ``root``; made when missing.

    :raises hezi.errors.Error: as :class:`hezi.db.connection.Database`.
    """

    __slots__ = ("_content", "_driver", "_driver_name", "database", "root")

    def __init__(self, root: str, driver: str = DEFAULT) -> None:
        self.root = root
        self.database = Database(f"{root}/hezi.db")
        self._driver_name = driver
        self._driver: SnapshotDriver | None = None
        self._content: ContentStore | None = None

    def close(self) -> None:
        """Close the database and all descriptors."""
        self.database.close()
        if self._content is not None:
            self._content.close()
            self._content = None
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def __enter__(self) -> ImageStore:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def content(self) -> ContentStore:
        """The blobs."""
        if self._content is None:
            from hezi.store.content import ContentStore

            self._content = ContentStore(self.root)
        return self._content

    @property
    def driver(self) -> SnapshotDriver:
        """Where the layers are."""
        if self._driver is None:
            self._driver = open_driver(self._driver_name, self.root)
        return self._driver

    def lease(self, purpose: str) -> Lease:
        """Begin work that must not lose blobs or layers meanwhile; a context manager.

        What killed processes left half-done is removed first: it may be the space that is missing.
        """
        from hezi.store import abandoned
        from hezi.store.lease import Lease

        self.driver.sweep()
        abandoned.collect(self)
        return Lease(self.root, self.database, purpose)

    def get(self, reference: Reference) -> Image | None:
        """Return the image that a reference names exactly: by tag (``latest`` if it has none) or by digest."""
        with self.database.read() as connection:
            return find.get(connection, reference)

    def by_id(self, image_id: Digest) -> Image | None:
        """Return the image with exactly this id."""
        with self.database.read() as connection:
            return find.by_id(connection, image_id)

    def resolve(self, text: str) -> Image:
        """Return the image a user means: a name, ``NAME@DIGEST``, an id or the beginning of one; names go first.

        :raises hezi.errors.Error: NOT_FOUND; INVALID: no name can look like this, or several ids begin so.
        """
        with self.database.read() as connection:
            return self.resolve_in(connection, text)

    def resolve_in(self, connection: Connection, text: str) -> Image:
        """As :meth:`resolve`, inside a transaction."""
        return find.resolve(connection, text)

    def for_platform(self, image: Image, platform: Platform, text: str | None = None) -> Image | None:
        """Return the image for a platform of those that a name has; see :mod:`hezi.store.platforms`."""
        from hezi.store import platforms

        with self.database.read() as connection:
            return platforms.find_for(connection, image, platform, text)

    def list(self) -> tuple[Image, ...]:
        """Return all images, newest first."""
        with self.database.read() as connection:
            names: dict[str, list[images.NameRow]] = {}
            for name in images.names(connection):
                names.setdefault(name.image_id, []).append(name)
            digests: dict[str, list[images.DigestRow]] = {}
            for digest in images.digests(connection):
                digests.setdefault(digest.image_id, []).append(digest)
            rows = images.list_all(connection)
        return tuple(find.image(row, names.get(row.id, ()), digests.get(row.id, ())) for row in rows)

    def config(self, image_id: Digest) -> ImageConfig:
        """Return the config of an image.

        :raises hezi.errors.Error: NOT_FOUND; CORRUPT: it is damaged.
        """
        with self.database.read() as connection:
            raw = images.config(connection, image_id)
        if raw is None:
            message = f"No such image: {image_id}"
            raise errors.Error(errors.NOT_FOUND, message)
        return parse_config(raw)

    def manifest(self, image: Image) -> Manifest:
        """Return the manifest of the name by which an image was found.

        :raises hezi.errors.Error: NOT_FOUND: it was removed meanwhile; CORRUPT: it is damaged.
        """
        from hezi.store import manifests

        with self.database.read() as connection:
            return manifests.read(connection, self.content, image.id, image.manifest_digest)

    def chain_ids(self, image_id: Digest) -> tuple[Digest, ...]:
        """Return the layers of an image, lowest first."""
        with self.database.read() as connection:
            return tuple(Digest(value) for value in images.chain_ids(connection, image_id))

    def unpacked(self, image_id: Digest) -> tuple[Digest, ...]:
        """Return the layers of an image, lowest first, all of them unpacked by now.

        :raises hezi.errors.Error: some were not, and unpacking them failed.
        """
        with self.database.read() as connection:
            packed = layers.packed(connection, image_id)
        if packed:
            from hezi.store import packed as later

            later.unpack(self, image_id)
        return self.chain_ids(image_id)

    def touch(self, image_id: Digest) -> None:
        """Record that the image was used now."""
        with self.database.write() as connection:
            images.touch(connection, image_id, clock.now_ns())

    def put(self, new: NewImage) -> Image:
        """Make an image visible under its name; all its layers are committed.

        An image that had the name before keeps everything else, and is dangling when that was its only name.

        :raises hezi.errors.Error: NOT_FOUND: a layer or blob is missing; NO_SPACE.
        """
        image_id = new.manifest.config.digest
        with paths.store_lock(self.root, shared=True):
            # Under the lock: whoever removes the same image now does it before this or after, never in between.
            self._write_documents(new)
            self._check_complete(new)
            rows = self._layer_rows(new)
            with self.database.durable() as connection:
                now = clock.now_ns()
                known = [layers.get(connection, value) for value in new.chain_ids]
                for layer in rows:
                    layers.insert(connection, layer)
                row = _row(new, sum(layer.size for layer in rows), now)
                images.insert(connection, row, new.config.raw, new.chain_ids, _blobs(new))
                if any(layer is not None and not layer.driver for layer in known):
                    images.resize(connection, new.chain_ids)
                _name(connection, new, image_id, now)
                # As it is now: somebody may remove it a moment later, and it was stored all the same.
                found = find.by_id(connection, image_id)
        self.write_index()
        if found is None:
            raise errors.Error(errors.INTERNAL, f"image {image_id} is not in the database it was written to")
        return found

    def _layer_rows(self, new: NewImage) -> tuple[layers.LayerRow, ...]:
        now, driver, found, parent = clock.now_ns(), self.driver, [], ""
        for chain_id, diff_id, blob in zip(new.chain_ids, new.config.diff_ids, new.manifest.layers, strict=True):
            name = driver.name if driver.has(chain_id) else ""
            found.append(layers.LayerRow(chain_id, parent, diff_id, blob.digest, driver.usage(chain_id), name, now))
            parent = chain_id
        return tuple(found)

    def _write_documents(self, new: NewImage) -> None:
        self.content.write(new.manifest.config.digest, new.config.raw)
        self.content.write(new.manifest_digest, new.manifest.raw)
        for digest, _, raw in new.documents:
            self.content.write(digest, raw)

    def _check_complete(self, new: NewImage) -> None:
        chain_ids = () if new.packed else new.chain_ids
        missing = [chain_id.short for chain_id in chain_ids if not self.driver.has(chain_id)]
        wanted = (*new.manifest.layers, *new.others)
        missing += [part.digest.short for part in wanted if not self.content.has(part.digest)]
        if missing:
            message = f"layers of the image are missing in the store: {', '.join(missing)}"
            raise errors.Error(errors.NOT_FOUND, message, hint="pull again")

    def tag(self, image: Image, reference: Reference, text: str | None = None) -> None:
        """Give an image one more name, with the manifest of the one by which it was found.

        :param text: that name: what it has for other platforms the new one has too.
        :raises hezi.errors.Error: NOT_FOUND: the image was removed meanwhile.
        """
        from hezi.db import platforms as rows
        from hezi.store import platforms

        wanted = reference.with_default_tag()
        with self.database.durable() as connection:
            if images.get(connection, image.id) is None:
                message = f"No such image: {image.id}"
                raise errors.Error(errors.NOT_FOUND, message)
            # In the same repository the registry has this manifest under the same digest.
            same = [
                row.digest
                for row in images.digests(connection, image.id)
                if (row.name, row.manifest_digest) == (wanted.name, image.manifest_digest)
            ]
            row = images.NameRow(
                str(wanted),
                wanted.name,
                wanted.tag or "",
                image.id,
                clock.now_ns(),
                image.manifest_digest,
                same[0] if same else "",
            )
            beside = platforms.beside(connection, image, text)
            rows.clear(connection, row.reference)
            images.set_name(connection, row)
            for one in beside:
                rows.add(connection, one._replace(reference=row.reference))
        self.write_index()

    def record_push(self, reference: Reference, image: Image, digest: Digest) -> None:
        """Record that a registry has an image, with the manifest of the name it was found by, under a digest.

        An image or a name that is gone meanwhile, or means another image now, is left alone.
        """
        with self.database.durable() as connection:
            if images.get(connection, image.id) is None:
                return
            row = images.DigestRow(reference.name, digest, image.id, image.manifest_digest)
            images.add_digest(connection, row)
            named = images.name(connection, str(reference))
            if named and (named.image_id, named.manifest_digest) == (image.id, image.manifest_digest):
                images.set_name(connection, named._replace(digest=digest))

    def remove(self, text: str, *, force: bool = False, parents: bool = True) -> Removed:
        """Remove a name of an image, and the image with its last name; see :mod:`hezi.store.removal`."""
        from hezi.store import removal

        return removal.remove(self, text, force=force, parents=parents)

    def write_index(self) -> None:
        """Bring ``content/index.json`` in step with the names.

        :raises hezi.errors.Error: it cannot be written.
        """
        try:
            # The lock comes before the query: otherwise an older list could be written over a newer one.
            with FileLock(None, f"{self.root}/index.lock"):
                with self.database.read() as connection:
                    named = images.named_manifests(connection)
                self.content.write_index([(row[0], _descriptor(row[1], row[2])) for row in named])
        except OSError as error:
            doing = "cannot write the store's index.json"
            raise errors.from_os_error(doing, error) from error


def _descriptor(blob: images.BlobRow, platform: tuple[str, str, str]) -> Descriptor:
    found = Platform(platform[0], platform[1], platform[2] or None)
    return Descriptor(blob.media_type, Digest(blob.digest), blob.size, platform=found)


def _row(new: NewImage, size: int, now: int) -> images.ImageRow:
    config = new.config
    return images.ImageRow(
        id=new.manifest.config.digest,
        manifest_digest=new.manifest_digest,
        os=config.os,
        architecture=config.architecture,
        variant=config.variant or "",
        created_ns=clock.parse_rfc3339(config.created),
        pulled_ns=now,
        last_used_ns=now,
        size=size,
        labels=dumps(dict(config.config.labels)).decode(),
        parent=new.parent or "",
    )


def _blobs(new: NewImage) -> list[images.BlobRow]:
    manifest = new.manifest
    found = [images.BlobRow(new.manifest_digest, len(manifest.raw), manifest.media_type)]
    found += [images.BlobRow(part.digest, part.size, part.media_type) for part in (manifest.config, *manifest.layers)]
    found += [images.BlobRow(digest, len(raw), media_type) for digest, media_type, raw in new.documents]
    found += [images.BlobRow(part.digest, part.size, part.media_type) for part in new.others]
    return found


def _name(connection: Connection, new: NewImage, image_id: Digest, now: int) -> None:
    from hezi.store import platforms

    reference = new.reference
    # A digest that was asked for is what the registry has it under; so is what it said for a tag.
    for digest in {reference.digest, new.repository_digest} - {None}:
        images.add_digest(connection, images.DigestRow(reference.name, str(digest), image_id, new.manifest_digest))
    # NAME:TAG@DIGEST asks for the digest, as docker reads it: the tag may mean something else.
    if reference.tag is not None and reference.digest is None:
        row = images.NameRow(
            f"{reference.name}:{reference.tag}",
            reference.name,
            reference.tag,
            image_id,
            now,
            new.manifest_digest,
            new.repository_digest or "",
        )
        platforms.name(connection, row, index=any(digest == row.digest for digest, _, _ in new.documents))
        named = images.name(connection, row.reference)
        if named is not None and named.digest:
            # NAME@DIGEST of an index is the image that the name means, not the one that came last.
            images.add_digest(
                connection, images.DigestRow(named.name, named.digest, named.image_id, named.manifest_digest)
            )
