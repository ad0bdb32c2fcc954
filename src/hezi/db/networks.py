"""The tables ``networks``, ``sandboxes``, ``endpoints`` and ``ports``.

A sandbox is the network of one container for as long as a process holds it; endpoints, and with them addresses, and
published ports hang on it and go with it. What a container that does not run is connected to stands in its own record.
"""

from __future__ import annotations

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection


class NetworkRow(NamedTuple):
    """One network; ``config`` is JSON."""

    id: str
    name: str
    driver: str
    created_ns: int
    config: str


class SandboxRow(NamedTuple):
    """The network of a container, held by a process: (pid, start_time in clock ticks since boot, boot_id)."""

    container_id: str
    name: str
    pid: int
    start_time: int
    boot_id: str


class EndpointRow(NamedTuple):
    """One container on one network.

    :ivar position: 0 is eth0, 1 is eth1 ...
    :ivar names: what it is called there, separated by blanks.
    :ivar priority: of its gateway: the way out leads through the highest, of equal ones through the first.
    """

    network_id: str
    container_id: str
    id: str
    position: int
    ipv4: str | None
    ipv6: str | None
    mac: str
    names: str
    priority: int = 0


class PortRow(NamedTuple):
    """One published port. ``host_ip`` is ``0.0.0.0`` or ``::`` for all."""

    protocol: str
    host_port: int
    host_ip: str
    container_id: str
    container_port: int


def insert(connection: Connection, row: NetworkRow) -> None:
    """Add a network.

    :raises sqlite3.IntegrityError: the name is taken.
    """
    connection.execute("INSERT INTO networks VALUES (?,?,?,?,?)", row)


def configure(connection: Connection, network_id: str, config: str) -> None:
    """Write down what a network is from now on."""
    connection.execute("UPDATE networks SET config = ? WHERE id = ?", (config, network_id))


def get(connection: Connection, network_id: str) -> NetworkRow | None:
    """Return the network with exactly this id."""
    row = connection.execute("SELECT * FROM networks WHERE id=?", (network_id,)).fetchone()
    return NetworkRow(*row) if row else None


def by_name(connection: Connection, name: str) -> NetworkRow | None:
    """Return the network with this name."""
    row = connection.execute("SELECT * FROM networks WHERE name=?", (name,)).fetchone()
    return NetworkRow(*row) if row else None


def by_prefix(connection: Connection, prefix: str, limit: int = 2) -> list[NetworkRow]:
    """Return up to ``limit`` networks whose ids begin with ``prefix`` (hex digits, checked by the caller)."""
    query = "SELECT * FROM networks WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
    return [NetworkRow(*row) for row in connection.execute(query, (prefix, prefix + "~", limit))]


def list_all(connection: Connection) -> list[NetworkRow]:
    """Return all networks by name."""
    return [NetworkRow(*row) for row in connection.execute("SELECT * FROM networks ORDER BY name")]


def delete(connection: Connection, network_id: str) -> None:
    """Remove a network without endpoints.

    :raises sqlite3.IntegrityError: it has some.
    """
    connection.execute("DELETE FROM networks WHERE id=?", (network_id,))


def add_sandbox(connection: Connection, row: SandboxRow) -> None:
    """Add a container's sandbox."""
    connection.execute("INSERT INTO sandboxes VALUES (?,?,?,?,?)", row)


def sandbox(connection: Connection, container_id: str) -> SandboxRow | None:
    """Return the sandbox of a container."""
    row = connection.execute("SELECT * FROM sandboxes WHERE container_id=?", (container_id,)).fetchone()
    return SandboxRow(*row) if row else None


def sandboxes(connection: Connection) -> list[SandboxRow]:
    """Return all sandboxes."""
    return [SandboxRow(*row) for row in connection.execute("SELECT * FROM sandboxes")]


def count_sandboxes(connection: Connection) -> int:
    """Return how many sandboxes there are."""
    return int(connection.execute("SELECT count(*) FROM sandboxes").fetchone()[0])


def some_sandboxes(connection: Connection, boot_id: str, most: int) -> list[SandboxRow]:
    """Return ``most`` sandboxes, others each time, and all that are of another boot."""
    first = connection.execute("SELECT lower(hex(randomblob(32)))").fetchone()[0]
    after = "SELECT * FROM sandboxes WHERE container_id >= ? ORDER BY container_id LIMIT ?"
    found = {SandboxRow(*row) for row in connection.execute(after, (first, most))}
    if len(found) < most:
        # Round the end.
        found.update(SandboxRow(*row) for row in connection.execute(after, ("", most - len(found))))
    others = connection.execute("SELECT * FROM sandboxes WHERE boot_id != ?", (boot_id,))
    found.update(SandboxRow(*row) for row in others)
    return list(found)


def hold(connection: Connection, container_id: str, holder: tuple[int, int, str]) -> None:
    """Hand a sandbox to another process: (pid, start time, boot id)."""
    connection.execute(
        "UPDATE sandboxes SET pid=?, start_time=?, boot_id=? WHERE container_id=?", (*holder, container_id)
    )


