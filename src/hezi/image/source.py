"""A stream of chunks, read in exact pieces without copying what need not be copied.

A tar archive is read in 512-byte blocks, its file data in whatever pieces the decompressor made: headers are sliced
out of the current chunk, data is handed on as views of it.
"""

from __future__ import annotations

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Source:
    """The bytes of ``chunks`` in order; a chunk may have any length, an empty one means nothing."""

    __slots__ = ("_chunk", "_chunks", "_end", "_pos", "_view", "offset")

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._chunk = b""
        self._view = memoryview(b"")
        self._pos = 0
        self._end = 0
        self.offset = 0
        """Offset of the current chunk's first byte in the stream."""

    def position(self) -> int:
        """Return the offset in the stream of the next byte."""
        return self.offset + self._pos

    def _refill(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self.offset += self._end
                self._chunk = chunk
                self._view = memoryview(chunk)
                self._pos = 0
                self._end = len(chunk)
                return True
        return False

    def block(self) -> bytes:
        """Return the next 512 bytes, or ``b""`` when the stream ends exactly here.

        :raises hezi.errors.Error: CORRUPT: it ends inside the block.
        """
        pos = self._pos
        end = pos + 512
        if end <= self._end:
            self._pos = end
            return self._chunk[pos:end]
        if pos == self._end and not self._refill():
            return b""
        return self.take(512)

    def take(self, size: int) -> bytes:
        """Return exactly ``size`` bytes; the caller has checked that so many may be held in memory.

        :raises hezi.errors.Error: CORRUPT: the stream ends before.
        """
        pos = self._pos
        end = pos + size
        if end <= self._end:
            self._pos = end
            return self._chunk[pos:end]
        return b"".join(self.views(size))

    def views(self, size: int) -> Iterator[memoryview]:
        """Yield views that together are the next ``size`` bytes.

        A view is taken off the stream when it is yielded, so a caller may stop early; each is valid as long as it
        is held.

        :raises hezi.errors.Error: CORRUPT: the stream ends before.
        """
        while size:
            pos = self._pos
            have = self._end - pos
            if not have:
                if not self._refill():
                    raise truncated(self.position())
                continue
            have = min(have, size)
            self._pos = pos + have
            size -= have
            yield self._view[pos : pos + have]

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes.

        :raises hezi.errors.Error: CORRUPT: the stream ends before.
        """
        have = self._end - self._pos
        if size <= have:
            self._pos += size
            return
        for _ in self.views(size):
            pass

    def pass_over(self, size: int) -> bool:
        """Pass over at most ``size`` bytes, fewer when the stream ends; say whether all of them were there."""
        while size:
            have = min(self._end - self._pos, size)
            if not have and not self._refill():
                return False
            self._pos += have
            size -= have
        return True

    def drain(self) -> None:
        """Read to the end of the stream: what follows the archive counts for the digest all the same."""
        self._pos = self._end
        while self._refill():
            self._pos = self._end


def truncated(position: int) -> errors.Error:
    """Return the error for an archive that ends too early."""
    return errors.Error(errors.CORRUPT, f"layer is truncated: the archive ends at byte {position}, inside an entry")
