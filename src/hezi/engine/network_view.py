"""What is shown of a container's network: ``NetworkSettings`` of inspect, ports of ps and port."""

from __future__ import annotations

from hezi.db import networks as rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from sqlite3 import Connection
    from typing import Any

    from hezi.db.containers import ContainerRow
    from hezi.db.networks import PortRow
    from hezi.engine.record import Details
    from hezi.engine.request import RunRequest

_TOP: dict[str, Any] = {
    "Bridge": "",
    "SandboxID": "",
    "SandboxKey": "",
    "Ports": {},
    "HairpinMode": False,
    "LinkLocalIPv6Address": "",
    "LinkLocalIPv6PrefixLen": 0,
    "SecondaryIPAddresses": None,
    "SecondaryIPv6Addresses": None,
    "EndpointID": "",
    "Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "MacAddress": "",
}
_ONE: dict[str, Any] = {
    "IPAMConfig": None,
    "Links": None,
    "Aliases": None,
    "MacAddress": "",
    "DriverOpts": None,
    "GwPriority": 0,
    "NetworkID": "",
    "EndpointID": "",
    "Gateway": "",
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "DNSNames": None,
}
# Shown at the top too, for the default bridge, as from the times when there was nothing else.
_REPEATED = (
    "EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPAddress", "IPPrefixLen", "IPv6Gateway",
    "MacAddress",
)  # fmt: skip


def settings(
    connection: Connection, row: ContainerRow, details: Details, request: RunRequest, sandbox_path: str
) -> dict[str, Any]:
    """Return ``NetworkSettings``.

    :param sandbox_path: where the namespace is while the container has one.
    """
    found = dict(_TOP)
    has_one = rows.sandbox(connection, row.id) is not None
    if has_one:
        found |= {"SandboxID": row.id, "SandboxKey": sandbox_path, "Ports": _ports(connection, row.id, details)}
    networks = _asked(request)
    for endpoint in rows.endpoints_of(connection, row.id):
        name, one = _endpoint(connection, endpoint, networks)
        networks[name] = one
        if name == "bridge":
            found |= {key: one[key] for key in _REPEATED}
    found["Networks"] = networks
    return found


def _asked(request: RunRequest) -> dict[str, dict[str, Any]]:
    """What the container wants of each network, as far as it can be said without one."""
    from hezi.engine import networking

    text = request.network or "bridge"
    if text in {"none", "host"}:
        return {text: dict(_ONE)}
    if text.startswith("container:"):
        return {}
    found = {}
    for asked in networking.networks(request):
        own = {"IPv4Address": asked.ipv4, "IPv6Address": asked.ipv6}
        config: dict[str, Any] = {key: value for key, value in own.items() if value}
        if asked.link_local:
            config["LinkLocalIPs"] = list(asked.link_local)
        found[asked.name] = {
            **_ONE,
            "IPAMConfig": config or None,
            "Aliases": list(asked.aliases) or None,
            "DriverOpts": dict(sorted(asked.options)) or None,
            "GwPriority": asked.priority,
        }
    return found


def _endpoint(
    connection: Connection, endpoint: rows.EndpointRow, asked: dict[str, dict[str, Any]]
) -> tuple[str, dict[str, Any]]:
    from hezi.network import bridge, catalog

    network = catalog.find(connection, endpoint.network_id)
    one = dict(asked.get(network.name) or asked.pop(network.id, None) or _ONE)
    one |= {"MacAddress": endpoint.mac, "NetworkID": network.id, "EndpointID": endpoint.id}
    for address, keys in (
        (endpoint.ipv4, ("IPAddress", "IPPrefixLen", "Gateway")),
        (endpoint.ipv6, ("GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPv6Gateway")),
    ):
        subnet = bridge.holder(network, address) if address else None
        if address and subnet:
            one |= dict(zip(keys, (address, subnet.prefix.length, subnet.gateway), strict=True))
    if network.named:
        one["DNSNames"] = endpoint.names.split()
    return network.name, one


def _publishes(connection: Connection, container_id: str) -> bool:
    """Tell whether a container is on a network on which ports are published: only then docker tells of any."""
    from hezi.network import catalog

    endpoints = rows.endpoints_of(connection, container_id)
    return any(catalog.find(connection, endpoint.network_id).publishes for endpoint in endpoints)


def _ports(connection: Connection, container_id: str, details: Details) -> dict[str, Any]:
    if not _publishes(connection, container_id):
        return {}
    found: dict[str, Any] = dict.fromkeys(sorted(details.exposed))
    # In docker's order: of several for one port the highest comes first.
    for row in sorted(rows.leading_ports(connection, container_id), key=lambda row: (-row.host_port, row.host_ip)):
        bindings = found.get(key(row)) or []
        found[key(row)] = [*bindings, {"HostIp": row.host_ip, "HostPort": str(row.host_port)}]
    return dict(sorted(found.items()))


def key(row: PortRow) -> str:
    """Return ``80/tcp``."""
    return f"{row.container_port}/{row.protocol}"


def host(row: PortRow) -> str:
    """Return where a port is published: ``0.0.0.0:8080``, ``[::]:8080``."""
    return _at(row.host_ip, row.host_port)


def ports_line(
    connection: Connection, container_id: str, published: Mapping[str, Sequence[PortRow]], details: Details
) -> str:
    """Return ps's column of a container that runs: nothing where it has no network of its own, as docker shows it."""
    taken = published.get(container_id, [])
    if not taken and (not details.exposed or not _publishes(connection, container_id)):
        return ""
    return line(taken, details.exposed)


def line(published: Sequence[PortRow], exposed: Iterable[str]) -> str:
    """Return the column of ps: ports that are only exposed, and those that are published.

    As docker's command line has it (formatter.DisplayablePorts): neighbours that are exposed, or published on the same
    number, are one range, and the others come behind them one by one.
    """
    taken = {key(row) for row in published}
    entries = [(port, "", 0, protocol) for port, protocol in map(_split, set(exposed) - taken)]
    entries += [(row.container_port, row.host_ip, row.host_port, row.protocol) for row in published]
    going: dict[tuple[str, str], tuple[int, int]] = {}
    done, single = [], []
    for port, address, outside, protocol in sorted(entries):
        if address and outside != port:
            single.append(f"{_at(address, outside)}->{port}/{protocol}")
            continue
        first, last = going.get((address, protocol), (port, port - 1))
        if port != last + 1:
            done.append(_group(address, protocol, first, last))
            first = port
        going[address, protocol] = first, port
    done += (_group(*kind, *ends) for kind, ends in going.items())
    return ", ".join([*done, *single])


def _group(address: str, protocol: str, first: int, last: int) -> str:
    ports = str(first) if first == last else f"{first}-{last}"
    return f"{_at(address, ports)}->{ports}/{protocol}" if address else f"{ports}/{protocol}"


def _at(address: str, port: int | str) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _split(text: str) -> tuple[int, str]:
    port, _, protocol = text.partition("/")
    return int(port), protocol or "tcp"
