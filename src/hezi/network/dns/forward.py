"""Questions passed on to other servers, by UDP or TCP; bounded in number and time."""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import os
from contextlib import suppress

from hezi.network.dns import loop as loops
from hezi.network.dns import message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hezi.network.dns.loop import Loop
    from hezi.network.dns.message import Question

PATIENCE_S = 3.0
_PORT = 53
_LARGEST = 0xFFFF
_NONBLOCK = _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC


class Forward:
    """One question on its way: to the first server, then to the next.

    :param done: called once, with the response or with None when no server gave one.
    """

    __slots__ = ("_buffer", "_data", "_done", "_loop", "_number", "_question", "_servers", "_socket", "_tcp")

    def __init__(
        self,
        loop: Loop,
        question: Question,
        data: bytes,
        servers: Sequence[str],
        done: Callable[[bytes | None], None],
        *,
        tcp: bool,
    ) -> None:
        self._loop = loop
        self._question = question
        self._data = data
        self._servers = list(servers)
        self._done = done
        self._tcp = tcp
        self._number = 0
        self._buffer = b""
        self._socket: _socket.socket | None = None
        self._next()

    def _next(self) -> None:
        self.close()
        if not self._servers:
            self._done(None)
            return
        server = self._servers.pop(0)
        # A number and a port that nobody can guess: whoever could forge the response would own the name.
        self._number = int.from_bytes(os.urandom(2), "big")
        self._buffer = b""
        family = _socket.AF_INET6 if ":" in server else _socket.AF_INET
        kind = _socket.SOCK_STREAM if self._tcp else _socket.SOCK_DGRAM
        try:
            self._socket = _socket.socket(family, kind | _NONBLOCK)
            with suppress(BlockingIOError):
                self._socket.connect((server, _PORT))
            if not self._tcp:
                self._socket.send(message.numbered(self._data, self._number))
        except OSError:
            self._next()
            return
        self._loop.at(self, PATIENCE_S, self._next)
        if self._tcp:
            self._loop.watch(self._socket.fileno(), loops.WRITE, self._connected)
        else:
            self._loop.watch(self._socket.fileno(), loops.READ, self._received)

    def _connected(self) -> None:
        if self._socket is None:
            return
        query = message.numbered(self._data, self._number)
        try:
            # A new connection takes a question in one piece.
            self._socket.send(len(query).to_bytes(2, "big") + query)
        except OSError:
            self._next()
            return
        fd = self._socket.fileno()
        self._loop.forget(fd)
        self._loop.watch(fd, loops.READ, self._received)

    def _received(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(_LARGEST)
        except BlockingIOError:
            return
        except OSError:
            self._next()
            return
        if self._tcp:
            if not data:
                self._next()
                return
            self._buffer += data
            length = int.from_bytes(self._buffer[:2], "big")
            if len(self._buffer) < 2 + length or len(self._buffer) < 2:
                return
            data = self._buffer[2 : 2 + length]
        if not message.belongs(data, self._number, self._question):
            # Forged, or late: the right one may still come by UDP; a connection has nothing else to say.
            if self._tcp:
                self._next()
            return
        self.close()
        self._done(message.numbered(data, self._question.id))

    def close(self) -> None:
        """Give up; nobody is called."""
        self._loop.cancel(self)
        if self._socket is not None:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None
