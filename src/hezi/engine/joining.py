"""What a container's network has to do with other containers: sharing theirs, links, and lines of /etc/hosts."""

from __future__ import annotations

import os

from hezi import errors
from hezi.db import networks as rows
from hezi.engine import find_container, held, parse_network, record
from hezi.engine.guests import Joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection

    from hezi.db.connection import Database
    from hezi.engine.guests import Guest
    from hezi.engine.paths import Paths
    from hezi.network.sandbox import Attached

_MOST = 1 << 20


def join(paths: Paths, database: Database, text: str) -> Joined:
    """Return the network of another container, with its files.

    :param text: ``container:NAME``.
    :raises errors.Error: there is none, or it does not run.
    """
    name = text.partition(":")[2]
    with database.read() as connection:
        row = find_container.find(connection, name)
    said = held.state(paths, row.id, held.boot())
    pid = int(said.get("pid") or 0) if said else 0
    if not pid:
        message = f"cannot join network of a non running container: {row.id}"
        raise errors.Error(errors.CONFLICT, message)
    if str(record.decode(row.config).request.get("network") or "") == "host":
        path = "/proc/self/ns/net"
    else:
        path = f"/proc/{pid}/ns/net"
    directory = f"{paths.containers}/{row.id}"
    return Joined(path, {name: _read(f"{directory}/{name}") for name in ("hosts", "resolv.conf")})


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, _MOST)
    finally:
        os.close(fd)


def host_lines(database: Database, guest: Guest, attached: Attached) -> list[tuple[str, str]]:
    """Return (address, names) for /etc/hosts: what the user asked for, links, and the container itself."""
    request = guest.request
    lines = []
    for text in request.add_host:
        name, address = parse_network.parse_host(text)
        lines.append((_gateway(attached) if address == parse_network.HOST_GATEWAY else address, name))
    with database.read() as connection:
        for text in request.link:
            lines += _linked(connection, text, attached)
    own = f"{guest.hostname}.{request.domainname}" if request.domainname else guest.hostname
    if "." in own:
        own = f"{own} {own.partition('.')[0]}"
    lines += [
        (address, own) for _, endpoint in attached.endpoints for address in (endpoint.ipv4, endpoint.ipv6) if address
    ]
    return lines


def _gateway(attached: Attached) -> str:
    """Return the host's address as the container sees it."""
    for network, _ in attached.endpoints:
        for subnet in network.subnets:
            if subnet.gateway:
                return subnet.gateway
    return "127.0.0.1"


def _linked(connection: Connection, text: str, attached: Attached) -> list[tuple[str, str]]:
    name, alias = parse_network.parse_link(text)
    try:
        row = find_container.find(connection, name)
    except errors.Error as error:
        message = f"could not get container for {name}: {error.message}"
        raise errors.Error(error.kind, message) from None
    mine = {network.id for network, _ in attached.endpoints}
    shared = [one for one in rows.endpoints_of(connection, row.id) if one.network_id in mine]
    if not rows.endpoints_of(connection, row.id):
        raise errors.Error(errors.CONFLICT, f"Cannot link to a non running container: /{row.name} AS /{alias}")
    if not shared:
        message = f"Cannot link to /{row.name}, as it does not belong to the default network"
        raise errors.Error(errors.CONFLICT, message)
    names = " ".join(dict.fromkeys((alias, row.id[:12], row.name)))
    return [(address, names) for one in shared for address in (one.ipv4, one.ipv6) if address]
