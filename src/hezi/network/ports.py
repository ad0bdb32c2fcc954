"""Published ports: which are free, and who has the others."""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import errno

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.db import networks as rows
from hezi.network.model import ANY4, ANY6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from sqlite3 import Connection

_KINDS = {"tcp": (_socket.SOCK_STREAM, 0), "udp": (_socket.SOCK_DGRAM, 0), "sctp": (_socket.SOCK_STREAM, 132)}
_USUAL_RANGE = (32768, 60999)


class Publish(NamedTuple):
    """One port to be published.

    :ivar host_ip: "" for all addresses of the host.
    :ivar first: 0 for any free port.
    :ivar last: of the range that one is picked from; the same as ``first`` for a certain one.
    """

    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        return f"{self.container_port}/{self.protocol}"


def take(
    connection: Connection, container_id: str, wanted: Iterable[Publish], families: Mapping[int, str]
) -> list[rows.PortRow]:
    """Give ports of the host to a container; inside a write transaction.

    :param families: 4 and 6, as the container has addresses; with each, the address of the host that is meant when
        none is given, "" for none.
    :raises errors.Error: CONFLICT, one is in use.
    """
    done = []
    for publish in wanted:
        addresses = _addresses(publish, families)
        if not addresses:
            continue
        port = _choose(connection, publish, addresses)
        for address in addresses:
            row = rows.PortRow(publish.protocol, port, address, container_id, publish.container_port)
            rows.add_port(connection, row)
            done.append(row)
    return done


def _addresses(publish: Publish, families: Mapping[int, str]) -> list[str]:
    if publish.host_ip:
        family = 6 if ":" in publish.host_ip else 4
        return [publish.host_ip] if family in families else []
    return [address for address in families.values() if address]


def _choose(connection: Connection, publish: Publish, addresses: list[str]) -> int:
    if publish.first and publish.first == publish.last:
        trouble = _in_use(connection, publish.protocol, publish.first, addresses)
        if trouble:
            raise errors.Error(errors.CONFLICT, trouble, hint="stop what uses it, or publish on another port")
        return publish.first
    for port in _candidates(connection, publish):
        if not _in_use(connection, publish.protocol, port, addresses):
            return port
    message = f"all ports are allocated: none is free for {publish}"
    raise errors.Error(errors.CONFLICT, message)


def _candidates(connection: Connection, publish: Publish) -> Iterator[int]:
    if publish.first:
        yield from range(publish.first, publish.last + 1)
        return
    from hezi.network import kernel

    try:
        first, last = map(int, kernel.read("ipv4/ip_local_port_range").split())
    except (OSError, ValueError):
        first, last = _USUAL_RANGE
    # Behind those that were given before, as docker: not all of them are tried again and again.
    next_one = max(first, rows.last_port(connection, first, last) + 1)
    yield from range(next_one, last + 1)
    yield from range(first, next_one)


def _in_use(connection: Connection, protocol: str, port: int, addresses: Iterable[str]) -> str:
    """Return docker's words for why a port cannot be had, "" when it can."""
    others = [row.host_ip for row in rows.ports_at(connection, protocol, port)]
    for address in addresses:
        shown = f"[{address}]" if ":" in address else address
        if any(_collide(address, other) for other in others):
            return f"Bind for {shown}:{port} failed: port is already allocated"
        trouble = _bind(protocol, address, port)
        if trouble:
            return f"failed to bind host port {shown}:{port}/{protocol}: {trouble}"
    return ""


def _collide(one: str, other: str) -> bool:
    if (":" in one) != (":" in other):
        return False
    return one == other or ANY4 in {one, other} or ANY6 in {one, other}


def _bind(protocol: str, address: str, port: int) -> str:
    """Try a port: a program of the host that listens there would be cut off from its own clients."""
    kind, number = _KINDS[protocol]
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    try:
        probe = _socket.socket(family, kind | _socket.SOCK_CLOEXEC, number)
    except OSError as error:
        if error.errno == errno.EPROTONOSUPPORT:
            # Nobody could listen, in a container neither; docker refuses it too.
            return f"this kernel has no {protocol.upper()} (module {protocol})"
        # Without IPv6 nobody of the host can be listening.
        return "" if error.errno == errno.EAFNOSUPPORT else str(error.strerror)
    try:
        if family == _socket.AF_INET6:
            probe.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        if protocol != "udp":
            # What lingers of closed connections is not in the way.
            probe.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        probe.bind((address, port))
        if protocol == "tcp":
            probe.listen(1)
    except OSError as error:
        return (error.strerror or str(error)).lower()
    finally:
        probe.close()
    return ""
