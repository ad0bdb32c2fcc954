"""A caller attached to a container: bytes both ways over its monitor's line, signals, sizes, and the end.

    caller's stdin ── STDIN frames, as far as the monitor gives credit ──> program
    caller's stdout, stderr <── STDOUT, STDERR frames ── program
    signal(), resize() ── queue, eventfd ──> the loop, which sends them between two frames

One thread, poll(2). Descriptors of the caller stay in their mode (O_NONBLOCK belongs to the open file, which the caller
shares with others). Python's signal handlers may call :meth:`Session.signal` while the loop is in the middle of a
frame: what they ask is queued, never sent by themselves.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import suppress

from hezi.engine import streams
from hezi.runtime import attach, protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.engine.callers import Streams

_CHUNK = 64 << 10
_SIGNAL, _RESIZE = 0, 1


class Session:
    """See the module. Owns the client.

    :param source: the caller's descriptor to read input from, -1 for none; stays the caller's.
    :param keys: the detach keys, None where they mean nothing.
    :ivar ended: the exit record, None before the end.
    :ivar detached: the detach keys were typed.
    :ivar gone: the monitor died without saying how the program ended.
    """

    def __init__(
        self, client: attach.MonitorClient, io: Streams, *, source: int = -1, keys: bytes | None = None
    ) -> None:
        self.client = client
        self.ended: dict[str, Any] | None = None
        self.detached = self.gone = False
        self._writers = {protocol.STDOUT: streams.writer(io.stdout), protocol.STDERR: streams.writer(io.stderr)}
        self._source = source
        self._pending = memoryview(io.data)
        self._input_over = source < 0
        # Only a client that asked for WANT_STDIN is listened to; an end that others send is passed over.
        self._eof_sent = False
        self._keys = None if keys is None else streams.DetachFilter(keys)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._asked: list[tuple[int, int, int]] = []
        self._looping = False
        self._poll = select.poll()
        self._poll.register(client.fileno(), select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)
        self._polled = False

    @property
    def closed(self) -> bool:
        """Whether it was left."""
        return self._wake < 0

    # --- asked from outside, perhaps from a signal handler -----------------------------------------------------------

    def signal(self, number: int) -> None:
        """Send a signal to the program; one that has ended is no error."""
        self._ask(_SIGNAL, number, 0)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of its terminal; without one nothing happens."""
        self._ask(_RESIZE, rows, columns)

    def _ask(self, kind: int, first: int, second: int) -> None:
        if self._wake < 0:
            return
        self._asked.append((kind, first, second))
        if self._looping:
            os.eventfd_write(self._wake, 1)
        else:
            self._send_asked()

    def _send_asked(self) -> None:
        while self._asked:
            kind, first, second = self._asked.pop(0)
            try:
                if kind == _SIGNAL:
                    self.client.ask(protocol.SIGNAL, protocol.U8.pack(first))
                else:
                    self.client.ask(protocol.RESIZE, protocol.SIZE.pack(min(first, 65535), min(second, 65535)))
            except attach.Gone:
                return

    # --- the loop ---------------------------------------------------------------------------------------------------

    def run(self, timeout: float | None = None) -> bool:
        """Move bytes until the program has ended, the keys were typed or the monitor is gone; False when time was up.

        :param timeout: seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        self._looping = True
        try:
            self._send_asked()
            while not (self.ended is not None or self.detached or self.gone):
                if not self._turn(deadline):
                    return False
        finally:
            self._looping = False
        return True

    def _turn(self, deadline: float | None) -> bool:
        try:
            self._feed()
        except attach.Gone:
            # It takes nothing any more; what it had to say is still to be read.
            self._no_input()
        self._watch_source()
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready = self._poll.poll(None if left is None else left * 1000 + 1)
        if not ready:
            return deadline is None or time.monotonic() < deadline
        for fd, _ in ready:
            if fd == self._wake:
                os.eventfd_read(self._wake)
                self._send_asked()
            elif fd == self._source:
                self._read_source()
            else:
                self._receive()
        return True

    def _receive(self) -> None:
        try:
            found = self.client.next(0)
        except attach.Gone:
            self.gone = True
            return
        while found is not None:
            self._take(*found)
            # Not further than what is read already: the caller's own output may block for long.
            found = self.client.next(0) if self.client.pending() else None

    def _take(self, kind: int, payload: bytes) -> None:
        if kind in self._writers:
            try:
                self._writers[kind](payload)
            except BrokenPipeError:
                # Our reader is gone: the program is to know, as it would without us.
                self._writers[kind] = streams.discard
                with suppress(attach.Gone):
                    self.client.close_output(kind)
        elif kind == protocol.EXIT:
            self.ended = self.client.document(payload)
        elif kind == protocol.INPUT_CLOSED:
            self._no_input()

    # --- input ------------------------------------------------------------------------------------------------------

    def _no_input(self) -> None:
        self._pending, self._input_over, self._eof_sent = memoryview(b""), True, True

    def _watch_source(self) -> None:
        wanted = self._source >= 0 and not self._input_over and not self._pending
        if wanted and not self._polled:
            self._poll.register(self._source, select.POLLIN)
        elif not wanted and self._polled:
            self._poll.unregister(self._source)
        self._polled = wanted

    def _read_source(self) -> None:
        try:
            data = os.read(self._source, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            # A terminal that was hung up, a socket that was reset: no more input.
            data = b""
        if not data:
            self._input_over = True
        elif self._keys is not None:
            data, self.detached = self._keys.feed(data)
        self._pending = memoryview(data)

    def _feed(self) -> None:
        """Send input as far as there is credit, and its end after the last byte."""
        if self._eof_sent:
            return
        while self._pending and self.client.credit:
            self._pending = self._pending[self.client.send_stdin(self._pending) :]
        if self._input_over and not self._pending:
            self._eof_sent = True
            self.client.send_eof()

    def close(self) -> None:
        """Leave; the container goes on. Again does nothing."""
        if self._wake >= 0:
            os.close(self._wake)
            self._wake = -1
            self.client.close()
