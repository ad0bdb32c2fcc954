"""``system check``: is everything there that the database names, and is it what it was when it was stored?

    rows     the database's own check, names and images that point to what is there
    blobs    each is read and hashed
    layers   each is unpacked once more from its blob, beside the one in use, and compared with it file by file

Work of others goes on meanwhile: what is looked at is leased, so that nobody removes it, and what appears later is not
looked at. What nothing needs (the remains of killed processes, broken-off pulls) is counted and is no fault.

Repair: a layer is unpacked again, a config or an index.json written again from the database, a damaged blob removed, so
that the next pull fetches it; what nothing needs is collected. Where only a registry can help it is said which image to
pull.
"""

from __future__ import annotations

import json
from contextlib import suppress

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.db import images, layers, leases
from hezi.image import compress
from hezi.image.tarlayer import TarReader
from hezi.spec.digest import Digest
from hezi.spec.image import MANIFEST_TYPES, chain_ids, parse_config
from hezi.store import gc, lease, manifests, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hezi.db.layers import LayerRow
    from hezi.store.images import ImageStore
    from hezi.store.snapshot.base import LayerWriter

    Tell = Callable[[str], None]


class Finding(NamedTuple):
    """One fault.

    :ivar subject: ``blob sha256:...``, ``layer ...``, ``image ...``, ``name ...``, ``database``, ``index.json``.
    :ivar repaired: it is gone now.
    :ivar hint: what to do about it, empty when nothing is left to do.
    """

    subject: str
    text: str
    repaired: bool
    hint: str = ""


class Report(NamedTuple):
    """What was looked at, what is wrong, and what nothing needs.

    :ivar skipped: layers that could not be compared, because unpacking takes space and the disk is full.
    :ivar leftovers: blobs and layers that nothing needs, and ``leftover_bytes`` in them; 0 after a repair.
    """

    findings: tuple[Finding, ...]
    images: int
    blobs: int
    layers: int
    skipped: int
    leftovers: int
    leftover_bytes: int

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return all(finding.repaired for finding in self.findings)


def check(store: ImageStore, *, repair: bool = False, tell: Tell | None = None) -> Report:
    """Look at everything.

    :param tell: called with what is looked at next.
    :raises hezi.errors.Error: the store cannot be read at all.
    """
    with store.lease("system check") as held:
        work = _Check(store, held, repair=repair, tell=tell or (lambda _text: None))
        work.run()
    freed = gc.collect(store, 0.0) if repair else None
    leftovers = (0, 0) if freed is not None else work.leftovers
    return Report(tuple(work.findings), len(work.images), len(work.blobs), len(work.layers), work.skipped, *leftovers)


