"""The values of the image store, and what its parts expect of one another."""

from __future__ import annotations

from hezi._util.record import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection

    from hezi.db.connection import Database
    from hezi.spec.digest import Digest
    from hezi.spec.image import Descriptor, ImageConfig, Manifest
    from hezi.spec.reference import Reference
    from hezi.store.content import ContentStore
    from hezi.store.lease import Lease
    from hezi.store.snapshot.base import SnapshotDriver


class Tag(NamedTuple):
    """A name of an image, and the manifest that came with it.

    reference: full, with a tag (``docker.io/library/busybox:latest``).
    manifest_digest: the manifest it was pulled, loaded or made with; other names may have others of the same image.
    digest: what the registry has it under, of an index or that manifest; None when no registry does.
    """

    reference: str
    manifest_digest: Digest
    digest: Digest | None


class Image(NamedTuple):
    """One image.

    id: digest of its config.
    manifest_digest: of the name by which the image was asked for; else the last one it came with.
    tags: its names, sorted.
    digests: (repository, digest) under which registries have it, sorted.
    parent: id of the image it was made from by commit or build, empty for others.
    created_ns, pulled_ns, last_used_ns: nanoseconds since the epoch; created is 0 when the image does not say.
    size: bytes of all its layers unpacked.
    labels: JSON object.
    """

    id: Digest
    manifest_digest: Digest
    os: str
    architecture: str
    variant: str
    created_ns: int
    pulled_ns: int
    last_used_ns: int
    size: int
    labels: str
    parent: str
    tags: tuple[Tag, ...]
    digests: tuple[tuple[str, Digest], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Full references with a tag (``docker.io/library/busybox:latest``), sorted."""
        return tuple(tag.reference for tag in self.tags)


class NewImage(NamedTuple):
    """What a pull hands over once all layers are committed.

    reference: the name the user asked for; a tag becomes a name of the image, a digest only a repository digest.
    repository_digest: of the document the registry gave for the reference: the index where there is one.
    documents: further blobs to keep, as (digest, media type, bytes): the index.
    parent: the image it was made from, for commit and build.
    others: further blobs to keep that are in the store: what the index has for other platforms.
    packed: its layers need not be unpacked; that is done when something is to be made of them (hezi.store.packed).
    """

    reference: Reference
    manifest: Manifest
    manifest_digest: Digest
    config: ImageConfig
    chain_ids: tuple[Digest, ...]
    repository_digest: Digest | None = None
    documents: tuple[tuple[Digest, str, bytes], ...] = ()
    parent: Digest | None = None
    others: tuple[Descriptor, ...] = ()
    packed: bool = False


class Removed(NamedTuple):
    """What happened, in docker's order.

    untagged: names as users write them (``busybox:latest``, ``busybox@sha256:...``).
    deleted: the image's id and then the chain ids of its layers, top first; then those of nameless parents.
    freed: bytes of the blobs and unpacked files that are gone.
    id: of the image.
    """

    untagged: tuple[str, ...]
    deleted: tuple[Digest, ...]
    freed: int
    id: str = ""


class Store(Protocol):
    """What its parts need of :class:`hezi.store.images.ImageStore`."""

    root: str
    database: Database

    @property
    def content(self) -> ContentStore:
        """The blobs."""

    @property
    def driver(self) -> SnapshotDriver:
        """Where the layers are."""

    def lease(self, purpose: str) -> Lease:
        """Begin work that must not lose blobs or layers meanwhile."""

    def resolve_in(self, connection: Connection, text: str) -> Image:
        """Find the image a user means, inside a transaction."""

    def write_index(self) -> None:
        """Bring index.json in step with the names."""
