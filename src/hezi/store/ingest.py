"""One download under way: a partial file that survives whoever writes it."""

from __future__ import annotations

import os
import time

from hezi import errors
from hezi._util import atomic
from hezi._util.lock import FileLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from hashlib import _Hash as Hash
    from types import TracebackType
    from typing import NoReturn

    from hezi.spec.digest import Digest

_CHUNK = 1 << 20
_POLL_S = 0.05


class Ingest:
    """See :meth:`hezi.store.content.ContentStore.ingest`.

    Feed it in this order: the bytes of :meth:`stored` (they are hashed on the way), then :meth:`write` from ``offset``
    on, then :meth:`commit`. Leaving the context without a commit keeps the partial file for the next try, unless
    :meth:`discard` was called.
    """

    __slots__ = (
        "_blobs",
        "_cancelled",
        "_digest",
        "_fd",
        "_has",
        "_hash",
        "_ingest",
        "_lock",
        "offset",
        "present",
        "size",
    )  # fmt: skip

    def __init__(
        self,
        has: Callable[[Digest], bool],
        ingest_fd: int,
        blobs_fd: int,
        digest: Digest,
        size: int,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._has = has
        self._ingest = ingest_fd
        self._blobs = blobs_fd
        self._digest = digest
        self._cancelled = cancelled
        self._fd = -1
        self._lock = FileLock(ingest_fd, self._name, blocking=False)
        self._hash: Hash = digest.hasher()
        self.size = size
        """Bytes the whole blob has."""
        self.offset = 0
        """Bytes that are there already."""
        self.present = False
        """True when the blob is in the store: nothing is to be done."""

    @property
    def _name(self) -> str:
        return f"{self._digest.algorithm}-{self._digest.hex}"

    def __enter__(self) -> Ingest:
        try:
            # Polled, so that a caller who was cancelled meanwhile is not held by somebody else's slow download.
            while not self._lock.acquire():
                if self._cancelled is not None and self._cancelled():
                    self._refuse_cancelled()
                time.sleep(_POLL_S)
            self.present = self._has(self._digest)
            if self.present:
                self._lock.release(remove=True)
                return self
            # The lock file is the partial file: one name, and nothing to get out of step.
            self._fd = os.open(self._name, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self._ingest)
            self.offset = os.fstat(self._fd).st_size
            if self.offset > self.size:
                self.restart()
        except OSError as error:
            self._close()
            raise _failed(error) from error
        except BaseException:
            self._close()
            raise
        return self

    def _refuse_cancelled(self) -> NoReturn:
        message = f"the download of {self._digest.short} was cancelled"
        raise errors.Error(errors.CANCELLED, message)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._lock.release()

    def stored(self) -> Iterator[bytes]:
        """Yield what an earlier try left, from the beginning, and hash it."""
        self._hash = self._digest.hasher()
        at = 0
        while at < self.offset:
            chunk = os.pread(self._fd, min(_CHUNK, self.offset - at), at)
            if not chunk:
                break
            self._hash.update(chunk)
            at += len(chunk)
            yield chunk

    def restart(self) -> None:
        """Throw away what was there: the server sends from the beginning."""
        os.ftruncate(self._fd, 0)
        self._hash = self._digest.hasher()
        self.offset = 0

    def write(self, chunk: bytes) -> None:
        """Add bytes at ``offset``.

        :raises hezi.errors.Error: CORRUPT: it is more than the blob has; NO_SPACE.
        """
        if self.offset + len(chunk) > self.size:
            self.discard()
            message = f"more bytes came for {self._digest.short} than its size, {self.size}"
            raise errors.Error(errors.CORRUPT, message)
        try:
            done = os.pwrite(self._fd, chunk, self.offset)
            if done < len(chunk):
                os.lseek(self._fd, self.offset + done, os.SEEK_SET)
                atomic.write_all(self._fd, memoryview(chunk)[done:])
        except OSError as error:
            self.discard()
            raise _failed(error) from error
        self._hash.update(chunk)
        self.offset += len(chunk)

    def verify(self) -> None:
        """Check size and digest of what has been fed.

        :raises hezi.errors.Error: UNAVAILABLE: too short; CORRUPT: wrong, and the partial file is gone.
        """
        if self.offset != self.size:
            # A short one may go on another time: keep it.
            message = f"download of {self._digest.short} ended after {self.offset} of {self.size} bytes"
            raise errors.Error(errors.UNAVAILABLE, message, hint="the next pull goes on from there")
        found = f"{self._digest.algorithm}:{self._hash.hexdigest()}"
        if found != self._digest:
            self.discard()
            message = f"digest mismatch: expected {self._digest}, got {found}"
            raise errors.Error(errors.CORRUPT, message, hint="the registry or the connection is faulty; try again")

    def commit(self, *, synced: bool = False) -> None:
        """Verify the blob and put it in its place.

        :param synced: the file system has been synced since the last write.
        :raises hezi.errors.Error: CORRUPT; NO_SPACE and others from the disk.
        """
        self.verify()
        try:
            os.fchmod(self._fd, 0o400)
            if not synced:
                os.fsync(self._fd)
            os.rename(self._name, self._digest.hex, src_dir_fd=self._ingest, dst_dir_fd=self._blobs)
            os.fsync(self._blobs)
        except OSError as error:
            raise _failed(error) from error
        self.present = True

    def discard(self) -> None:
        """Remove the partial file: what is in it is wrong, or the disk is full of it."""
        try:
            os.unlink(self._name, dir_fd=self._ingest)
        except FileNotFoundError:
            return


def _failed(error: OSError) -> errors.Error:
    return errors.from_os_error("cannot store the download", error)
