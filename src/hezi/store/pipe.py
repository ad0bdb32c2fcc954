"""A bounded pipe between two threads, with an end that is always noticed.

Either side may stop at any time: when the reader gives up the writer's next put fails, when the writer fails the
reader's next step raises the same failure. Nobody waits for somebody who is gone (CVE-2021-20291).
"""

from __future__ import annotations

import threading
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class BrokenPipe(Exception):
    """The other side has stopped."""


class Pipe:
    """Chunks of bytes, at most ``limit`` bytes of them waiting (and at least one chunk)."""

    __slots__ = ("_changed", "_chunks", "_closed", "_ended", "_limit", "_size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._closed = False
        self._changed = threading.Condition()

    def put(self, chunk: bytes) -> None:
        """Hand over a chunk; waits while the reader is behind.

        :raises BrokenPipe: the reader has stopped.
        """
        with self._changed:
            while self._chunks and self._size + len(chunk) > self._limit and not self._closed:
                self._changed.wait()
            if self._closed:
                raise BrokenPipe
            self._chunks.append(chunk)
            self._size += len(chunk)
            self._changed.notify_all()

    def end(self) -> None:
        """Say that there is no more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Stop both sides at once."""
        with self._changed:
            self._closed = True
            self._chunks.clear()
            self._size = 0
            self._changed.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                while not self._chunks and not self._ended and not self._closed:
                    self._changed.wait()
                if self._closed:
                    raise BrokenPipe
                if not self._chunks:
                    return
                chunk = self._chunks.popleft()
                self._size -= len(chunk)
                self._changed.notify_all()
            yield chunk
