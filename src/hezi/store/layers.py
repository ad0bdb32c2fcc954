"""Layers on their way in: one pass over the bytes, from the registry to a verified tree on the disk.

    caller's thread            second thread                third thread
    download                   decompress                   unpack (hezi.store.unpack)
    write the blob      ---->  hash: DiffID          ---->
    hash: digest

The threads hand on chunks of about 1 MiB through bounded pipes; hashing, decompressing and writing release Python's
lock. An error anywhere closes all pipes, the first one is raised.

A layer becomes visible only when the digest of the blob is the manifest's *and* the digest of its uncompressed bytes is
the one the image config promises (its DiffID): before that nothing is shared with anybody.
"""

from __future__ import annotations

import threading

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.image import compress, tarlayer
from hezi.image.compress import DEFAULT_BOUNDS, Bounds
from hezi.image.tarlayer import DEFAULT_LIMITS, Limits, TarReader
from hezi.store.pipe import BrokenPipe, Pipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Protocol

    from hezi.spec.digest import Digest
    from hezi.spec.image import Descriptor
    from hezi.store.content import ContentStore
    from hezi.store.ingest import Ingest
    from hezi.store.snapshot.base import LayerWriter, SnapshotDriver

    class BlobStream(Protocol):
        """The bytes of a blob from ``offset`` on, which may be less than what was asked for."""

        @property
        def offset(self) -> int: ...
        def __iter__(self) -> Iterator[bytes]: ...

    OpenBlob = Callable[[int], BlobStream]
    Progress = Callable[[str, int], None]

DOWNLOADING = "downloading"
EXTRACTING = "extracting"

# Compressed and uncompressed bytes waiting between two threads.
_COMPRESSED_BYTES = 8 << 20
_PLAIN_BYTES = 16 << 20


class LayerSpec(NamedTuple):
    """Which layer: its blob, what it is uncompressed, and where in the stack it stands (parents lowest first)."""

    descriptor: Descriptor
    diff_id: Digest
    chain_id: Digest
    parents: tuple[Digest, ...]


