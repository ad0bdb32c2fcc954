"""The process that answers: one for an engine, started with the first container that needs it, gone with the last.

It never enters a container: its sockets were opened there by who made the container's network, and sent here. It takes
a bounded number of questions and connections of each container, and a bounded time for each.
"""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import os
from contextlib import suppress

from hezi._util.lock import FileLock
from hezi.db.connection import Database
from hezi.linux import fd as fds
from hezi.linux import pidfd
from hezi.network.dns import loop as loops
from hezi.network.dns import message
from hezi.network.dns.forward import Forward
from hezi.network.dns.loop import Loop
from hezi.network.dns.names import Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MOST_FORWARDS, MOST_CONNECTIONS = 64, 16  # for each container
_BURST = 32  # questions of one container before others have their turn
_IDLE_S, _LOOK_S, _AGAIN_S = 10.0, 2.0, 0.1
_LARGEST = 0xFFFF
_HOST_FILE = "/etc/resolv.conf"


class Client:
    """One container: its sockets, and what is under way for it."""

    __slots__ = ("connections", "forwards", "id", "servers", "tcp", "udp")

    def __init__(self, container_id: str, servers: list[str], udp: _socket.socket, tcp: _socket.socket) -> None:
        self.id = container_id
        self.servers = servers
        self.udp = udp
        self.tcp = tcp
        self.forwards = 0
        self.connections = 0


class Responder:
    """The server."""

    __slots__ = ("_clients", "_control", "_directory", "_host", "_loop", "_names")

    def __init__(self, control: _socket.socket, database: Database, directory: str) -> None:
        self._loop = Loop()
        self._control = control
        self._directory = directory
        self._names = Names(database)
        self._clients: dict[str, Client] = {}
        self._host: tuple[float, list[str]] = (0.0, [])
        control.setblocking(False)
        self._loop.watch(control.fileno(), loops.READ, self._accept)
        self._loop.at("look", _LOOK_S, self._look)

    def run(self) -> None:
        """Serve until no container is left."""
        self._loop.run()

    # who is served

    def _accept(self) -> None:
        try:
            number, _ = self._control._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - socket.accept is this
        except OSError:
            return
        line = _socket.socket(fileno=number)
        try:
            line.setblocking(True)
            line.settimeout(_IDLE_S)
            data, received = fds.recv_fds(line, 4096, 2)
            self._told(data.decode().split(), received)
            line.send(b"ok")
        except (OSError, ValueError):
            pass
        finally:
            line.close()

    def _told(self, words: list[str], received: list[int]) -> None:
        sockets = [_socket.socket(fileno=fd) for fd in received]
        if words[:1] == ["add"] and len(sockets) == 2 and len(words) > 1:
            self._drop(words[1])
            client = Client(words[1], words[2:], *sockets)
            for one in sockets:
                one.setblocking(False)
            self._clients[client.id] = client
            self._loop.watch(client.udp.fileno(), loops.READ, lambda: self._datagrams(client))
            self._loop.watch(client.tcp.fileno(), loops.READ, lambda: self._connection(client))
            return
        for one in sockets:
            one.close()
        if words[:1] == ["remove"] and len(words) == 2:
            self._drop(words[1])
            self._loop.at("leave", 0.0, self._leave)

    def _drop(self, container_id: str) -> None:
        client = self._clients.pop(container_id, None)
        if client is not None:
            for one in (client.udp, client.tcp):
                self._loop.forget(one.fileno())
                one.close()

    def _look(self) -> None:
        """Let go of containers that nobody took leave for: their holders are dead."""
        self._names.refresh()
        for container_id in list(self._clients):
            holder = self._names.holders.get(container_id)
            if holder is None or not _lives(*holder):
                self._drop(container_id)
        self._leave()
        self._loop.at("look", _LOOK_S, self._look)

    def _leave(self) -> None:
        """End, when nobody is left and nobody is about to come."""
        if self._clients:
            return
        lock = FileLock(None, f"{self._directory}/dns.lock", blocking=False)
        if not lock.acquire():
            # Somebody is just coming, or the one that we took leave of is not through yet.
            self._loop.at("leave", _AGAIN_S, self._leave)
            return
        try:
            os.unlink(f"{self._directory}/dns.sock")
        except FileNotFoundError:
            pass
        finally:
            lock.release()
        self._loop.stopped = True

    # what they ask

    def _datagrams(self, client: Client) -> None:
        for _ in range(_BURST):
            try:
                data, peer = client.udp.recvfrom(_LARGEST)
            except OSError:
                return

            def reply(response: bytes, peer: tuple[str, int] = peer) -> None:
                with suppress(OSError):
                    client.udp.sendto(response, peer)

            self._question(client, data, reply, tcp=False)

    def _connection(self, client: Client) -> None:
        try:
            number, _ = client.tcp._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - socket.accept is this
        except OSError:
            return
        line = _socket.socket(fileno=number)
        if client.connections >= MOST_CONNECTIONS:
            line.close()
            return
        line.setblocking(False)
        client.connections += 1
        Connection(self._loop, line, client, self._question)

    def _question(self, client: Client, data: bytes, reply: Callable[[bytes], None], *, tcp: bool) -> None:
        try:
            question = message.parse(data)
        except message.FormatError as error:
            if error.code is not None:
                reply(message.refuse(data, error.code))
            return
        limit = _LARGEST if tcp else message.UDP_SIZE
        view = self._names.view(client.id)
        if view is None:
            reply(message.answer(question, message.REFUSED))
            return
        records = self._names.answer(view, question)
        if records is not None:
            reply(message.answer(question, message.NOERROR, records, limit=limit))
            return
        servers = client.servers or self._host_servers()
        if not view.open or not servers:
            # Not a word leaves an internal network, not even as the name of a host (CVE-2024-29018).
            reply(message.answer(question, message.NXDOMAIN))
            return
        if client.forwards >= MOST_FORWARDS:
            reply(message.answer(question, message.SERVFAIL))
            return
        client.forwards += 1

        def done(response: bytes | None) -> None:
            client.forwards -= 1
            reply(response or message.answer(question, message.SERVFAIL))

        Forward(self._loop, question, data, servers, done, tcp=tcp)

    def _host_servers(self) -> list[str]:
        try:
            changed = os.stat(_HOST_FILE).st_mtime
            if changed != self._host[0]:
                with open(_HOST_FILE, encoding="utf-8", errors="replace") as file:
                    self._host = changed, nameservers(file.read(1 << 16))
        except OSError:
            return []
        return self._host[1]


