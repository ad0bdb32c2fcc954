"""The bridge driver: a bridge on the host for each network, and a veth pair for each container on it."""

from __future__ import annotations

import errno
from _socket import AF_INET, AF_INET6  # noqa: PLC2701 - the socket module costs 3 ms

from hezi import errors
from hezi.linux.netlink import spaces
from hezi.linux.netlink.route import Route, number
from hezi.network import ipam, kernel, model, prefixes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from hezi.db.networks import EndpointRow
    from hezi.linux.netlink.connection import Request
    from hezi.network.model import Network


# RFC 3927, RFC 4291.
LINK_LOCAL4, LINK_LOCAL6 = prefixes.prefix("169.254.0.0/16"), prefixes.prefix("fe80::/10")
_NO_EXTRAS = model.Extras()


def ensure(route: Route, network: Network) -> bool:
    """Have the bridge there and up, with its addresses; True when it had to be made.

    :raises errors.Error: something else has the name.
    """
    name = network.bridge
    link = route.link(name)
    made = link is None
    if link is None:
        subnet = network.of_family(4)
        values: dict[str, Any] = {"address": ipam.mac(subnet.gateway if subnet else None)}
        if network.mtu:
            values["mtu"] = network.mtu
        try:
            route.call(route.link_add(name, "bridge", **values))
        except OSError as error:
            if error.errno != errno.EEXIST:  # another process was faster
                raise
        link = route.link(name)
    info = link.get("linkinfo") if link else None
    if link is None or not isinstance(info, dict) or info.get("kind") != "bridge":
        raise errors.Error(errors.CONFLICT, f"{name} is there and no bridge", hint=f"remove it: ip link delete {name}")
    index = number(link, "index")
    kernel.settle_ipv6(name, wanted=network.ipv6)
    _addresses(route, network, index)
    if not number(link, "flags") & 1:
        route.call(route.link_set(index, up=True))
    return made


def _addresses(route: Route, network: Network, index: int) -> None:
    there = {str(item.get("address")) for item in route.addresses(index)}
    for subnet in network.subnets:
        if not subnet.gateway or subnet.gateway in there:
            continue
        block = subnet.prefix
        broadcast = prefixes.show(4, block.last) if block.family == 4 and block.size > 2 else ""
        try:
            route.call(route.address_add(index, subnet.gateway, block.length, broadcast=broadcast))
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise


def plug_in_again(route: Route, network: Network, others: Iterable[EndpointRow]) -> None:
    """Put the interfaces of containers on a bridge that was made anew, since somebody had deleted it."""
    index = route.index(network.bridge)
    for endpoint in others:
        try:
            route.call(route.link_set(host_link(endpoint), master=index, up=True))
        except OSError as error:
            if error.errno != errno.ENODEV:  # not made yet, or gone
                raise


def remove(route: Route, network: Network) -> None:
    """Delete the bridge; none is no error."""
    _delete(route, network.bridge)


def host_link(endpoint: EndpointRow) -> str:
    """Return the name of the host's end of a container's veth pair."""
    return f"veth{endpoint.id[:11]}"


def connect(
    route: Route,
    sandbox: int,
    network: Network,
    endpoint: EndpointRow,
    *,
    default: bool,
    extras: model.Extras = _NO_EXTRAS,
) -> None:
    """Give a container its interface on the network.

    :param route: of the host.
    :param sandbox: descriptor of the container's network namespace.
    :param default: the way to everywhere else leads through here.
    """
    outer, inner = host_link(endpoint), extras.name or network.interface(endpoint.position)
    size: dict[str, Any] = {"mtu": network.mtu} if network.mtu else {}
    peer: dict[str, object] = {"ifname": inner, "address": endpoint.mac, "net_ns_fd": sandbox, **size}
    route.call(route.link_add(outer, "veth", master=route.index(network.bridge), peer=peer, **size))
    kernel.settle_ipv6(outer, wanted=False)
    port: dict[str, int] = {}
    if not network.on(model.OPTION_ICC):
        port["isolated"] = 1
    if kernel.filters_frames():
        # Then a published port that leads back to who asked is translated inside of the bridge, and must go out by
        # the port that it came in by.
        port["hairpin"] = 1
    requests = [route.port_set(outer, **port)] if port else []
    route.call(*requests, route.link_set(outer, up=True))
    with spaces.inside(sandbox), Route() as own:
        furnish(own, network, endpoint, inner, default=default, extras=extras)


def furnish(
    own: Route,
    network: Network,
    endpoint: EndpointRow,
    inner: str,
    *,
    default: bool,
    extras: model.Extras = _NO_EXTRAS,
) -> None:
    """Set up a container's interface from inside: addresses, parameters, up, and the default routes."""
    kernel.settle_ipv6(inner, wanted=bool(endpoint.ipv6) or any(":" in text for text in extras.addresses))
    for name, value in extras.sysctls:
        kernel.write(name.replace("IFNAME", inner).removeprefix("net/"), value)
    index = own.index(inner)
    requests = []
    for address in (endpoint.ipv4, endpoint.ipv6):
        subnet = holder(network, address) if address else None
        if address and subnet:
            block = subnet.prefix
            broadcast = prefixes.show(4, block.last) if block.family == 4 and block.size > 2 else ""
            requests.append(own.address_add(index, address, block.length, broadcast=broadcast))
    for address in extras.addresses:
        block = LINK_LOCAL6 if ":" in address else LINK_LOCAL4
        broadcast = prefixes.show(4, block.last) if block.family == 4 else ""
        requests.append(own.address_add(index, address, 64 if block.family == 6 else block.length, broadcast=broadcast))
    requests.append(own.link_set(index, up=True))
    if default:
        requests += default_routes(own, network, endpoint, index)
    own.call(*requests)


def default_routes(
    own: Route, network: Network, endpoint: EndpointRow, index: int, *, add: bool = True
) -> list[Request]:
    """Return the requests for the way out through this network: none when it is internal."""
    if network.internal:
        return []
    requests = []
    for address, family in ((endpoint.ipv4, AF_INET), (endpoint.ipv6, AF_INET6)):
        subnet = holder(network, address) if address else None
        if subnet and subnet.gateway:
            make = own.route_add if add else own.route_delete
            requests.append(make("default", gateway=subnet.gateway, oif=index, family=family))
    return requests


def holder(network: Network, address: str) -> model.Subnet | None:
    """Return the subnet that an address belongs to."""
    family, number = prefixes.address(address)
    for subnet in network.subnets:
        block = subnet.prefix
        if block.family == family and block.first <= number <= block.last:
            return subnet
    return None


def disconnect(route: Route, endpoint: EndpointRow) -> None:
    """Delete a container's veth pair: both ends go; none is no error. Takes 20 ms, in which the kernel waits."""
    _delete(route, host_link(endpoint))


def unplug(route: Route, endpoint: EndpointRow) -> None:
    """Take a container's veth pair off the bridge; none is no error.

    The pair goes with its namespace, by the kernel's own hand and in its own time. Whoever is still in there has an
    interface that leads nowhere, and does not meet the next container with that address.
    """
    try:
        route.call(route.link_set(host_link(endpoint), master=0, up=False))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


def _delete(route: Route, name: str) -> None:
    try:
        route.call(route.link_delete(name))
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
