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

_CHUNK = 1 << 20
_MAGIC_BYTES = 6


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
    if head.startswith(b"\x1f\x8b"):
        return GZIP
    # A skippable frame (0x184D2A50 to 5F) may come first.
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        return ZSTD
    for magic, name in ((b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz")):
        if head.startswith(magic):
            message = f"the layer is compressed with {name}"
            hint = "layers of an image are gzip, zstd or plain tar; convert the image"
            raise errors.Error(errors.UNSUPPORTED, message, hint=hint)
    return PLAIN


def decompress(chunks: Iterable[bytes], bounds: Bounds = DEFAULT_BOUNDS) -> Iterator[bytes]:
    """Yield the uncompressed bytes of ``chunks`` in pieces of at most 1 MiB.

    Several gzip members or zstd frames after one another are one stream, as both formats say.

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
    kind = detect(head)
    counter = _Counter(bounds)
    if kind == PLAIN:
        return _plain(head, source, counter)
    return _members(kind, head, source, counter)


class _Counter:
    __slots__ = ("_bounds", "read", "written")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.read = 0
        self.written = 0

    def add(self, written: int) -> None:
        self.written += written
        bounds = self._bounds
        if self.written > bounds.total:
            message = f"layer is larger than {bounds.total} bytes uncompressed"
            raise errors.Error(errors.CORRUPT, message)
        if self.written > bounds.free and self.written > self.read * bounds.ratio:
            message = f"layer is a decompression bomb: {self.read} bytes became more than {self.written}"
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
            message = f"layer is damaged: {kind}: {error}"
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
    message = f"layer is truncated: the {kind} stream ends early"
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
    from backports import zstd

    return zstd.ZstdDecompressor, (zstd.ZstdError, EOFError)