class Connection:
    """One TCP connection of a container: questions one after another, each with its length before it."""

    __slots__ = ("_ask", "_buffer", "_busy", "_client", "_line", "_loop")

    def __init__(self, loop: Loop, line: _socket.socket, client: Client, ask: Callable[..., None]) -> None:
        self._loop = loop
        self._line: _socket.socket | None = line
        self._client = client
        self._ask = ask
        self._buffer = b""
        self._busy = False
        loop.watch(line.fileno(), loops.READ, self._received)
        loop.at(self, _IDLE_S, self._close)

    def _received(self) -> None:
        if self._line is None:
            return
        try:
            data = self._line.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(self._buffer) > _LARGEST:
            self._close()
            return
        self._buffer += data
        self._next()

    def _next(self) -> None:
        length = int.from_bytes(self._buffer[:2], "big")
        if self._busy or len(self._buffer) < 2 or len(self._buffer) < 2 + length:
            return
        question, self._buffer = self._buffer[2 : 2 + length], self._buffer[2 + length :]
        self._busy = True
        self._ask(self._client, question, self._reply, tcp=True)

    def _reply(self, response: bytes) -> None:
        self._busy = False
        if self._line is None:
            return
        try:
            # Into an empty socket buffer: whoever does not read what it asked for loses the connection.
            sent = self._line.send(len(response).to_bytes(2, "big") + response)
        except OSError:
            sent = -1
        if sent != len(response) + 2:
            self._close()
            return
        self._loop.at(self, _IDLE_S, self._close)
        self._loop.at((self, "next"), 0.0, self._next)

    def _close(self) -> None:
        if self._line is not None:
            self._loop.cancel(self)
            self._loop.cancel((self, "next"))
            self._loop.forget(self._line.fileno())
            self._line.close()
            self._line = None
            self._client.connections -= 1


def nameservers(text: str) -> list[str]:
    """Return the first three servers of a resolv.conf, as resolvers use them."""
    words = (line.split() for line in text.splitlines())
    return [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"][:3]


def _lives(pid: int, start: int) -> bool:
    try:
        return pidfd.start_time(pid) == start
    except OSError:
        return False


def main(control: int, database: str, directory: str) -> None:
    """Serve; called in a process of its own.

    :param control: descriptor of the listening socket.
    """
    from hezi.linux import namespaces

    pid, _ = namespaces.clone3(want_pidfd=False)
    if pid:
        os._exit(0)  # nobody has to wait for the server itself
    os.setsid()
    os.chdir("/")  # noqa: TID251 - this process is our own
    null = os.open("/dev/null", os.O_RDWR)
    for number in range(3):
        # Whoever started us waits for the end of what we might write.
        os.dup2(null, number)
    os.close(null)
    Responder(_socket.socket(fileno=control), Database(database), directory).run()
