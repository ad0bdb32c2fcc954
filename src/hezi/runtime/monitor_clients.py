"""Who is connected to a monitor, and what they are owed: bounded, so that none can hold up the container or grow us."""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import os
import struct

from hezi.linux import fd as _fd
from hezi.runtime import loop, protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_READ = 1 << 17
# Output kept for one client. Above that one that asked for BACKPRESSURE holds the container up, others get no more.
MOST_QUEUED = 1 << 20
STDIN_WINDOW = 256 << 10
_MAX_CLIENTS = 64
_MAX_FDS = 3
_MSG_DONTWAIT, _MSG_NOSIGNAL = 0x40, 0x4000
_OUTPUT = {protocol.STDOUT: protocol.WANT_STDOUT, protocol.STDERR: protocol.WANT_STDERR}


class Client:
    """One connection.

    :ivar flags: of its HELLO; 0 before.
    :ivar waits: the kinds of WAIT it has asked for.
    :ivar fds: descriptors it sent, until somebody takes them.
    :ivar on_gone: called when the line has ended.
    """

    __slots__ = ("_lost", "_out", "_queued", "_server", "fds", "flags", "frames", "on_gone", "socket", "waits")

    def __init__(self, server: Clients, sock: _socket.socket) -> None:
        self._server = server
        self.socket = sock
        self.frames = protocol.Frames()
        self.flags = 0
        self.waits: list[int] = []
        self.fds: list[int] = []
        self.on_gone: Callable[[], None] | None = None
        self._out: list[bytes] = []
        self._queued = 0
        self._lost = 0

    @property
    def congested(self) -> bool:
        """Whether it holds the container up."""
        return bool(self.flags & protocol.BACKPRESSURE) and self._queued > MOST_QUEUED

    def send(self, kind: int, payload: bytes = b"") -> None:
        """Send one frame, or keep it until there is room."""
        data = protocol.frame(kind, payload)
        if not self._out:
            done = self._try(data)
            if done == len(data):
                return
            data = data[done:]
        self._out.append(data)
        self._queued += len(data)
        self._server.watch(self, writing=True)

    def output(self, kind: int, data: bytes) -> None:
        """Send output when it was asked for; too much of it for one that does not read is dropped."""
        if not self.flags & _OUTPUT[kind]:
            return
        if self._queued > MOST_QUEUED and not self.flags & protocol.BACKPRESSURE:
            self.flags &= ~(protocol.WANT_STDOUT | protocol.WANT_STDERR)
            self.send(protocol.LAGGED, protocol.U64.pack(len(data)))
            return
        self.send(kind, data)

    def send_with(self, kind: int, payload: bytes, fds: list[int]) -> None:
        """Send a frame with descriptors, on a connection where nothing else is under way."""
        try:
            _fd.send_fds(self.socket, protocol.frame(kind, payload), fds)
        except OSError:
            self._server.drop(self)

    def flush(self) -> None:
        """Send what was kept, as far as there is room."""
        while self._out:
            data = self._out[0]
            done = self._try(data)
            self._queued -= done
            if done < len(data):
                self._out[0] = data[done:]
                break
            del self._out[0]
        self._server.watch(self, writing=bool(self._out))

    @property
    def idle(self) -> bool:
        """Whether all of it has been sent."""
        return not self._out

    @property
    def queued(self) -> int:
        """Bytes kept for it."""
        return self._queued

    def _try(self, data: bytes) -> int:
        try:
            return self.socket.send(data, _MSG_DONTWAIT | _MSG_NOSIGNAL)
        except BlockingIOError:
            return 0
        except OSError:
            self._server.drop(self)
            return len(data)

    def refuse(self, number: int, text: str) -> None:
        """Answer with an error."""
        self.send(protocol.ERROR, protocol.U32.pack(number) + text.encode("utf-8", "surrogateescape"))

    def take_fds(self) -> list[int]:
        """Give the descriptors it sent; they are the caller's then."""
        fds, self.fds = self.fds, []
        return fds


