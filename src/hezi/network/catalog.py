"""The networks there are: made, found, removed."""

from __future__ import annotations

from hezi import errors
from hezi._util import clock, ids
from hezi.db import networks as rows
from hezi.linux.netlink.route import Route
from hezi.network import bridge, ipam, kernel, macvlan, model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from sqlite3 import Connection

    from hezi.network.model import Network
    from hezi.network.place import Place
    from hezi.network.prefixes import Prefix

_HEX = frozenset("0123456789abcdef")
_LONGEST_NAME = 15


def settle(connection: Connection, place: Place, wanted: Collection[str] = ("bridge", "host", "none")) -> None:
    """Have the networks that are always there; inside a write transaction.

    :raises errors.Error: no subnet is free for the bridge.
    """
    for name in wanted:
        if rows.by_name(connection, name) is None:
            rows.insert(connection, _predefined(connection, place, name).row())


def _predefined(connection: Connection, place: Place, name: str) -> Network:
    made = model.Network(ids.new_id(), name, model.PREDEFINED[name], clock.now_ns())
    if name != "bridge":
        return made
    options = {
        model.OPTION_DEFAULT: "true",
        model.OPTION_ICC: "true",
        model.OPTION_MASQUERADE: "true",
        model.OPTION_HOST_IP: "0.0.0.0",  # noqa: S104 - docker's words for all addresses
        model.OPTION_NAME: place.default_bridge,
        model.OPTION_MTU: "1500",
    }
    return made._replace(options=options, subnets=ipam.complete((), (4,), used(connection)))


def used(connection: Connection) -> list[Prefix]:
    """Return what is taken: other networks' subnets, and what this host reaches already."""
    found = [subnet.prefix for row in rows.list_all(connection) for subnet in model.from_row(row).subnets]
    with Route() as route:
        return [*found, *kernel.taken(route)]


def find(connection: Connection, text: str) -> Network:
    """Return a network by its id, its name, or a unique prefix of its id.

    :raises errors.Error: NOT_FOUND, INVALID when several fit; docker's texts.
    """
    row = rows.get(connection, text) or rows.by_name(connection, text)
    if row is None and text and set(text) <= _HEX:
        several = rows.by_prefix(connection, text)
        if len(several) > 1:
            raise errors.Error(errors.INVALID, f"network {text} is ambiguous (2 matches found based on ID prefix)")
        row = several[0] if several else None
    if row is None:
        raise errors.Error(errors.NOT_FOUND, f"network {text} not found")
    return model.from_row(row)


def everything(connection: Connection) -> list[Network]:
    """Return all networks by name."""
    return [model.from_row(row) for row in rows.list_all(connection)]


def create(connection: Connection, asked: Network) -> Network:
    """Add a network; inside a write transaction.

    :param asked: without an id, and with the subnets as the user gave them.
    :raises errors.Error: docker's texts.
    """
    if rows.by_name(connection, asked.name) is not None:
        raise errors.Error(errors.ALREADY_EXISTS, f"network with name {asked.name} already exists")
    made = asked._replace(id=ids.new_id(), created_ns=clock.now_ns())
    _check(connection, made)
    # A macvlan network shares the one that the host is on: its addresses are on purpose those of a route here.
    taken = used(connection) if made.driver == model.BRIDGE else []
    families = [family for family, on in ((4, made.ipv4), (6, made.ipv6)) if on]
    made = made._replace(subnets=ipam.complete(made.subnets, families, taken))
    rows.insert(connection, made.row())
    return made


def _check(connection: Connection, made: Network) -> None:
    if made.driver == model.MACVLAN:
        macvlan.check(made)
        return
    for family, on in ((4, made.ipv4), (6, made.ipv6)):
        if on and sum((":" in subnet.subnet) == (family == 6) for subnet in made.subnets) > 1:
            raise errors.Error(errors.PERMISSION, "bridge driver doesn't support multiple subnets")
    name = made.bridge
    if not 0 < len(name.encode()) <= _LONGEST_NAME or set(name) & set('/: "\t\n{}'):
        raise errors.Error(errors.INVALID, f'invalid bridge name "{name}": at most 15 letters, no blank')
    if any(other.bridge == name for other in everything(connection) if other.driver == model.BRIDGE):
        message = f"networks have same bridge name: {name}"
        raise errors.Error(errors.CONFLICT, message)
    mtu = made.options.get(model.OPTION_MTU, "0")
    if not mtu.isascii() or not mtu.isdecimal():
        raise errors.Error(errors.INVALID, f'invalid MTU "{mtu}"')


def remove(connection: Connection, network: Network, holders: Sequence[str]) -> None:
    """Remove a network's row and its bridge; inside a write transaction.

    :param holders: names of the containers that use it just now.
    :raises errors.Error: docker's texts: it is always there, or in use.
    """
    if network.name in model.PREDEFINED:
        raise errors.Error(errors.PERMISSION, f"{network.name} is a pre-defined network and cannot be removed")
    if holders:
        listed = " ".join(holders)
        message = f"error while removing network: network {network.name} has active endpoints ({listed})"
        raise errors.Error(errors.CONFLICT, message, hint="stop or disconnect them first")
    rows.delete(connection, network.id)
    if network.driver == model.BRIDGE:
        with Route() as route:
            bridge.remove(route, network)
