"""A layer that comes as a plain archive: its blob and its tree are made in one pass over the bytes.

    caller's thread          second thread            third thread
    read                     compress (gzip)          unpack (hezi.store.unpack)
    hash: DiffID      ---->  hash: digest of the blob
                      ------------------------------>

For `load` of docker's archives and for `import`. The blob is written to a file without a name, which is gone if
anything fails.
"""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import ExitStack

from hezi import errors
from hezi._util import atomic
from hezi.image.tarlayer import DEFAULT_LIMITS, TarReader
from hezi.spec.digest import Digest
from hezi.spec.image import OCI_LAYER_GZIP, Descriptor
from hezi.store.layers import EXTRACTING
from hezi.store.pipe import BrokenPipe, Pipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from hashlib import _Hash as Hash

    from hezi.store.content import ContentStore
    from hezi.store.layers import Progress
    from hezi.store.lease import Lease
    from hezi.store.snapshot.base import LayerWriter, SnapshotDriver

LEVEL = 1
"""Of isal's 0 to 3: faster than the disk."""

_WAITING_BYTES = 8 << 20


def make(
    content: ContentStore,
    driver: SnapshotDriver,
    chunks: Iterable[bytes],
    parents: tuple[Digest, ...],
    lease: Lease,
    *,
    promised: Digest | None = None,
    progress: Progress | None = None,
) -> tuple[Descriptor, Digest]:
    """Store a layer; return its blob and its DiffID.

    :param chunks: the uncompressed archive.
    :param parents: chain ids of the layers below, lowest first, which are committed.
    :param promised: what the DiffID must be.
    :param progress: called with EXTRACTING and the uncompressed bytes done so far.
    :raises errors.Error: CORRUPT: the archive is wrong, or not what was promised; NO_SPACE. Nothing of it is left then.
    """
    with ExitStack() as stack:
        try:
            fd = content.nameless()
            stack.callback(os.close, fd)
            writer = driver.prepare()
            stack.callback(writer.discard)
            packed = _Packer(fd)
            hasher = promised.hasher() if promised is not None else hashlib.sha256()
            _Pipeline(packed, writer).run(chunks, hasher, progress)
            diff_id = Digest(f"{hasher.name}:{hasher.hexdigest()}")
            if promised is not None and diff_id != promised:
                message = f"layer is not what the image config promises: its DiffID is {diff_id}"
                hint = f"the config says {promised}; the image was made wrong, or to deceive"
                raise errors.Error(errors.CORRUPT, message, hint=hint)
            chain_id = Digest.of(f"{parents[-1]} {diff_id}".encode("ascii")) if parents else diff_id
            lease.protect([packed.digest()], [chain_id])
            writer.settle(parents)
            # The blob lies on the same file system as the layer and is written out with it.
            writer.sync()
            content.adopt(fd, packed.digest(), synced=True)
            writer.commit(chain_id)
        except OSError as error:
            doing = "cannot store the layer"
            raise errors.from_os_error(doing, error) from error
        return Descriptor(OCI_LAYER_GZIP, packed.digest(), packed.size), diff_id
    raise AssertionError  # no context manager above swallows exceptions


class _Packer:
    """gzip into a file, hashed on the way."""

    def __init__(self, fd: int) -> None:
        from isal import isal_zlib

        self._fd = fd
        self._hash = hashlib.sha256()
        # The header of isal's gzip has no name and no time: the same bytes each time.
        self._packer = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, 31)
        self.size = 0

    def take(self, pipe: Pipe) -> None:
        for chunk in pipe:
            self._write(self._packer.compress(chunk))
        self._write(self._packer.flush())

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        atomic.write_all(self._fd, data)
        self.size += len(data)

    def digest(self) -> Digest:
        return Digest(f"sha256:{self._hash.hexdigest()}")


class _Pipeline:
    """The two threads, and what they are fed; an error anywhere ends all of it, the first one is raised."""

    def __init__(self, packer: _Packer, writer: LayerWriter) -> None:
        self._packer = packer
        self._writer = writer
        self._pipes = (Pipe(_WAITING_BYTES), Pipe(_WAITING_BYTES))
        self._failures: list[BaseException] = []

    def run(self, chunks: Iterable[bytes], hasher: Hash, progress: Progress | None) -> None:
        compressing, unpacking = self._pipes

        def feed() -> None:
            done = 0
            for chunk in chunks:
                compressing.put(chunk)
                unpacking.put(chunk)
                hasher.update(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(EXTRACTING, done)
            compressing.end()
            unpacking.end()

        works = (
            lambda: self._packer.take(compressing),
            lambda: self._writer.unpack(TarReader(unpacking, DEFAULT_LIMITS)),
        )
        threads = [threading.Thread(target=self._guarded, args=(work,), daemon=True) for work in works]
        try:
            for thread in threads:
                thread.start()
            self._guarded(feed)
            for thread in threads:
                thread.join()
        finally:
            # All have ended, or an interrupt came in between and they have to.
            self._close()
            for thread in threads:
                thread.join()
        if self._failures:
            raise self._failures[0]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BrokenPipe:
            return
        except BaseException as error:
            self._failures.append(error)
            self._close()

    def _close(self) -> None:
        for pipe in self._pipes:
            pipe.close()
