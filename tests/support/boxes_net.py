"""A small world in a network namespace of its own: a host, a machine next to it, and containers without programs.

Sockets are made inside of each, so that nothing has to be started and nothing waits longer than the kernel does.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hezi._util import ids
from hezi.db import networks as rows
from hezi.db.connection import Database
from hezi.linux import pidfd
from hezi.linux.netlink import spaces
from hezi.network import catalog, model, sandbox
from hezi.network.place import Place
from hezi.network.ports import Publish
from hezi.network.sandbox import Wish
from tests.support.networks import ip, own_network

PATIENCE = 20.0  # for what must arrive
GIVE_UP = 0.25  # for what must not


class Box(NamedTuple):
    """A container's network."""

    id: str
    fd: int
    attached: sandbox.Attached

    @property
    def ipv4(self) -> str:
        return str(self.attached.endpoints[0][1].ipv4)

    @property
    def ipv6(self) -> str:
        return str(self.attached.endpoints[0][1].ipv6)


class World:
    """The host is the namespace that the test is in."""

    def __init__(self, directory: Path, fd: int) -> None:
        directory.mkdir(exist_ok=True)
        self.fd = fd
        self.place = Place(str(directory), str(directory))
        self.database = Database(str(directory / "hezi.db"))
        self.stack = contextlib.ExitStack()
        self.boxes: list[Box] = []

    def network(self, name: str, subnets: Sequence[model.Subnet] = (), **values: object) -> model.Network:
        asked = model.Network("", name, str(values.pop("driver", "bridge")), 0, subnets=tuple(subnets), **values)
        with self.database.write() as connection:
            return catalog.create(connection, asked)

    def box(self, *wishes: str | Wish, publish: Sequence[Publish] = (), identifier: str = "") -> Box:
        identifier = identifier or ids.new_id()
        wanted = [Wish(wish) if isinstance(wish, str) else wish for wish in wishes or ("bridge",)]
        row = rows.SandboxRow(identifier, f"n{identifier[:5]}", *myself())
        attached = sandbox.attach(self.database, self.place, row, wanted, publish)
        fd = os.open(attached.path, os.O_RDONLY)
        self.stack.callback(os.close, fd)
        box = Box(identifier, fd, attached)
        self.boxes.append(box)
        return box

    def elsewhere(self) -> int:
        """A machine on the same wire as the host: it is 198.51.100.2 and fd00:51::2, the host is .1 and ::1."""
        fd = spaces.new()
        self.stack.callback(os.close, fd)
        ip("link add wire type veth peer name far")
        ip("addr add 198.51.100.1/24 dev wire")
        ip("-6 addr add fd00:51::1/64 dev wire nodad")
        ip("link set wire up")
        ip(f"link set far netns /proc/{os.getpid()}/fd/{fd}")
        with spaces.inside(fd):
            for line in (
                "link set lo up",
                "addr add 198.51.100.2/24 dev far",
                "-6 addr add fd00:51::2/64 dev far nodad",
                "link set far up",
                "route add default via 198.51.100.1",
                "-6 route add default via fd00:51::1",
            ):
                ip(line)
        return fd

    def close(self) -> None:
        for box in self.boxes:
            sandbox.detach(self.database, self.place, box.id)
        self.stack.close()
        self.database.close()


def myself() -> tuple[int, int, str]:
    return os.getpid(), pidfd.start_time(os.getpid()), pidfd.boot_id()


@contextlib.contextmanager
def world(directory: Path) -> Iterator[World]:
    with own_network() as fd:
        made = World(directory, fd)
        try:
            yield made
        finally:
            made.close()


@contextlib.contextmanager
def serving(fd: int, port: int, address: str = "", *, udp: bool = False) -> Iterator[socket.socket]:
    """A listening socket in the namespace ``fd``."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with spaces.inside(fd):
        server = socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
    with server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((address, port))
        if not udp:
            server.listen(64)
        server.settimeout(PATIENCE)
        yield server


def reach(fd: int, server: socket.socket, address: str, port: int, *, expected: bool = True) -> str | None:
    """Go from the namespace ``fd`` to an address; give the source that the server saw, None when it saw nobody.

    :param expected: how long to wait: one that must not arrive is not waited for.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with spaces.inside(fd):
        client = socket.socket(family, server.type)
    with client:
        client.settimeout(PATIENCE if expected else GIVE_UP)
        try:
            client.connect((address, port))
            if server.type == socket.SOCK_DGRAM:
                client.send(b"?")
        except OSError:
            return None
        server.settimeout(PATIENCE if expected else GIVE_UP)
        try:
            if server.type == socket.SOCK_DGRAM:
                return str(server.recvfrom(16)[1][0])
            accepted, peer = server.accept()
        except TimeoutError:
            return None
        accepted.close()
        return str(peer[0])


def arrivals(server: socket.socket, senders: dict[str, int], address: str, port: int, *, expected: set[str]) -> dict:
    """Have all ``senders`` (name -> namespace) send their name; give name -> source of those that arrived.

    What must not arrive is not waited for: that which must is, and comes last.
    """
    for name in sorted(senders, key=lambda name: name in expected):
        with spaces.inside(senders[name]):
            client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        with client, contextlib.suppress(OSError):
            client.sendto(name.encode(), (address, port))
    seen: dict[str, str] = {}
    while True:
        server.settimeout(PATIENCE if expected - seen.keys() else GIVE_UP / 5)
        try:
            data, peer = server.recvfrom(64)
        except TimeoutError:
            return seen
        seen[data.decode()] = str(peer[0])
