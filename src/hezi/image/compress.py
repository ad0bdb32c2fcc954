"""Decompression of layers in this process: what the bytes are is told by the bytes, never by a name or a header.

No helper program is ever run (CVE-2014-9357, CVE-2026-41567: engines that ran xz or unpigz found them where the
attacker had put his own). gzip goes through ISA-L, which is two to three times as fast as zlib, zstd through libzstd.
"""

from __future__ import annotations

from typing import cast

from hezi import errors
from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Protocol

    class _Decompressor(Protocol):
        @property
        def eof(self) -> bool: ...
        @property
        def needs_input(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...
        def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


PLAIN = "plain"
GZIP = "gzip"
ZSTD = "zstd"
BZIP2 = "bzip2"
XZ = "xz"

_CHUNK = 1 << 20
_MAGIC_BYTES = 6
_MAGIC = ((b"\x1f\x8b", GZIP), (b"\x28\xb5\x2f\xfd", ZSTD), (b"BZh", BZIP2), (b"\xfd7zXZ\0", XZ))
# What xz -9 asks of who decompresses is 65 MiB; a dictionary of gigabytes is an attack.
_XZ_MEMORY = 256 << 20


class Bounds(NamedTuple):
    """How much a compressed stream may become.

    total: bytes in all.
    free: bytes that are never questioned.
    ratio: beyond ``free``, at most so many times the compressed bytes read so far. gzip cannot exceed 1032.
    """

    total: int = 256 << 30
    free: int = 1 << 30
    ratio: int = 200


DEFAULT_BOUNDS = Bounds()


def detect(head: bytes) -> str:
    """Return PLAIN, GZIP or ZSTD for the first bytes of a layer.

    :raises hezi.errors.Error: UNSUPPORTED: bzip2 or xz, which OCI layers cannot be.
    """
    found = detect_archive(head)
    if found in {BZIP2, XZ}:
        message = f"the layer is compressed with {found}"
        hint = "layers of an image are gzip, zstd or plain tar; convert the image"
        raise errors.Error(errors.UNSUPPORTED, message, hint=hint)
    return found


def detect_archive(head: bytes) -> str:
    """Return how an archive that a user names is packed: as :func:`detect`, or BZIP2 or XZ."""
    # A skippable frame of zstd (0x184D2A50 to 5F) may come first.
    if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
        return ZSTD
    return next((name for magic, name in _MAGIC if head.startswith(magic)), PLAIN)


def decompress(chunks: Iterable[bytes], bounds: Bounds = DEFAULT_BOUNDS, *, archive: bool = False) -> Iterator[bytes]:
    """Yield the uncompressed bytes of ``chunks`` in pieces of at most 1 MiB.

    Several gzip members or zstd frames after one another are one stream, as both formats say.

    :param archive: it is an archive that the user named, not the layer of an image: bzip2 and xz will do too.
    :raises hezi.errors.Error: CORRUPT: the stream is damaged, ends early, has rubbish behind it, or grows beyond
        ``bounds``; UNSUPPORTED: another format.
    """
    source = iter(chunks)
    head = b""
    while len(head) < _MAGIC_BYTES:
        chunk = next(source, None)
        if chunk is None:
            break
        head += chunk
    kind = detect_archive(head) if archive else detect(head)
    counter = _Counter(bounds, "archive" if archive else "layer")
    if kind == PLAIN:
        return _plain(head, source, counter)
    return _members(kind, head, source, counter)


class _Counter:
    __slots__ = ("_bounds", "read", "what", "written")

    def __init__(self, bounds: Bounds, what: str) -> None:
        self._bounds = bounds
        self.what = what
        self.read = 0
        self.written = 0

    def add(self, written: int) -> None:
        self.written += written
        bounds = self._bounds
        if self.written > bounds.total:
            message = f"{self.what} is larger than {bounds.total} bytes uncompressed"
            raise errors.Error(errors.CORRUPT, message)
        if self.written > bounds.free and self.written > self.read * bounds.ratio:
            message = f"{self.what} is a decompression bomb: {self.read} bytes became more than {self.written}"
            raise errors.Error(errors.CORRUPT, message)


def _plain(head: bytes, source: Iterator[bytes], counter: _Counter) -> Iterator[bytes]:
    if head:
        counter.read = len(head)
        counter.add(len(head))
        yield head
    for chunk in source:
        counter.read += len(chunk)
        counter.add(len(chunk))
        yield chunk


def _members(kind: str, head: bytes, source: Iterator[bytes], counter: _Counter) -> Iterator[bytes]:
    make, failures = _codec(kind)
    member = make()
    data: bytes | None = head
    counter.read = len(head)
    while data is not None:
        try:
            out = member.decompress(data, _CHUNK)
        except failures as error:
            message = f"{counter.what} is damaged: {kind}: {error}"
            raise errors.Error(errors.CORRUPT, message) from error
        if out:
            counter.add(len(out))
            yield out
        if member.eof:
            rest = member.unused_data or _next_chunk(source, counter)
            if not rest:
                return
            member, data = make(), rest
        elif member.needs_input:
            data = _next_chunk(source, counter)
        else:
            data = b""
    message = f"{counter.what} is truncated: the {kind} stream ends early"
    raise errors.Error(errors.CORRUPT, message)


def _next_chunk(source: Iterator[bytes], counter: _Counter) -> bytes | None:
    for chunk in source:
        if chunk:
            counter.read += len(chunk)
            return chunk
    return None


def _codec(kind: str) -> tuple[Callable[[], _Decompressor], tuple[type[Exception], ...]]:
    # Imported here: only a pull needs them.
    if kind == GZIP:
        from isal import igzip_lib

        # The stub declares the exception class as an exception.
        failure = cast("type[Exception]", igzip_lib.IsalError)
        return (lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)), (failure, EOFError)
    if kind == BZIP2:
        import bz2

        return bz2.BZ2Decompressor, (OSError, EOFError)
    if kind == XZ:
        import lzma

        return (lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY)), (lzma.LZMAError, EOFError)
    from backports import zstd

    return zstd.ZstdDecompressor, (zstd.ZstdError, EOFError)