def rename(connection: Connection, container_id: str, name: str) -> None:
    """Give a container that has a sandbox another name, on all its networks too."""
    before = sandbox(connection, container_id)
    if before is None:
        return
    connection.execute("UPDATE sandboxes SET name=? WHERE container_id=?", (name, container_id))
    for row in endpoints_of(connection, container_id):
        names = " ".join(name if one == before.name else one for one in row.names.split())
        connection.execute("UPDATE endpoints SET names=? WHERE id=?", (names, row.id))


def delete_sandbox(connection: Connection, container_id: str) -> None:
    """Remove a sandbox with its endpoints and ports."""
    connection.execute("DELETE FROM sandboxes WHERE container_id=?", (container_id,))


def add_endpoint(connection: Connection, row: EndpointRow) -> None:
    """Connect a sandbox to a network.

    :raises sqlite3.IntegrityError: it is connected, or the address is taken.
    """
    connection.execute("INSERT INTO endpoints VALUES (?,?,?,?,?,?,?,?,?)", row)


def delete_endpoint(connection: Connection, endpoint_id: str) -> None:
    """Disconnect a sandbox from a network."""
    connection.execute("DELETE FROM endpoints WHERE id=?", (endpoint_id,))


def endpoints_of(connection: Connection, container_id: str) -> list[EndpointRow]:
    """Return what a container is connected to, in the order of its interfaces."""
    query = "SELECT * FROM endpoints WHERE container_id=? ORDER BY position"
    return [EndpointRow(*row) for row in connection.execute(query, (container_id,))]


def endpoints_on(connection: Connection, network_id: str) -> list[EndpointRow]:
    """Return who is on a network."""
    query = "SELECT * FROM endpoints WHERE network_id=? ORDER BY container_id"
    return [EndpointRow(*row) for row in connection.execute(query, (network_id,))]


def addresses_on(connection: Connection, network_id: str) -> set[str]:
    """Return the addresses that are given away on a network."""
    found: set[str] = set()
    for pair in connection.execute("SELECT ipv4, ipv6 FROM endpoints WHERE network_id=?", (network_id,)):
        found.update(pair)
    return found - {None}


def add_port(connection: Connection, row: PortRow) -> None:
    """Publish a port.

    :raises sqlite3.IntegrityError: exactly this one is published.
    """
    connection.execute("INSERT INTO ports VALUES (?,?,?,?,?)", row)


def delete_port(connection: Connection, row: PortRow) -> None:
    """Take a published port back."""
    connection.execute(
        "DELETE FROM ports WHERE protocol=? AND host_port=? AND host_ip=? AND container_id=?", tuple(row[:4])
    )


def delete_ports(connection: Connection, container_id: str) -> None:
    """Take all published ports of a container back."""
    connection.execute("DELETE FROM ports WHERE container_id=?", (container_id,))


def ports(connection: Connection) -> list[PortRow]:
    """Return all published ports."""
    return [PortRow(*row) for row in connection.execute("SELECT * FROM ports")]


def published_endpoints(connection: Connection) -> list[EndpointRow]:
    """Return the endpoints of all containers that have published ports, of each the way out first."""
    query = (
        "SELECT * FROM endpoints WHERE container_id IN (SELECT container_id FROM ports)"
        " ORDER BY container_id, priority DESC, position"
    )
    return [EndpointRow(*row) for row in connection.execute(query)]


def last_port(connection: Connection, first: int, last: int) -> int:
    """Return the highest port of a range that is published; 0 when none is."""
    query = "SELECT max(host_port) FROM ports WHERE host_port BETWEEN ? AND ?"
    return int(connection.execute(query, (first, last)).fetchone()[0] or 0)


# Those that lead somewhere: the container has an address of their kind just now.
_LEADING = """SELECT * FROM ports WHERE EXISTS (SELECT 1 FROM endpoints e WHERE e.container_id = ports.container_id
    AND CASE WHEN instr(host_ip, ':') THEN e.ipv6 ELSE e.ipv4 END IS NOT NULL)"""


def leading_ports(connection: Connection, container_id: str | None = None) -> list[PortRow]:
    """Return the published ports that lead somewhere: of one container, or of all."""
    order = " ORDER BY container_port, protocol, host_ip, host_port"
    if container_id is None:
        return [PortRow(*row) for row in connection.execute(_LEADING + order)]
    return [PortRow(*row) for row in connection.execute(f"{_LEADING} AND container_id = ?{order}", (container_id,))]


def ports_of(connection: Connection, container_id: str) -> list[PortRow]:
    """Return the published ports of a container, also those that lead nowhere since it was disconnected."""
    query = "SELECT * FROM ports WHERE container_id=? ORDER BY container_port, protocol, host_ip, host_port"
    return [PortRow(*row) for row in connection.execute(query, (container_id,))]


def ports_at(connection: Connection, protocol: str, host_port: int) -> list[PortRow]:
    """Return who has published a port of the host, at any of its addresses."""
    query = "SELECT * FROM ports WHERE protocol=? AND host_port=?"
    return [PortRow(*row) for row in connection.execute(query, (protocol, host_port))]
