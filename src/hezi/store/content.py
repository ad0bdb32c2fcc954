"""The content store: blobs by digest, in an OCI image layout that skopeo and umoci read.

    content/oci-layout            {"imageLayoutVersion": "1.0.0"}
    content/index.json            one entry for each name of an image
    content/blobs/sha256/<hex>    written once, never changed, mode 0400
    ingest/sha256-<hex>           a download under way or broken off; locked (flock) by who writes it

In ``index.json`` an image's full name is both ``org.opencontainers.image.ref.name`` and ``io.containerd.image.name``:
``skopeo inspect oci:ROOT/content:docker.io/library/busybox:latest``. Tags alone would not be unique.

Commit order: all bytes written and verified (size and digest), fsync, rename, fsync of the directory. A blob that is in
its place is therefore whole, whatever was killed or cut off and when.
"""

from __future__ import annotations

import errno
import os

from hezi import errors
from hezi._util import atomic
from hezi.linux import fd as linux_fd
from hezi.spec.digest import Digest
from hezi.store import paths
from hezi.store.ingest import Ingest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hezi.spec.image import Descriptor

_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
REF_NAME = "org.opencontainers.image.ref.name"
IMAGE_NAME = "io.containerd.image.name"


class ContentStore:
    """The blobs below ``root``; made when missing.

    :raises hezi.errors.Error: it cannot be made or opened.
    """

    __slots__ = ("_blobs", "_content", "_ingest", "root")

    def __init__(self, root: str) -> None:
        self.root = root
        self._content = paths.open_directory(root, "content")
        self._blobs: dict[str, int] = {}
        self._ingest = -1
        if not self._has_layout():
            self._make_layout()

    def close(self) -> None:
        """Close the descriptors."""
        for fd in (self._content, self._ingest, *self._blobs.values()):
            if fd >= 0:
                os.close(fd)
        self._content = self._ingest = -1
        self._blobs.clear()

    def _has_layout(self) -> bool:
        try:
            os.stat("index.json", dir_fd=self._content)
        except FileNotFoundError:
            return False
        return True

    def _make_layout(self) -> None:
        try:
            self._directory("sha256")
            atomic.write_file(self._content, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            atomic.write_file(self._content, "index.json", _index(()))
        except OSError as error:
            doing = "cannot make the image store"
            raise errors.from_os_error(doing, error) from error

    def _directory(self, algorithm: str) -> int:
        if algorithm not in self._blobs:
            self._blobs[algorithm] = paths.open_directory(self.root, f"content/blobs/{algorithm}")
        return self._blobs[algorithm]

    def _ingest_directory(self) -> int:
        if self._ingest < 0:
            self._ingest = paths.open_directory(self.root, "ingest")
        return self._ingest

    def has(self, digest: Digest) -> bool:
        """Say whether the blob is there; what is there is whole."""
        return self.size(digest) is not None

    def size(self, digest: Digest) -> int | None:
        """Return the bytes of a blob, None when it is not there."""
        try:
            return os.stat(digest.hex, dir_fd=self._directory(digest.algorithm), follow_symlinks=False).st_size
        except FileNotFoundError:
            return None

    def open(self, digest: Digest) -> int:
        """Open a blob for reading; the descriptor is the caller's.

        :raises hezi.errors.Error: NOT_FOUND.
        """
        try:
            return os.open(digest.hex, _READ, dir_fd=self._directory(digest.algorithm))
        except FileNotFoundError as error:
            message = f"blob {digest} is not in the store"
            raise errors.Error(errors.NOT_FOUND, message, hint="pull the image again") from error

    def read(self, digest: Digest, limit: int) -> bytes:
        """Return a small blob, verified again: a document decides what runs, a disk may rot.

        :param limit: most bytes to accept.
        :raises hezi.errors.Error: NOT_FOUND; CORRUPT: it is larger, or its bytes are not its digest's.
        """
        fd = self.open(digest)
        try:
            data = bytearray()
            while chunk := os.read(fd, min(_CHUNK, limit + 1 - len(data))):
                data += chunk
        finally:
            os.close(fd)
        found = bytes(data)
        if Digest.of(found, digest.algorithm) != digest:
            message = f"blob {digest} in the store is damaged"
            raise errors.Error(errors.CORRUPT, message, hint="remove the image and pull it again")
        return found

    def chunks(self, digest: Digest) -> Iterator[bytes]:
        """Yield the bytes of a blob, not verified.

        :raises hezi.errors.Error: NOT_FOUND.
        """
        fd = self.open(digest)
        try:
            while chunk := os.read(fd, _CHUNK):
                yield chunk
        finally:
            os.close(fd)

    def drop_if_damaged(self, digest: Digest) -> bool:
        """Read a blob again and remove it when its bytes are not its digest's; True when that was done."""
        hasher = digest.hasher()
        for chunk in self.chunks(digest):
            hasher.update(chunk)
        if f"{digest.algorithm}:{hasher.hexdigest()}" == digest:
            return False
        self.delete(digest)
        return True

    def write(self, digest: Digest, data: bytes) -> None:
        """Store a document that is in memory: a manifest or a config.

        :raises hezi.errors.Error: CORRUPT: it is not what the digest says; NO_SPACE.
        """
        if self.has(digest):
            return
        if Digest.of(data, digest.algorithm) != digest:
            message = f"a document is not what its digest says: {digest}"
            raise errors.Error(errors.CORRUPT, message)
        try:
            # No partial file: nobody goes on with a document that has the time in it.
            fd = self.nameless()
            try:
                atomic.write_all(fd, data)
                self.adopt(fd, digest)
            finally:
                os.close(fd)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR}:
                doing = "cannot store the document"
                raise errors.from_os_error(doing, error) from error
            self._write_named(digest, data)

    def _write_named(self, digest: Digest, data: bytes) -> None:
        """As :meth:`write`, where the file system has no files without a name."""
        with self.ingest(digest, len(data)) as ingest:
            if not ingest.present:
                ingest.restart()
                ingest.write(data)
                ingest.commit()

    def ingest(self, digest: Digest, size: int, *, cancelled: Callable[[], bool] | None = None) -> Ingest:
        """Return the way to write a blob of ``size`` bytes: a context manager, locked while it is entered.

        Where another process writes the same blob, entering waits for it; ``present`` then says that the blob is there.

        :param cancelled: asked while waiting; True ends it with CANCELLED.
        """
        return Ingest(self.has, self._ingest_directory(), self._directory(digest.algorithm), digest, size, cancelled)

    def nameless(self) -> int:
        """Open a file for a blob whose digest is not known yet; it is gone with its descriptor unless it is adopted.

        :raises OSError: the disk is full, or the file system has no such files (O_TMPFILE, Linux 3.11).
        """
        return os.open(".", os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600, dir_fd=self._directory("sha256"))

    def adopt(self, fd: int, digest: Digest, *, synced: bool = False) -> None:
        """Put a file of :meth:`nameless` in its place as a blob; the caller has computed the digest of its bytes.

        :param synced: the file system has been synced since the last write.
        :raises OSError: the disk is full, ...
        """
        directory = self._directory(digest.algorithm)
        os.fchmod(fd, 0o400)
        if not synced:
            os.fsync(fd)
        proc = linux_fd.open_self_fd()
        try:
            os.link(str(fd), digest.hex, src_dir_fd=proc, dst_dir_fd=directory, follow_symlinks=True)
        except FileExistsError:
            return  # it was there already, or somebody else was faster
        finally:
            os.close(proc)
        os.fsync(directory)

    def delete(self, digest: Digest) -> int:
        """Remove a blob and return its size, 0 when it was not there."""
        size = self.size(digest)
        try:
            os.unlink(digest.hex, dir_fd=self._directory(digest.algorithm))
        except FileNotFoundError:
            return 0
        return size or 0

    def stored_at(self, digest: Digest) -> float:
        """Return when a blob was written, in seconds since the epoch; 0 when it is not there."""
        try:
            return os.stat(digest.hex, dir_fd=self._directory(digest.algorithm), follow_symlinks=False).st_mtime
        except FileNotFoundError:
            return 0.0

    def list(self) -> list[Digest]:
        """Return the digests of all blobs."""
        found: list[Digest] = []
        for algorithm in os.listdir(os.path.join(self.root, "content/blobs")):
            for name in os.listdir(self._directory(algorithm)):
                try:
                    found.append(Digest(f"{algorithm}:{name}"))
                except errors.Error:
                    continue  # not ours
        return found

    def write_index(self, entries: Iterable[tuple[str, Descriptor]]) -> None:
        """Write ``index.json``: all names of images, each with the descriptor of its manifest.

        :raises OSError: it cannot be written.
        """
        atomic.write_file(self._content, "index.json", _index(entries))


def _index(entries: Iterable[tuple[str, Descriptor]]) -> bytes:
    from hezi.spec import image

    named = tuple(
        descriptor._replace(annotations=((REF_NAME, name), (IMAGE_NAME, name))) for name, descriptor in entries
    )
    return image.encode_index(named)