class Clients:
    """All connections, and the socket they come by."""

    __slots__ = ("_handle", "_listening", "_loop", "all", "on_room")

    def __init__(self, events: loop.Loop, handle: Callable[[Client, int, bytes], None]) -> None:
        self._loop = events
        self._handle = handle
        self._listening: _socket.socket | None = None
        self.all: list[Client] = []
        self.on_room: Callable[[], None] = _nothing

    def listen(self, directory: int) -> None:
        """Make the socket in a directory given by descriptor: its name has room for 107 bytes only.

        :raises OSError: it cannot be made.
        """
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK, 0)
        try:
            os.unlink(protocol.SOCKET, dir_fd=directory)
        except FileNotFoundError:
            pass
        sock.bind(f"/proc/self/fd/{directory}/{protocol.SOCKET}")
        os.chmod(protocol.SOCKET, 0o600, dir_fd=directory)
        sock.listen(16)
        self._listening = sock
        self._loop.watch(sock.fileno(), loop.READ, self._accept)

    def add(self, sock: _socket.socket) -> Client:
        """Take a connection."""
        client = Client(self, sock)
        self.all.append(client)
        self.watch(client, writing=False)
        return client

    def _accept(self, _events: int) -> None:
        if self._listening is None:
            return
        try:
            fd, _ = self._listening._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - the only accept() of _socket
        except OSError:
            return
        sock = _socket.socket(fileno=fd)
        if len(self.all) >= _MAX_CLIENTS:
            sock.close()
            return
        self.add(sock)

    def watch(self, client: Client, *, writing: bool) -> None:
        """Have the loop look at a client."""
        if client in self.all:
            events = loop.READ | (loop.WRITE if writing else 0)
            self._loop.watch(client.socket.fileno(), events, lambda ready: self._ready(client, ready))

    def _ready(self, client: Client, ready: int) -> None:
        try:
            if ready & loop.WRITE:
                client.flush()
                self.on_room()
            if ready & (loop.READ | loop.HANGUP) and client in self.all:
                self._read(client)
        except OSError:
            # Whatever a client makes us run into, it is not to cost the container its monitor.
            self.drop(client)

    def _read(self, client: Client) -> None:
        try:
            data, fds = _fd.recv_fds(client.socket, _READ, _MAX_FDS)
        except OSError:
            data, fds = b"", []
        client.fds += fds
        if not data or len(client.fds) > _MAX_FDS:
            self.drop(client)
            return
        try:
            for kind, payload in client.frames.feed(data):
                self._handle(client, kind, payload)
                if client not in self.all:
                    return
        except (ValueError, struct.error):
            self.drop(client)  # it does not speak this protocol

    def drop(self, client: Client) -> None:
        """End a connection."""
        if client not in self.all:
            return
        self.all.remove(client)
        self._loop.forget(client.socket.fileno())
        client.socket.close()
        for fd in client.take_fds():
            os.close(fd)
        if client.on_gone is not None:
            client.on_gone()
        self.on_room()

    def broadcast(self, kind: int, data: bytes) -> None:
        """Send output to all who want it."""
        for client in list(self.all):
            client.output(kind, data)

    def congested(self) -> bool:
        """Whether somebody holds the container up."""
        return any(client.congested for client in self.all)

    def stop_listening(self, directory: int) -> None:
        """Take no more connections: a later start of the container brings a monitor of its own."""
        if self._listening is None:
            return
        self._loop.forget(self._listening.fileno())
        self._listening.close()
        self._listening = None
        try:
            os.unlink(protocol.SOCKET, dir_fd=directory)
        except OSError:
            return

    def close(self) -> None:
        """End all connections."""
        for client in list(self.all):
            self.drop(client)


def _nothing() -> None:
    """Nobody waits for room."""
