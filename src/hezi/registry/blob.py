"""A blob on its way here, as chunks of bytes, over as many connections as it takes.

A cut connection is taken up where it broke (RFC 9110, Range): bytes are appended only after a 206 whose Content-Range
begins exactly there. A 200 means the server starts over; then what was already delivered is read and dropped. Never
more bytes than the descriptor promises are delivered. The digest is for the reader to check, over what arrives there.
"""

from __future__ import annotations

import threading

from hezi.errors import CANCELLED, CORRUPT, TIMEOUT, UNAVAILABLE, Error
from hezi.registry.connections import Answer, ConnectionFault
from hezi.spec.distribution import parse_content_range, parse_length

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hezi.registry.transport import Transport
    from hezi.spec.image import Descriptor

_READ = 1 << 20  # bytes asked for at once
_CHUNK = 256 << 10  # bytes delivered at once, unless the network is slow
_PATIENCE = 0.2  # seconds; then what is there is delivered, so that a progress display moves
_PROGRESS = 1 << 10  # a connection that brought less counts as failed
# A server that sends less than this is as good as silent; the socket's time-out does not see it.
_FLOOR_SECONDS = 60.0
_FLOOR_BYTES = 4 << 10


class BlobStream:
    """Iterate over it for the bytes from :attr:`offset` to the end; close it, or use it in a ``with`` statement.

    :ivar offset: where the stream begins. 0 if the server cannot begin where it was asked to: start anew.
    :ivar descriptor: what is being fetched.
    """

    def __init__(
        self, open_at: Callable[[int], Answer], descriptor: Descriptor, offset: int, transport: Transport
    ) -> None:
        self.descriptor = descriptor
        self._open_at = open_at
        self._transport = transport
        self._answer: Answer | None = None
        self._skip = 0
        self._cancelled = threading.Event()
        self._failures = 0
        self._fault: ConnectionFault | None = None
        self._window_start = -1.0
        self._window_bytes = 0
        self.offset = offset
        if offset < descriptor.size:
            self._connect(offset)
            self.offset, self._skip = offset - self._skip, 0
        elif offset > descriptor.size:
            self.offset = 0
            self._connect(0)
        self._position = self.offset
        # where the present connection began to be of use
        self._mark = self.offset

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes that were not yielded yet.

        :raises Error: UNAVAILABLE or TIMEOUT when no more can be had, CORRUPT when the server has another size,
            CANCELLED after :meth:`cancel`.
        """
        while self._position < self.descriptor.size:
            if self._answer is None:
                self._reconnect()
            try:
                data = self._chunk(self.descriptor.size - self._position)
            except ConnectionFault as fault:
                self._broke(fault)
                continue
            if data:
                self._position += len(data)
                yield data
        if self._answer is not None:
            self._end(self._answer)
        self.close()

    def __enter__(self) -> BlobStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()

    def cancel(self) -> None:
        """Make the thread that iterates stop with CANCELLED; for another thread to call."""
        self._cancelled.set()
        answer = self._answer
        if answer is not None:
            answer.stop()

    def _reconnect(self) -> None:
        """Connect where the stream is; the transport has its own patience, when that is at an end it is all over."""
        self._mark = self._position
        try:
            self._connect(self._position)
        except ConnectionFault as fault:
            raise self._gave_up(fault) from fault

    def _connect(self, position: int) -> None:
        """Open the blob at ``position``, or before it with ``_skip`` bytes to drop."""
        self._check_cancelled()
        answer = self._open_at(position)
        if answer.status == 416 or (answer.status == 206 and not self._fits(answer, position)):
            # A server whose ranges are of no use. It may still do the plain thing.
            answer.close()
            answer = self._open_at(0)
        start = position if answer.status == 206 and self._fits(answer, position) else 0
        if answer.status == 206 and not self._fits(answer, start):
            answer.close()
            raise Error(
                CORRUPT, f"{self._where(answer)} sent a part of the blob that was not asked for", path=self._name
            )
        if answer.status == 200:
            self._check_length(answer)
        self._answer = answer
        self._skip = position - start

    def _fits(self, answer: Answer, position: int) -> bool:
        found = parse_content_range(answer.header("Content-Range"))
        if found is None or found.first != position:
            return False
        return found.last < self.descriptor.size and found.total in {None, self.descriptor.size}

    def _check_length(self, answer: Answer) -> None:
        length = parse_length(answer.header("Content-Length"))
        if length is not None and length != self.descriptor.size:
            answer.close()
            message = f"{self._where(answer)} has a blob of {length} bytes, the manifest says {self.descriptor.size}"
            raise Error(CORRUPT, message, path=self._name)

    def _chunk(self, wanted: int) -> bytes:
        """Return the next bytes; none if the connection ended or all of it was to be dropped."""
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        answer = self._answer
        if answer is None:
            return b""
        while self._skip:
            self._skip -= len(self._read(answer, min(self._skip, _READ)))
        data = self._read(answer, min(wanted, _READ))
        if len(data) >= _CHUNK or len(data) == wanted:
            return data
        return self._gather(answer, data, wanted)

    def _gather(self, answer: Answer, first: bytes, wanted: int) -> bytes:
        """Join what the network brings in small pieces; a fault is kept for the next call, the bytes are not lost."""
        monotonic = self._transport.pace.monotonic
        pieces, total = [first], len(first)
        started = monotonic()
        while total < min(wanted, _CHUNK) and monotonic() - started < _PATIENCE:
            try:
                data = self._read(answer, min(wanted - total, _READ))
            except ConnectionFault as fault:
                self._fault = fault
                break
            pieces.append(data)
            total += len(data)
        return b"".join(pieces)

    def _read(self, answer: Answer, amount: int) -> bytes:
        """Return at least one byte; an end that comes too early is a fault."""
        self._check_cancelled()
        data = answer.read(amount)
        if not data:
            fault = ConnectionFault(UNAVAILABLE, f"the connection to {self._where(answer)} ended too early")
            fault.transient = True
            raise fault
        self._watch(answer, len(data))
        return data

    def _watch(self, answer: Answer, amount: int) -> None:
        """Give up on a server that drips."""
        now = self._transport.pace.monotonic()
        if self._window_start < 0:
            self._window_start = now
        self._window_bytes += amount
        if now - self._window_start < _FLOOR_SECONDS:
            return
        dripping = self._window_bytes < _FLOOR_BYTES
        self._window_start, self._window_bytes = now, 0
        if dripping:
            fault = ConnectionFault(TIMEOUT, f"{self._where(answer)} sends almost nothing")
            fault.transient = True
            raise fault

    def _broke(self, fault: ConnectionFault) -> None:
        """Count a broken connection and wait; a connection that brought something starts the count again."""
        self.close()
        self._window_start, self._window_bytes = -1.0, 0
        self._check_cancelled()
        self._failures = 0 if self._position - self._mark >= _PROGRESS else self._failures + 1
        if self._failures >= self._transport.limits.tries or not fault.transient:
            raise self._gave_up(fault)
        if self._failures:
            self._transport.pause(self._transport.backoff(self._failures))

    def _gave_up(self, fault: ConnectionFault) -> Error:
        message = f"the download broke off at byte {self._position} of {self.descriptor.size}: {fault.message}"
        return Error(fault.kind, message, path=self._name, hint="pull again: it goes on where it stopped")

    def _end(self, answer: Answer) -> None:
        """Give the connection back if the server said that this was all; else what follows is nobody's business."""
        if parse_length(answer.header("Content-Length")) is not None:
            answer.finished()
            self._answer = None

    def _check_cancelled(self) -> None:
        self._transport.check_cancelled()
        if self._cancelled.is_set():
            raise Error(CANCELLED, "the download was cancelled", path=self._name)

    @staticmethod
    def _where(answer: Answer) -> str:
        return answer.url.origin.authority

    @property
    def _name(self) -> str:
        return str(self.descriptor.digest)
