"""What a snapshot driver is: how a layer's archive becomes something the kernel can mount.

Words:

chain id  names a layer together with all layers below it; the key of everything a driver keeps (OCI image-spec,
          config.md, "Layer ChainID").
writer    a layer under way, in a private place that no reader sees; gone when it is discarded or its process dies.
rootfs    what to mount for one container: layers, and where its changes go.

Life of a layer::

    driver.prepare() -> writer          a private place, locked by this process
      writer.unpack(reader)             in any order, layers at the same time
      writer.sync()                     all of it is on the disk
      writer.settle(parents)            the layers below are committed now; sync() again if that changed anything
      writer.commit(chain_id)           one rename: the layer is there
    driver.has(chain_id)
    driver.detach(chain_id) -> name     one rename: the layer is not there
    driver.purge(name)                  its space is free

Every driver passes tests/support/snapshot_suite.py.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.image.tarlayer import TarReader
    from hezi.spec.digest import Digest


class Rootfs(NamedTuple):
    """What :meth:`SnapshotDriver.mount` mounts.

    layers: chain ids, lowest first; none for an empty image.
    upper, work: absolute paths of directories on one file system; None for a read-only view.
    volatile: never sync; for containers whose changes are thrown away (overlayfs "volatile", Linux 5.10).
    readonly: the mount itself is read-only, even with an upper directory.
    mapped: (descriptor, uid, gid): owners are seen through this user namespace, whose root is that user outside.
    """

    layers: tuple[Digest, ...]
    upper: str | None = None
    work: str | None = None
    volatile: bool = False
    readonly: bool = False
    mapped: tuple[int, int, int] | None = None


class LayerWriter(Protocol):
    """A layer under way. All methods raise :class:`hezi.errors.Error`; after an error only :meth:`discard` is left."""

    @property
    def size(self) -> int:
        """Bytes in the layer's files."""

    def unpack(self, reader: TarReader) -> None:
        """Take all entries of the archive."""

    def settle(self, parents: Sequence[Digest]) -> bool:
        """Do what depends on the layers below, which are committed; lowest first. True when that changed anything."""

    def sync(self) -> None:
        """Write everything to the disk."""

    def commit(self, chain_id: Digest) -> None:
        """Put the layer in its place; when somebody else was faster, theirs stays."""

    def discard(self) -> None:
        """Remove everything; does nothing after a commit. Never raises."""


class SnapshotDriver(Protocol):
    """A way to keep layers. One object may be used by several threads."""

    name: str

    def probe(self) -> str:
        """Say why this machine cannot use the driver; empty when it can."""

    def prepare(self) -> LayerWriter:
        """Begin a layer."""

    def has(self, chain_id: Digest) -> bool:
        """Say whether the layer is there."""

    def list(self) -> list[Digest]:
        """Return the chain ids of all layers."""

    def usage(self, chain_id: Digest) -> int:
        """Return the bytes in the layer's files, 0 when it is not there."""

    def made_at(self, chain_id: Digest) -> float:
        """Return when the layer was made, in seconds since the epoch; 0 when it is not there."""

    def detach(self, chain_id: Digest) -> str:
        """Take a layer out of its place at once; give the name for :meth:`purge`, empty when it was not there."""

    def purge(self, name: str) -> None:
        """Free the space of a detached layer."""

    def differs(self, chain_id: Digest, writer: LayerWriter) -> bytes | None:
        """Return the first path at which a layer is not what the writer has unpacked and settled; None when it is."""

    def close(self) -> None:
        """Close the driver's descriptors."""

    def sweep(self) -> int:
        """Remove what processes left that died; give the number of things removed."""

    def mount(self, rootfs: Rootfs) -> int:
        """Mount and give the descriptor of the detached mount; closing it undoes it."""

    def lower(self, chain_ids: Sequence[Digest]) -> tuple[str, ...]:
        """Return directories to be stacked read-only, the topmost first, two at least."""

    def view(self, chain_ids: Sequence[Digest], upper: str | None = None) -> int | None:
        """Open the root of layers stacked, lowest first, read-only; None when there is nothing to stack.

        :param upper: a container's upper directory, shown on top of them.
        """