class LayerIngest:
    """One layer of a pull. :meth:`fetch` may run for several layers at once, :meth:`commit` goes from the lowest up.

    Use it as a context manager: leaving it removes what was not committed.

    :param progress: called with DOWNLOADING or EXTRACTING and the compressed bytes done so far, from several threads.
    """

    def __init__(
        self,
        content: ContentStore,
        driver: SnapshotDriver,
        spec: LayerSpec,
        *,
        progress: Progress | None = None,
        limits: Limits = DEFAULT_LIMITS,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._content = content
        self._driver = driver
        self._spec = spec
        self._progress = progress or _silent
        self._limits = limits
        self._bounds = bounds
        self._writer: LayerWriter | None = None
        self._cancelled = threading.Event()
        self._pipes: tuple[Pipe, ...] = ()

    def __enter__(self) -> LayerIngest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was not committed."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.discard()

    def cancel(self) -> None:
        """Make :meth:`fetch` end soon, in whatever thread it runs; what was downloaded is kept."""
        self._cancelled.set()
        for pipe in self._pipes:
            pipe.close()

    @property
    def present(self) -> bool:
        """True when both blob and layer are in the store: nothing is to be fetched."""
        return self._driver.has(self._spec.chain_id) and self._content.has(self._spec.descriptor.digest)

    def fetch(self, open_blob: OpenBlob) -> None:
        """Download, verify and unpack the layer, as far as it is not there.

        :param open_blob: opens the blob at an offset; what a server sends from further in front is passed over.
        :raises hezi.errors.Error: CORRUPT: size, digest, DiffID or the archive is wrong; NO_SPACE; CANCELLED; and
            whatever ``open_blob`` raises. Nothing of the layer is visible then; a partial download stays for the next
            try unless it is known to be wrong.
        """
        if self.present:
            return
        if not self._fetch(open_blob):
            # What was here was wrong: it is gone now, and all of it comes from the registry.
            self._fetch(open_blob, last=True)

    def _fetch(self, open_blob: OpenBlob, *, last: bool = False) -> bool:
        """One try; False when what was here before it was wrong, or may be, and was removed.

        That is a damaged blob in the store, or what an earlier pull had from a registry that lied.
        """
        descriptor = self._spec.descriptor
        with self._content.ingest(descriptor.digest, descriptor.size, cancelled=self._cancelled.is_set) as ingest:
            with_layer = not self._driver.has(self._spec.chain_id)
            if not with_layer and ingest.present:
                return True
            stored, begun = ingest.present, ingest.offset > 0
            try:
                self._transfer(ingest, open_blob, with_layer=with_layer)
            except errors.Error as error:
                self.close()
                if error.kind == errors.CORRUPT and stored and self._content.drop_if_damaged(descriptor.digest):
                    return False
                if error.kind in {errors.CORRUPT, errors.NO_SPACE}:
                    ingest.discard()  # what is wrong now is wrong at the next try; a full disk wants its space back
                if error.kind == errors.CORRUPT and begun and not last:
                    return False
                raise
            except BaseException:
                self.close()
                raise
        return True

    def _transfer(self, ingest: Ingest, open_blob: OpenBlob, *, with_layer: bool) -> None:
        source = self._blob_chunks(ingest, open_blob)
        if with_layer:
            self._writer = self._driver.prepare()
            self._unpack(source, self._writer)
        else:
            for _ in source:
                pass
        self._check_cancelled()
        if self._writer is not None:
            self._writer.sync()
        if not ingest.present:
            # The blob lies on the same file system as the layer and was written out with it.
            ingest.commit(synced=self._writer is not None)

    def _blob_chunks(self, ingest: Ingest, open_blob: OpenBlob) -> Iterator[bytes]:
        """The compressed bytes: from the store; or from an earlier try and then the registry, stored on the way."""
        if ingest.present:
            yield from self._content.chunks(self._spec.descriptor.digest)
            return
        done = 0
        for chunk in ingest.stored():
            done += len(chunk)
            self._progress(DOWNLOADING, done)
            yield chunk
        if ingest.offset < ingest.size:
            stream = open_blob(ingest.offset)
            for chunk in _from_offset(stream, ingest.offset):
                self._check_cancelled()
                ingest.write(chunk)
                self._progress(DOWNLOADING, ingest.offset)
                yield chunk
        ingest.verify()

    def _check_cancelled(self) -> None:
        if self._cancelled.is_set():
            message = "the pull was cancelled"
            raise errors.Error(errors.CANCELLED, message)

    def _unpack(self, source: Iterator[bytes], writer: LayerWriter) -> None:
        compressed, plain = Pipe(_COMPRESSED_BYTES), Pipe(_PLAIN_BYTES)
        self._pipes = (compressed, plain)
        failures: list[BaseException] = []
        found: list[str] = []

        def guarded(work: Callable[[], None]) -> None:
            try:
                work()
            except BrokenPipe:
                return
            except BaseException as error:
                failures.append(error)
                compressed.close()
                plain.close()

        def download() -> None:
            for chunk in source:
                compressed.put(chunk)
            compressed.end()

        threads = [
            threading.Thread(target=guarded, args=(work,), name=name, daemon=True)
            for name, work in (
                ("hezi-decompress", lambda: found.append(self._decompress(compressed, plain))),
                ("hezi-unpack", lambda: writer.unpack(TarReader(plain, self._limits))),
            )
        ]
        try:
            for thread in threads:
                thread.start()
            guarded(download)
            for thread in threads:
                thread.join()
        finally:
            # Both have ended, or an interrupt came in between and they have to.
            compressed.close()
            plain.close()
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]
        self._check_cancelled()
        if found != [self._spec.diff_id]:
            message = f"layer is not what the image config promises: its DiffID is {found[0] if found else 'unknown'}"
            hint = f"the config says {self._spec.diff_id}; the image was made wrong, or to deceive"
            raise errors.Error(errors.CORRUPT, message, hint=hint)

    def _decompress(self, compressed: Pipe, plain: Pipe) -> str:
        hasher = self._spec.diff_id.hasher()
        done = 0

        def counted() -> Iterator[bytes]:
            nonlocal done
            for chunk in compressed:
                yield chunk
                done += len(chunk)
                self._progress(EXTRACTING, done)

        for chunk in compress.decompress(counted(), self._bounds):
            plain.put(chunk)
            hasher.update(chunk)
        plain.end()
        return f"{self._spec.diff_id.algorithm}:{hasher.hexdigest()}"

    def commit(self) -> None:
        """Put the layer in its place: after :meth:`fetch`, and after the commit of all layers below.

        :raises hezi.errors.Error: CORRUPT: it does not fit the layers below; NO_SPACE.
        """
        if self._writer is None:
            return
        try:
            if self._writer.settle(self._spec.parents):
                self._writer.sync()
            self._writer.commit(self._spec.chain_id)
        finally:
            self.close()


def _from_offset(stream: BlobStream, offset: int) -> Iterator[bytes]:
    """Pass over what the server sends again: it may ignore Range and begin at 0."""
    again = offset - stream.offset
    if again < 0:
        message = f"the registry sent the blob from byte {stream.offset}, asked for {offset}"
        raise errors.Error(errors.CORRUPT, message)
    for chunk in stream:
        if again >= len(chunk):
            again -= len(chunk)
            continue
        yield chunk[again:] if again else chunk
        again = 0


def _silent(_phase: str, _done: int) -> None:
    return


def unpack_stream(chunks: Iterable[bytes], writer: LayerWriter, bounds: Bounds = DEFAULT_BOUNDS) -> None:
    """Unpack a layer that is not downloaded, in this thread: what `load` and `import` read from a file."""
    writer.unpack(tarlayer.TarReader(compress.decompress(chunks, bounds)))