class _Check:
    def __init__(self, store: ImageStore, held: lease.Lease, *, repair: bool, tell: Tell) -> None:
        self._store = store
        self._repair = repair
        self._tell = tell
        self.findings: list[Finding] = []
        self.leftovers = (0, 0)
        self.skipped = 0
        # Held until all of it is protected: what is removed in between would be missed.
        with paths.store_lock(store.root, shared=True):
            with store.database.read() as connection:
                self.images = images.list_all(connection)
                self.names = images.names(connection)
                self.blobs = {blob.digest: blob for row in self.images for blob in images.blobs(connection, row.id)}
                self.needed = {row.id: images.blobs(connection, row.id) for row in self.images}
                self.chains = {row.id: images.chain_ids(connection, row.id) for row in self.images}
                self.layers = {row.chain_id: row for row in layers.list_all(connection)}
                self.leftovers = self._leftovers(
                    images.unused_blobs(connection, store.content.list()), leases.items(connection, leases.LAYER)
                )
            held.protect([Digest(value) for value in self.blobs], [Digest(value) for value in self.layers])
        self._broken: set[str] = set()

    def _leftovers(self, blobs: list[str], leased: set[str]) -> tuple[int, int]:
        driver, content = self._store.driver, self._store.content
        unused = [chain_id for chain_id in driver.list() if chain_id not in self.layers and chain_id not in leased]
        sizes = [content.size(Digest(value)) or 0 for value in blobs] + [driver.usage(value) for value in unused]
        return len(sizes), sum(sizes)

    def _found(self, subject: str, text: str, *, repaired: bool = False, hint: str = "") -> None:
        self.findings.append(Finding(subject, text, repaired, "" if repaired else hint))

    def run(self) -> None:
        self._database()
        self._blobs()
        self._layers()
        self._images()
        self._index()

    def _database(self) -> None:
        self._tell("database")
        with self._store.database.read() as connection:
            faults = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
            faults += [
                f"{row[0]} points to a row of {row[2]} that is not there"
                for row in connection.execute("PRAGMA foreign_key_check")
            ]
        for fault in faults:
            self._found(
                "database", fault, hint="restore it from a backup, or move it away: images are then pulled again"
            )

    def _blobs(self) -> None:
        content = self._store.content
        for value, row in sorted(self.blobs.items()):
            digest = Digest(value)
            self._tell(f"blob {digest.short}")
            if content.size(digest) is None:
                text = "is missing"
            elif _hash(self._store, digest) != digest:
                text = "is damaged: its bytes are not its digest's"
            elif content.size(digest) != row.size:
                text = f"has {content.size(digest)} bytes, the database says {row.size}"
            else:
                continue
            self._broken.add(value)
            self._blob_fault(digest, text)

    def _blob_fault(self, digest: Digest, text: str) -> None:
        repaired = False
        if self._repair:
            # What is wrong must not be found "present" by the next pull.
            self._store.content.delete(digest)
            repaired = self._restore_config(digest)
        self._found(f"blob {digest}", text, repaired=repaired, hint=self._pull_hint(digest))

    def _restore_config(self, digest: Digest) -> bool:
        """The database has the configs too."""
        with self._store.database.read() as connection:
            raw = images.config(connection, digest)
        if raw is None or Digest.of(raw) != digest:
            return False
        self._store.content.write(digest, raw)
        self._broken.discard(digest)
        return True

    def _pull_hint(self, blob: str) -> str:
        users = [row.id for row in self.images if any(one.digest == blob for one in self.needed[row.id])]
        return self._names_hint(users)

    def _names_hint(self, image_ids: list[str]) -> str:
        names = [name.reference for name in self.names if name.image_id in image_ids]
        which = names[0] if names else f"image {Digest(image_ids[0]).short}" if image_ids else "the image"
        first = "" if self._repair else "hezi system check --repair, then "
        return f"{first}pull {which} again; what still runs goes on"

    def _layers(self) -> None:
        # From the lowest up: a layer is unpacked on those below it.
        for row in sorted(self.layers.values(), key=lambda row: len(self._parents(row))):
            chain_id = Digest(row.chain_id)
            if not row.driver:
                continue  # only a blob so far, and that is looked at
            self._tell(f"layer {chain_id.short}")
            if not self._store.driver.has(chain_id):
                self._layer_fault(row, "is missing")
            elif self._store.driver.usage(chain_id) != row.size:
                self._layer_fault(row, f"says it has {self._store.driver.usage(chain_id)} bytes, not {row.size}")
            else:
                self._compare(row)

    def _parents(self, row: LayerRow) -> tuple[Digest, ...]:
        found: list[Digest] = []
        above = row
        while above.parent and above.parent in self.layers and len(found) <= len(self.layers):
            above = self.layers[above.parent]
            found.append(Digest(above.chain_id))
        return tuple(reversed(found))

    def _blob_of(self, row: LayerRow) -> Digest | None:
        """A blob from which the layer can be unpacked: any that an image has for it, and that is whole."""
        found = [row.blob_digest]
        for image_id, chain in self.chains.items():
            if row.chain_id in chain:
                position = chain.index(row.chain_id)
                found += [blobs[position] for blobs in self._manifests(image_id) if position < len(blobs)]
        content = self._store.content
        whole = [value for value in found if value not in self._broken and content.has(Digest(value))]
        return Digest(whole[0]) if whole else None

    def _manifests(self, image_id: str) -> list[list[str]]:
        """The layers' blobs as each manifest of an image has them."""
        found = []
        with self._store.database.read() as connection:
            for blob in self.needed[image_id]:
                if blob.media_type in MANIFEST_TYPES and blob.digest not in self._broken:
                    with suppress(errors.Error):
                        one = manifests.read(connection, self._store.content, image_id, Digest(blob.digest))
                        # An index may bring manifests of other images: of other platforms.
                        if one.config.digest == image_id:
                            found.append([layer.digest for layer in one.layers])
        return [[str(value) for value in one] for one in found]

    def _compare(self, row: LayerRow) -> None:
        blob = self._blob_of(row)
        if blob is None:
            return  # the blob's own fault is told already
        driver = self._store.driver
        writer = driver.prepare()
        try:
            self._unpack(blob, row, writer)
            path = driver.differs(Digest(row.chain_id), writer)
        except errors.Error as error:
            if error.kind == errors.NO_SPACE:
                self.skipped += 1
                return
            self._found(f"layer {row.chain_id}", f"cannot be compared: {error}", hint=self._layer_hint(row))
            return
        finally:
            writer.discard()
        if path is not None:
            shown = path.decode("utf-8", "backslashreplace")
            self._layer_fault(row, f"is damaged: {shown} is not what the image has there")

    def _unpack(self, blob: Digest, row: LayerRow, writer: LayerWriter) -> None:
        """Unpack a blob, and believe that it is the layer only when its DiffID says so."""
        hasher = Digest(row.diff_id).hasher()

        def hashed() -> Iterator[bytes]:
            for chunk in compress.decompress(self._store.content.chunks(blob)):
                hasher.update(chunk)
                yield chunk

        pieces = hashed()
        writer.unpack(TarReader(pieces))
        for _ in pieces:
            pass  # what follows the archive's end counts for the digest
        if f"sha256:{hasher.hexdigest()}" != row.diff_id:
            raise errors.Error(errors.CORRUPT, f"blob {blob.short} is another layer: its DiffID is not {row.diff_id}")
        writer.settle(self._parents(row))

    def _layer_hint(self, row: LayerRow) -> str:
        return self._names_hint([image_id for image_id, chain in self.chains.items() if row.chain_id in chain])

    def _layer_fault(self, row: LayerRow, text: str) -> None:
        subject, chain_id = f"layer {row.chain_id}", Digest(row.chain_id)
        if not self._repair:
            self._found(subject, text, hint="hezi system check --repair")
            return
        running = self._runs_on(chain_id)
        if running:
            self._found(subject, text, hint=f"stop container {running[:12]}, which runs on it, and repair again")
            return
        blob = self._blob_of(row)
        if blob is None:
            # Out of the way, so that the next pull unpacks it again.
            self._store.driver.purge(self._store.driver.detach(chain_id))
            self._found(subject, text, hint=self._layer_hint(row))
            return
        try:
            self._unpack_again(row, blob)
        except errors.Error as error:
            self._found(subject, f"{text}; {error}", hint=self._layer_hint(row))
            return
        self._found(subject, text, repaired=True)

    def _runs_on(self, chain_id: Digest) -> str:
        query = (
            "SELECT c.id FROM containers c JOIN container_layers l ON l.container_id=c.id"
            " WHERE l.chain_id=? AND c.state NOT IN ('created', 'exited') LIMIT 1"
        )
        with self._store.database.read() as connection:
            row = connection.execute(query, (chain_id,)).fetchone()
        return str(row[0]) if row else ""

    def _unpack_again(self, row: LayerRow, blob: Digest) -> None:
        driver = self._store.driver
        writer = driver.prepare()
        try:
            self._unpack(blob, row, writer)
            writer.sync()
            with paths.store_lock(self._store.root, shared=False):
                old = driver.detach(Digest(row.chain_id))
                writer.commit(Digest(row.chain_id))
                with self._store.database.durable() as connection:
                    connection.execute("UPDATE layers SET size=? WHERE chain_id=?", (writer.size, row.chain_id))
            driver.purge(old)
        finally:
            writer.discard()

    def _images(self) -> None:
        for row in self.images:
            short = Digest(row.id).short
            self._tell(f"image {short}")
            for fault in self._image_faults(row.id, row.manifest_digest):
                self._found(f"image {short}", fault, hint=self._names_hint([row.id]))
        known = {row.id: {blob.digest for blob in self.needed[row.id]} for row in self.images}
        for name in self.names:
            if name.manifest_digest not in known.get(name.image_id, set()):
                self._name_fault(name)

    def _image_faults(self, image_id: str, manifest_digest: str) -> list[str]:
        blobs = {blob.digest for blob in self.needed[image_id]}
        faults = [
            f"does not list its {what}"
            for what, value in (("config", image_id), ("manifest", manifest_digest))
            if value not in blobs
        ]
        with self._store.database.read() as connection:
            raw = images.config(connection, image_id)
        if raw is None:
            return []  # removed meanwhile
        if Digest.of(raw) != image_id:
            return [*faults, "has a config in the database that is not its id's"]
        wanted = [str(value) for value in chain_ids(parse_config(raw).diff_ids)]
        if wanted != self.chains[image_id]:
            faults.append("has other layers than its config says")
        return faults

    def _name_fault(self, name: images.NameRow) -> None:
        repaired = False
        if self._repair:
            with self._store.database.durable() as connection:
                row = images.get(connection, name.image_id)
                if row is not None:
                    images.set_name(connection, name._replace(manifest_digest=row.manifest_digest, digest=""))
                    repaired = True
        text = "has a manifest that its image does not list"
        self._found(f"name {name.reference}", text, repaired=repaired, hint=f"pull {name.reference} again")

    def _index(self) -> None:
        self._tell("index.json")
        try:
            with open(f"{self._store.root}/content/index.json", "rb") as file:
                found = {
                    (entry["annotations"]["org.opencontainers.image.ref.name"], entry["digest"])
                    for entry in json.loads(file.read())["manifests"]
                }
        except (OSError, ValueError, KeyError, TypeError):
            found = None
        with self._store.database.read() as connection:
            wanted = {(row[0], row[1].digest) for row in images.named_manifests(connection)}
        if found == wanted:
            return
        # A process that was killed between its transaction and this file: the next change of a name mends it as well.
        self._store.write_index()
        if found is None:
            self._found("index.json", "cannot be read", repaired=True)


def _hash(store: ImageStore, digest: Digest) -> str:
    hasher = digest.hasher()
    for chunk in store.content.chunks(digest):
        hasher.update(chunk)
    return f"{digest.algorithm}:{hasher.hexdigest()}"
