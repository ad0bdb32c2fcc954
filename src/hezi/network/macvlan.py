"""The macvlan driver: containers appear on the network of a host's interface, with addresses of their own."""

from __future__ import annotations

import errno

from hezi import errors
from hezi.linux.netlink import messages, spaces
from hezi.linux.netlink.route import Route
from hezi.network import bridge, model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.db.networks import EndpointRow
    from hezi.network.model import Network

_MODE = "macvlan_mode"


def check(network: Network) -> None:
    """Check the options.

    :raises errors.Error: no parent, or no such mode.
    """
    if not network.options.get("parent"):
        hint = "-o parent=INTERFACE; hezi makes no stand-in where none is given"
        raise errors.Error(errors.INVALID, "macvlan needs the interface of the host that it is to use", hint=hint)
    mode = network.options.get(_MODE, "bridge")
    if mode not in messages.MACVLAN_MODES:
        raise errors.Error(errors.INVALID, f'unknown macvlan mode "{mode}"')


def connect(
    route: Route,
    sandbox: int,
    network: Network,
    endpoint: EndpointRow,
    *,
    default: bool,
    extras: model.Extras,
) -> None:
    """Give a container its interface on the network; see :func:`hezi.network.bridge.connect`."""
    parent = network.options["parent"]
    link = route.link(parent)
    if link is None:
        raise errors.Error(errors.NOT_FOUND, f"macvlan: there is no interface {parent} on this host")
    inner = extras.name or network.interface(endpoint.position)
    # Made here under a name that nothing else has, and moved: the kernel looks for the parent where it is made.
    passing = bridge.host_link(endpoint)
    mode = messages.MACVLAN_MODES[network.options.get(_MODE, "bridge")]
    size: dict[str, Any] = {"mtu": network.mtu} if network.mtu else {}
    route.call(
        route.link_add(passing, "macvlan", link=link["index"], address=endpoint.mac, data={"mode": mode}, **size)
    )
    route.call(route.link_set(route.index(passing), ifname=inner, net_ns_fd=sandbox))
    with spaces.inside(sandbox), Route() as own:
        bridge.furnish(own, network, endpoint, inner, default=default, extras=extras)


def disconnect(sandbox: int, endpoint: EndpointRow) -> None:
    """Delete a container's interface; none is no error."""
    with spaces.inside(sandbox), Route() as own:
        try:
            own.call(own.link_delete(str(own.link_of(endpoint.mac)["ifname"])))
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
