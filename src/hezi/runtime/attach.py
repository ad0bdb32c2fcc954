"""The other side of a monitor's socket, for the engine: ask, attach, move bytes, wait.

::

    client = attach.connect(f"{runroot}/containers/{id}")   # NOT_FOUND when there is no monitor: it is not running
    client.state()                                          # dict, as in state.json
    client.stop(signal=0, timeout=None)                     # returns when it was asked; then client.wait()
    client.signal(15); client.pause(); client.unpause(); client.resize(24, 80); client.update("always", 0)
    client.wait(timeout=None)                               # dict as in exit.json; None when the time was up
    client.wait_gone()                                      # the monitor has cleaned up and ended

    client.hello(protocol.WANT_STDOUT | protocol.WANT_STDERR | protocol.WANT_STDIN)
    event = client.next(timeout)                            # (kind, payload), or None when the time was up
    client.fileno()                                         # to poll, with client.pending() for what is read already
    client.send_stdin(data) -> int                          # how much was taken; 0: wait for CREDIT, then go on
    client.send_eof(); client.close_output(protocol.STDOUT); client.detach()

A monitor that died shows as :class:`Gone` from any of these (kind UNAVAILABLE): the caller then looks at exit.json, and
without one the exit code is unknown. One thread per client; nothing blocks longer than a time-out that was given.
"""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import os
import select
import time
from contextlib import suppress

from hezi import errors
from hezi.linux import fd as linux_fd
from hezi.runtime import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

_READ = 1 << 18
_ANSWER_SECONDS = 30.0
_MAX_FDS = 2


class Gone(errors.Error):
    """The monitor closed the line, or never was there."""

    def __init__(self, message: str = "the container's monitor is gone") -> None:
        super().__init__(errors.UNAVAILABLE, message)


def connect(directory: str) -> MonitorClient:
    """Connect to the monitor of a container.

    :param directory: runroot/containers/<id>.
    :raises hezi.errors.Error: NOT_FOUND when there is none.
    """
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC, 0)
    try:
        # By a descriptor, since the name of a socket has room for 107 bytes only.
        at = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sock.connect(f"/proc/self/fd/{at}/{protocol.SOCKET}")
        finally:
            os.close(at)
    except OSError as error:
        sock.close()
        message = "the container is not running"
        raise errors.Error(errors.NOT_FOUND, message) from error
    return MonitorClient(sock)


