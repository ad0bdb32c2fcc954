"""Moving bytes between a box and its caller: exact, both ways, half-closed where one side is, and to the last byte.

    caller's stdin ──> pending ──> pipe or terminal of the box
    pipes or terminal of the box ──> caller's stdout, stderr (or memory)

One thread, poll(2). Descriptors of the caller stay in their mode (O_NONBLOCK belongs to the open file, which the caller
shares with others); only our ends of the pipes are made non-blocking.
"""

from __future__ import annotations

import errno
import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 64 << 10
_PENDING_LIMIT = 256 << 10
# A process that outlived the program may hold its pipes for ever: how long we listen on after the end.
_DRAIN_SECONDS = 10.0
_DRAIN_IDLE_SECONDS = 1.0
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR


class DetachFilter:
    """Finds the detach keys in what is typed; a prefix that came to nothing is passed on."""

    __slots__ = ("_keys", "_matched")

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._matched = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what to pass on, and whether the keys were typed in full (what follows them is passed on too)."""
        passed = bytearray()
        found = False
        for byte in data:
            if byte == self._keys[self._matched]:
                self._matched += 1
                if self._matched == len(self._keys):
                    self._matched = 0
                    found = True
                continue
            passed += self._keys[: self._matched]
            self._matched = 0
            if byte == self._keys[0]:
                self._matched = 1
            else:
                passed.append(byte)
        return bytes(passed), found


class Output:
    """One stream out of the box."""

    __slots__ = ("fd", "write")

    def __init__(self, fd: int, write: Callable[[bytes], None]) -> None:
        self.fd = fd
        self.write = write


class Pump:
    """The streams of one box. Owns the descriptors of the box's side that it is given.

    :param pidfd: of the program, readable when it has ended.
    :param outputs: what to read, and who gets it.
    :param source: the caller's descriptor to read input from, -1 for none; stays the caller's.
    :param sink: our end of the program's input; equal to the descriptor of an output for a terminal; -1 for none.
    :param data: input that is there already (the Python API's ``input=``).
    :param detach: finds the detach keys, or None.
    :ivar detached: they were typed: the caller is to leave, the program goes on.
    """

    def __init__(
        self,
        pidfd: int,
        outputs: list[Output],
        *,
        source: int = -1,
        sink: int = -1,
        data: bytes = b"",
        detach: DetachFilter | None = None,
    ) -> None:
        self._pidfd = pidfd
        self._outputs = {output.fd: output for output in outputs}
        self._source = source
        self._sink = sink
        self._pending = memoryview(data)
        self._detach = detach
        self.detached = False
        self._terminal = sink >= 0 and sink in self._outputs
        self._poll = select.poll()
        self._watched: dict[int, int] = {}
        for fd in {*self._outputs, sink} - {-1}:
            os.set_blocking(fd, False)
        self._watch(pidfd, select.POLLIN)
        for fd in self._outputs:
            self._watch(fd, select.POLLIN)
        self._update_input()

    @property
    def terminal(self) -> int:
        """The master side of the box's terminal; -1 when there is none, or it is closed."""
        return self._sink if self._terminal else -1

    def run(self, timeout: float | None = None) -> bool:
        """Move bytes until the program has ended or was left; False when ``timeout`` seconds passed before that."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._pidfd in self._watched and not self.detached:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._turn(left)
        return True

    def drain(self) -> None:
        """Move what the ended program has written; returns at the end of its streams, or when others hold them open."""
        self._close_sink()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._outputs and time.monotonic() < deadline:
            if not self._turn(_DRAIN_IDLE_SECONDS):
                return

    def close(self) -> None:
        """Close our ends."""
        self._close_sink()
        for fd in list(self._outputs):
            self._close_output(fd)

    def _turn(self, seconds: float | None) -> bool:
        """Wait once and serve what is ready; False when nothing was."""
        events = self._poll.poll(None if seconds is None else max(seconds, 0) * 1000)
        for fd, event in events:
            if fd == self._pidfd:
                self._watch(fd, 0)
            elif fd == self._sink and event & (select.POLLOUT | select.POLLERR) and self._pending:
                self._feed()
            if fd in self._outputs and event & _READABLE:
                self._read_output(fd)
            elif fd == self._source and event & (_READABLE | select.POLLNVAL):
                self._read_source()
            elif fd == self._sink and event & (select.POLLERR | select.POLLNVAL) and not self._terminal:
                # The program has closed its input.
                self._close_sink()
        return bool(events)

    def _watch(self, fd: int, events: int) -> None:
        if self._watched.get(fd) == events:
            return
        if events:
            self._poll.register(fd, events)
            self._watched[fd] = events
        elif self._watched.pop(fd, 0):
            self._poll.unregister(fd)

    def _update_input(self) -> None:
        """Poll the source while there is room, the sink while there is something; close it after the last byte."""
        if self._source >= 0:
            self._watch(self._source, select.POLLIN if len(self._pending) < _PENDING_LIMIT else 0)
        if self._sink < 0:
            return
        if not self._pending and self._source < 0 and not self._terminal:
            self._close_sink()
            return
        base = select.POLLIN if self._sink in self._outputs else select.POLLERR
        self._watch(self._sink, base | (select.POLLOUT if self._pending else 0))

    def _read_source(self) -> None:
        try:
            data = os.read(self._source, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            # A terminal that was hung up, a socket that was reset: no more input.
            data = b""
        if not data:
            self._watch(self._source, 0)
            self._source = -1
        elif self._detach is not None:
            data, found = self._detach.feed(data)
            self.detached = self.detached or found
        if data and self._sink >= 0:
            self._pending = memoryview(bytes(self._pending) + data) if self._pending else memoryview(data)
            self._feed()
        else:
            self._update_input()

    def _feed(self) -> None:
        try:
            written = os.write(self._sink, self._pending[:_CHUNK])
        except BlockingIOError:
            written = 0
        except OSError:
            # EPIPE: the program does not read any more. Its end will tell us, there is nothing to say about it.
            self._close_sink()
            return
        self._pending = self._pending[written:]
        self._update_input()

    def _read_output(self, fd: int) -> None:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            # EIO of a terminal: nobody has the other side open.
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            self._close_output(fd)
            return
        try:
            self._outputs[fd].write(data)
        except BrokenPipeError:
            # Our reader is gone. Closing the pipe lets the program know; a terminal is read on and thrown away.
            if self._terminal:
                self._outputs[fd].write = discard
            else:
                self._close_output(fd)

    def _close_output(self, fd: int) -> None:
        if self._terminal and fd == self._sink:
            self._sink = -1
        self._watch(fd, 0)
        del self._outputs[fd]
        os.close(fd)
        if self._sink < 0 and self._source >= 0:
            self._stop_source()

    def _close_sink(self) -> None:
        """Close our end of the program's input (the terminal is closed with its output)."""
        fd, self._sink = self._sink, -1
        self._pending = memoryview(b"")
        if fd >= 0 and self._terminal:
            self._watch(fd, select.POLLIN)
        elif fd >= 0:
            self._watch(fd, 0)
            os.close(fd)
        self._stop_source()

    def _stop_source(self) -> None:
        if self._source >= 0:
            self._watch(self._source, 0)
            self._source = -1


def discard(_data: bytes) -> None:
    """Nobody wants it."""


def writer(target: int | Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Return a function that writes everything to a descriptor, waiting when it is non-blocking and full.

    A function is returned as it is.
    """
    if not isinstance(target, int):
        return target
    fd = target

    def write(data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                poll = select.poll()
                poll.register(fd, select.POLLOUT)
                poll.poll()

    return write