class MonitorClient:
    """One connection. Frames that arrive while something else is awaited are kept, in order, for :meth:`next`."""

    __slots__ = ("_credit", "_exit", "_frames", "_kept", "_poll", "_socket")

    def __init__(self, sock: _socket.socket) -> None:
        self._socket = sock
        self._frames = protocol.Frames()
        self._kept: list[tuple[int, bytes]] = []
        self._credit = 0
        self._exit: dict[str, Any] | None = None
        self._poll = select.poll()
        self._poll.register(sock.fileno(), select.POLLIN)

    # --- asking ---------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Give state.json as it is now."""
        self._send(protocol.QUERY)
        return _document(self._answer((protocol.STATE,)))

    def ask(self, kind: int, payload: bytes = b"") -> None:
        """Send a request and do not wait: its OK or ERROR comes by :meth:`next`, for those who read that."""
        self._send(kind, payload)

    @staticmethod
    def document(payload: bytes) -> dict[str, Any]:
        """Read the payload of STATE or EXIT."""
        return _document(payload)

    def stop(self, signal: int = 0, timeout: float | None = None) -> None:
        """Have it stopped: the signal (0: its own), then SIGKILL after seconds (-1: never; None: its own)."""
        milliseconds = -2 if timeout is None else -1 if timeout < 0 else min(round(timeout * 1000), 2**31 - 1)
        self._request(protocol.STOP, protocol.STOPPING.pack(signal, milliseconds))

    def signal(self, number: int) -> None:
        """Send a signal to the first process; one that has ended is no error."""
        self._request(protocol.SIGNAL, protocol.U8.pack(number))

    def pause(self, *, while_here: bool = False) -> None:
        """Freeze every process.

        :param while_here: let them go on when this line is closed, by whatever.
        :raises hezi.errors.Error: CONFLICT when it is paused, UNSUPPORTED without the means.
        """
        self._request(protocol.PAUSE, b"\x01" if while_here else b"")

    def unpause(self) -> None:
        """Let them go on."""
        self._request(protocol.UNPAUSE)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal; without one nothing happens."""
        self._request(protocol.RESIZE, protocol.SIZE.pack(min(rows, 65535), min(columns, 65535)))

    def keep(self) -> None:
        """Have a container of ``--rm`` stay where it is at its next end."""
        self._request(protocol.KEEP)

    def update(self, restart: str, most: int = 0) -> None:
        """Replace the restart policy."""
        self._request(protocol.UPDATE, protocol.U32.pack(most) + restart.encode())

    def wait(self, timeout: float | None = None, *, until: int = protocol.WAIT_NOT_RUNNING) -> dict[str, Any] | None:
        """Wait for the exit record; output that comes meanwhile is kept for :meth:`next`.

        :param until: ``protocol.WAIT_*``.
        :return: as in exit.json; None when ``timeout`` seconds have passed.
        """
        if self._exit is None:
            # Gone already, it may have left the answer for those who were attached.
            with suppress(Gone):
                self._send(protocol.WAIT, protocol.U8.pack(until))
            payload = self._await((protocol.EXIT,), timeout)
            if payload is None:
                return None
            self._exit = _document(payload)
        found, self._exit = self._exit, None
        return found

    def wait_gone(self, timeout: float | None = None) -> bool:
        """Wait until the monitor has cleaned up and ended; False when the time was up."""
        try:
            return self._await((), timeout) is not None
        except Gone:
            return True

    # --- programs that join ---------------------------------------------------------------------------------------

    def execute(self, payload: bytes, fds: tuple[int, ...]) -> tuple[int, bytes, list[int]]:
        """Have a program started (see :mod:`hezi.runtime.exec`); the connection is its own from then on.

        :return: STARTED or FAILED, its payload, and the descriptors that came with it.
        :raises hezi.errors.Error: what the monitor refused.
        """
        self._send(protocol.EXEC, payload, fds)
        received: list[int] = []
        try:
            while not self._kept:
                data, more = linux_fd.recv_fds(self._socket, _READ, _MAX_FDS)
                received += more
                if not data:
                    raise Gone
                self._take(data)
        except (OSError, errors.Error) as error:
            for fd in received:
                os.close(fd)
            if isinstance(error, OSError):
                raise Gone from error
            raise
        kind, answer = self._kept.pop(0)
        if kind == protocol.ERROR:
            raise _refusal(answer)
        if kind not in {protocol.STARTED, protocol.FAILED} or (kind == protocol.STARTED and not received):
            # The container ended in between: its end is all there is to hear of.
            for fd in received:
                os.close(fd)
            message = "the container has ended"
            raise Gone(message)
        return kind, answer, received

    def result(self, timeout: float | None = None) -> dict[str, Any] | None:
        """Wait for the end of the program that :meth:`execute` started; None when the time was up."""
        payload = self._await((protocol.EXIT,), timeout)
        return None if payload is None else _document(payload)

    # --- streams --------------------------------------------------------------------------------------------------

    def hello(self, flags: int) -> dict[str, Any]:
        """Attach to what the flags name (``protocol.WANT_*``); gives the state."""
        self._send(protocol.HELLO, protocol.U16.pack(flags))
        return _document(self._answer((protocol.STATE,)))

    def fileno(self) -> int:
        """Give the descriptor to poll for reading."""
        return self._socket.fileno()

    def pending(self) -> bool:
        """Tell whether :meth:`next` has something without reading."""
        return bool(self._kept)

    def next(self, timeout: float | None = None) -> tuple[int, bytes] | None:
        """Give the next frame; None when ``timeout`` seconds (0: at once) have passed.

        CREDIT is taken note of and handed out too, so that the caller tries :meth:`send_stdin` again.

        :raises Gone: the line has ended.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._kept:
            if not self._receive(deadline):
                return None
        return self._kept.pop(0)

    @property
    def credit(self) -> int:
        """How many bytes of input may be sent now."""
        return self._credit

    def send_stdin(self, data: bytes | memoryview) -> int:
        """Send as much input as the monitor has room for; gives how much."""
        part = bytes(data[: min(self._credit, protocol.MAX_PAYLOAD)])
        if part:
            self._credit -= len(part)
            self._send(protocol.STDIN, part)
        return len(part)

    def send_eof(self) -> None:
        """Say that no more input comes."""
        self._send(protocol.STDIN_EOF)

    def close_output(self, kind: int) -> None:
        """Say that our own reader of STDOUT or STDERR is gone, as in ``run ... | head``.

        Asked by a client with BACKPRESSURE, when no other one reads it, the program gets SIGPIPE or EPIPE. The exit is
        still told.
        """
        self._send(protocol.CLOSE_OUTPUT, protocol.U8.pack(kind))

    def detach(self) -> None:
        """Leave without ending the program's input."""
        self._send(protocol.DETACH)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _send(self, kind: int, payload: bytes = b"", fds: tuple[int, ...] = ()) -> None:
        try:
            linux_fd.send_fds(self._socket, protocol.frame(kind, payload), fds)
        except ConnectionError as error:
            raise Gone from error

    def _request(self, kind: int, payload: bytes = b"") -> None:
        self._send(kind, payload)
        self._answer((protocol.OK,))

    def _answer(self, kinds: tuple[int, ...]) -> bytes:
        payload = self._await((*kinds, protocol.ERROR), _ANSWER_SECONDS)
        if payload is None:
            message = "the container's monitor does not answer"
            raise errors.Error(errors.TIMEOUT, message)
        return payload

    def _await(self, kinds: tuple[int, ...], timeout: float | None) -> bytes | None:
        """Give the next frame of these kinds, keeping the others.

        :raises hezi.errors.Error: what an ERROR frame says, when that is among the kinds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        looked = 0
        while True:
            while looked < len(self._kept):
                kind, payload = self._kept[looked]
                if kind in kinds:
                    del self._kept[looked]
                    if kind == protocol.ERROR:
                        raise _refusal(payload)
                    return payload
                looked += 1
            if not self._receive(deadline):
                return None

    def _receive(self, deadline: float | None) -> bool:
        """Read once; False when the deadline has passed before there was something."""
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if self._poll.poll(None if left is None else left * 1000):
                break
            if left is not None and left <= 0:
                return False
        try:
            data = self._socket.recv(_READ)
        except ConnectionError:
            data = b""
        if not data:
            raise Gone
        self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        try:
            for kind, payload in self._frames.feed(data):
                if kind == protocol.CREDIT:
                    self._credit += protocol.U32.unpack(payload)[0]
                self._kept.append((kind, payload))
        except ValueError as error:
            message = f"the container's monitor does not speak as expected: {error}"
            raise errors.Error(errors.INTERNAL, message) from error

    def close(self) -> None:
        """Close the line; the container goes on. Again does nothing."""
        self._socket.close()

    def __enter__(self) -> MonitorClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _document(payload: bytes) -> dict[str, Any]:
    from hezi.spec import jsondoc

    return jsondoc.load_object(payload, limit=protocol.MAX_PAYLOAD, ours=True)


def _refusal(payload: bytes) -> errors.Error:
    number = protocol.U32.unpack_from(payload)[0]
    text = payload[4:].decode(errors="replace")
    return errors.Error(errors.from_os_error("", OSError(number, text)).kind, text)
