"""Networks as objects: ``Engine().networks``.

>>> engine = hezi.Engine()
>>> engine.networks.create("web", subnets=[{"subnet": "10.5.0.0/16"}])    # doctest: +SKIP
>>> engine.networks.inspect("web")["IPAM"]                                # doctest: +SKIP
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from hezi import errors
from hezi._util import clock, order
from hezi.db import networks as rows
from hezi.engine import events
from hezi.engine.guests import place_of
from hezi.network import catalog, model, prefixes, sandbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from sqlite3 import Connection
    from typing import Any

    from hezi.db.connection import Database
    from hezi.engine.paths import Paths
    from hezi.network.model import Network

DRIVERS = (model.BRIDGE, model.MACVLAN)
_SWITCHES = {"internal", "ipv4", "ipv6", "attachable"}
LIST_KEYS = ("dangling", "driver", "id", "label", "name", "scope", "type")
PRUNE_KEYS = ("label", "label!", "until")


class Networks:
    """The networks of an engine."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._place = place_of(paths)

    def create(
        self,
        name: str,
        *,
        driver: str = model.BRIDGE,
        subnets: Sequence[Mapping[str, Any]] = (),
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
        ipam_options: Mapping[str, str] | None = None,
        **switches: bool,
    ) -> Network:
        """Make a network; its bridge is there when this returns.

        :param subnets: each a mapping with ``subnet``, and if wanted ``gateway``, ``ip_range`` and ``aux`` (a mapping);
            what is left out is chosen.
        :param options: of the driver, by docker's names; others mean nothing, and are kept and shown.
        :param switches: ``internal`` (nothing but the network itself is reached), ``ipv4`` (which is on unless said
            otherwise), ``ipv6``, ``attachable``.
        :raises hezi.Error: the name or the addresses are taken, an unknown driver or option ...
        """
        _check_name(name)
        if driver not in DRIVERS:
            text = f'could not find plugin {driver} in v1 plugin registry: plugin "{driver}" not found'
            hint = f"hezi has no plugins; the drivers are {' and '.join(DRIVERS)}"
            raise errors.Error(errors.NOT_FOUND, text, hint=hint)
        _check_options(driver, dict(options or {}))
        unknown = sorted(switches.keys() - _SWITCHES)
        if unknown:
            raise errors.Error(errors.INVALID, f"a network has no switch '{unknown[0]}'")
        asked = model.Network(
            id="",
            name=name,
            driver=driver,
            created_ns=0,
            labels=dict(labels or {}),
            options=dict(options or {}),
            subnets=tuple(model.Subnet(**subnet) for subnet in subnets),
            ipam_options=dict(ipam_options or {}),
            **switches,
        )
        if not asked.ipv4 and not asked.ipv6:
            raise errors.Error(errors.INVALID, "IPv4 or IPv6 must be enabled")
        with self._opened() as database:
            with database.write() as connection:
                made = catalog.create(connection, asked)
            if driver == model.BRIDGE:
                self._build(database, made)
        self._tell("create", made)
        return made

    def _tell(self, action: str, network: Network) -> None:
        events.tell(self._paths, events.NETWORK, action, network.id, {"name": network.name, "type": network.driver})

    def _build(self, database: Database, made: Network) -> None:
        from hezi.linux.netlink.route import Route

        try:
            with Route() as route:
                sandbox.prepare(database, self._place, route, made)
            sandbox.settle(database, self._place)
        except (errors.Error, OSError) as error:
            with database.write() as connection:
                catalog.remove(connection, made, ())
            if isinstance(error, errors.Error):
                raise
            doing = f"cannot make the bridge of network {made.name}"
            raise errors.from_os_error(doing, error) from error

    def update(self, name: str, options: Mapping[str, str]) -> Network:
        """Change options of a network, now and from now on; ``hezi.ports`` is the one that can be.

        :raises hezi.Error: there is no such network, or the option is none that can be changed.
        """
        with self._opened() as database:
            with database.write() as connection:
                network = catalog.find(connection, name)
                fixed = sorted(options.keys() - {model.OPTION_PORTS})
                if network.driver != model.BRIDGE or fixed:
                    what = f"option {fixed[0]}" if fixed else f"a network of the driver {network.driver}"
                    hint = f"what can be changed is {model.OPTION_PORTS}, of bridge networks"
                    raise errors.Error(errors.UNSUPPORTED, f"{what} cannot be changed afterwards", hint=hint)
                _check_options(network.driver, options)
                changed = network._replace(options={**network.options, **options})
                rows.configure(connection, network.id, changed.row().config)
            sandbox.settle(database, self._place)
        return changed

    def get(self, name: str) -> Network:
        """Return a network by name, id or unique prefix of an id.

        :raises hezi.Error: there is none (``not-found``), or several fit (``invalid``).
        """
        with self._opened() as database, database.read() as connection:
            return catalog.find(connection, name)

    def list(self, *, filters: Sequence[str] = ()) -> tuple[Network, ...]:
        """Return the networks by name, x2 before x10.

        :param filters: ``driver=``, ``id=``, ``label=``, ``name=PATTERN``, ``scope=``, ``type=builtin|custom``,
            ``dangling=true``.
        :raises hezi.Error: a filter is wrong.
        """
        from hezi.engine.containers import filters as rules

        wanted = _read_filters(filters, LIST_KEYS)
        with self._opened() as database, database.read() as connection:
            found = sorted(catalog.everything(connection), key=lambda one: order.natural(one.name))
            busy = {row.network_id for one in found for row in rows.endpoints_on(connection, one.id)}
        return tuple(
            one
            for one in found
            if all(_TESTS[key](one, values, one.id in busy) for key, values in wanted.items() if key in _TESTS)
            and rules.labels_match(dict(one.labels), wanted.get("label", ()))
        )

    def inspect(self, name: str) -> dict[str, Any]:
        """Return docker's document of a network.

        :raises hezi.Error: as :meth:`get`.
        """
        with self._opened() as database, database.read() as connection:
            network = catalog.find(connection, name)
            endpoints = rows.endpoints_on(connection, network.id)
            names = {row.container_id: row.name for row in rows.sandboxes(connection)}
        return _document(network, endpoints, names)

    def remove(self, name: str) -> None:
        """Remove a network that no running container is on.

        :raises hezi.Error: there is none (``not-found``), it is in use (``conflict``) or always there (``permission``).
        """
        with self._opened() as database:
            with database.removal() as connection:
                network = catalog.find(connection, name)
                catalog.remove(connection, network, _holders(connection, network))
            sandbox.settle(database, self._place)
        self._tell("destroy", network)

    def connect(
        self,
        network: str,
        container: str,
        *,
        aliases: Sequence[str] = (),
        ipv4: str = "",
        ipv6: str = "",
        link_local: Sequence[str] = (),
        priority: int = 0,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Connect a container to one more network, now if it runs, and from now on.

        :param link_local: addresses that its interface is to have beside.
        :param priority: the way out leads through the network that has the highest.
        :param options: ``com.docker.network.endpoint.ifname`` and ``...sysctls``; others are kept and shown.
        :raises hezi.Error: no such container or network, it is connected, an address is taken.
        """
        from hezi.engine import changing, parse_network

        asked = parse_network.Asked(
            network,
            tuple(map(parse_network.check_alias, aliases)),
            parse_network.check_address(ipv4, 4),
            parse_network.check_address(ipv6, 6),
            link_local=tuple(map(parse_network.check_link_local, link_local)),
            priority=priority,
            options=tuple((options or {}).items()),
        )
        parse_network.extras(asked)
        with self._opened() as database:
            changing.connect(self._paths, database, network, container, asked)

    def disconnect(self, network: str, container: str, *, force: bool = False) -> None:
        """Disconnect a container from a network, now if it runs, and from now on.

        :param force: as with docker, for what is left of a container that is gone; hezi leaves nothing.
        :raises hezi.Error: no such container or network, or it is not connected.
        """
        from hezi.engine import changing

        with self._opened() as database:
            changing.disconnect(self._paths, database, network, container, force=force)

    def prune(self, *, filters: Sequence[str] = ()) -> tuple[str, ...]:
        """Remove all networks that no container is on or wants to be on; return their names.

        :param filters: ``label=...``, ``label!=...``, ``until=DURATION|TIME``.
        """
        from hezi.engine.containers import filters as rules

        wanted = _read_filters(filters, PRUNE_KEYS)
        before = [rules.until(value) for value in wanted.get("until", ())]
        gone = []
        with self._opened() as database:
            with database.removal() as connection:
                for one in catalog.everything(connection):
                    labels = dict(one.labels)
                    if (
                        one.name not in model.PREDEFINED
                        and not _holders(connection, one)
                        and not wanted_by(connection, one)
                        and all(one.created_ns < moment for moment in before)
                        and rules.labels_match(labels, wanted.get("label", ()))
                        and not any(rules.labels_match(labels, [text]) for text in wanted.get("label!", ()))
                    ):
                        catalog.remove(connection, one, ())
                        gone.append(one)
            if gone:
                sandbox.settle(database, self._place)
        for one in gone:
            self._tell("destroy", one)
        events.tell(self._paths, events.NETWORK, "prune", "", {"reclaimed": 0})
        return tuple(one.name for one in gone)

    @contextmanager
    def _opened(self) -> Iterator[Database]:
        """Give the database, with the networks that are always there, and without what the dead left."""
        from hezi.engine.containers.api import opened

        if os.geteuid() != 0:
            raise errors.Error(errors.PERMISSION, "networks are made by root only", hint="run as root")
        self._paths.make()
        with opened(self._paths) as database:
            with database.read() as connection:
                missing = [name for name in model.PREDEFINED if rows.by_name(connection, name) is None]
            if missing:
                with database.needed() as connection:
                    catalog.settle(connection, self._place)
            sandbox.sweep(database, self._place, thorough=True)
            yield database


def wanted_by(connection: Connection, network: Network) -> bool:
    """Tell whether a container that does not run now will want the network when it starts."""
    from hezi.engine import record
    from hezi.engine.containers import listing

    for (config,) in connection.execute("SELECT config FROM containers"):
        details = record.decode(config)
        texts = listing.networks(details)
        if any(text in {network.name, network.id} or f"name={network.name}" in text for text in texts):
            return True
    return False


def _holders(connection: Connection, network: Network) -> list[str]:
    names = {row.container_id: row.name for row in rows.sandboxes(connection)}
    return [names.get(row.container_id, row.container_id[:12]) for row in rows.endpoints_on(connection, network.id)]


def _check_name(name: str) -> None:
    if name in model.PREDEFINED or name == "default":
        raise errors.Error(errors.PERMISSION, f"operation is not permitted on predefined {name} network")
    if not name.strip():
        raise errors.Error(errors.INVALID, f"invalid name: {name}")
    from hezi.engine import parse_network

    odd = not name.isprintable() or name != name.strip() or set(name) & set(",=") or len(name) > _LONGEST_NAME
    if odd or name.startswith(parse_network.FOREIGN):
        text = f"invalid network name {name}: --network could not name it"
        hint = (
            f"no comma, no =, no blank at its ends, nothing that cannot be printed, and at most {_LONGEST_NAME} letters"
        )
        raise errors.Error(errors.INVALID, text, hint=hint)


_KNOWN_OPTIONS = {
    model.BRIDGE: (
        model.OPTION_NAME,
        model.OPTION_ICC,
        model.OPTION_MASQUERADE,
        model.OPTION_MTU,
        model.OPTION_HOST_IP,
        model.OPTION_PORTS,
        model.OPTION_PREFIX,
    ),
    model.MACVLAN: ("parent", "macvlan_mode", model.OPTION_MTU, model.OPTION_PREFIX),
}
_DOCKERS, _OURS = "com.docker.", "hezi."
_LONGEST_NAME, _LONGEST_PREFIX = 255, 11


def unknown_options(driver: str, options: Mapping[str, str]) -> tuple[str, ...]:
    """Return those that mean nothing to the driver: they are kept and shown, as docker does."""
    return tuple(name for name in options if name not in _KNOWN_OPTIONS[driver])


def _check_options(driver: str, options: Mapping[str, str]) -> None:
    for name, value in options.items():
        if name not in _KNOWN_OPTIONS[driver]:
            if not name.startswith((_DOCKERS, _OURS)):
                continue
            hint = f"known are: {', '.join(_KNOWN_OPTIONS[driver])}"
            raise errors.Error(errors.UNSUPPORTED, f"the {driver} driver has no option {name}", hint=hint)
        if name in {model.OPTION_ICC, model.OPTION_MASQUERADE} and value not in {"true", "false", "1", "0"}:
            raise errors.Error(errors.INVALID, f'invalid value "{value}" of option {name}: true or false')
        if name == model.OPTION_HOST_IP:
            try:
                family = prefixes.address(value)[0]
            except errors.Error:
                family = 0
            if family != 4:
                raise errors.Error(errors.INVALID, f"failed to parse {name} value: {value} (nil ip)")
        if name == model.OPTION_PREFIX and (
            not 0 < len(value.encode()) <= _LONGEST_PREFIX or not value.isprintable() or set(value) & set("/: ")
        ):
            text = f'invalid value "{value}" of option {name}: 1 to {_LONGEST_PREFIX} letters, no blank, / or :'
            raise errors.Error(errors.INVALID, text)
        if name == model.OPTION_PORTS and value not in {model.PORTS_INPUT, model.PORTS_DIRECT}:
            raise errors.Error(errors.INVALID, f'invalid value "{value}" of option {name}: input or direct')


def _read_filters(texts: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    from hezi.engine.containers import filters as rules

    wanted = rules.read(texts, keys)
    for value in wanted.get("type", ()):
        if value not in {"builtin", "custom"}:
            raise errors.Error(errors.INVALID, f"invalid filter: 'type'='{value}'")
    for value in wanted.get("dangling", ()):
        if value not in {"1", "0", "true", "false"}:
            text = 'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")'
            raise errors.Error(errors.INVALID, text)
    return dict(wanted)


def _match(text: str, patterns: Sequence[str]) -> bool:
    from hezi.engine.containers import filters as rules

    return rules.matches(text, patterns)


_TESTS: dict[str, Callable[[Network, Sequence[str], bool], bool]] = {
    "driver": lambda one, values, _: one.driver in values,
    "id": lambda one, values, _: _match(one.id, values),
    "name": lambda one, values, _: _match(one.name, values),
    "scope": lambda _, values, __: "local" in values,
    "type": lambda one, values, _: ("builtin" if one.name in model.PREDEFINED else "custom") in values,
    "dangling": lambda one, values, busy: all(
        (value in {"1", "true"}) == (not busy and one.name not in model.PREDEFINED) for value in values
    ),
}


def _document(network: Network, endpoints: Sequence[rows.EndpointRow], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": clock.rfc3339(network.created_ns),
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": network.ipv4 and network.driver in DRIVERS,
        "EnableIPv6": network.ipv6,
        "IPAM": {
            "Driver": "default",
            "Options": None if network.name in model.PREDEFINED else dict(network.ipam_options),
            "Config": [_subnet(subnet) for subnet in network.subnets],
        },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {row.container_id: _endpoint(network, row, names) for row in endpoints},
        "Options": dict(sorted(network.options.items())),
        "Labels": dict(sorted(network.labels.items())),
    }


def _subnet(subnet: model.Subnet) -> dict[str, Any]:
    found: dict[str, Any] = {"Subnet": subnet.subnet}
    if subnet.ip_range:
        found["IPRange"] = subnet.ip_range
    if subnet.gateway and not subnet.chosen:
        found["Gateway"] = subnet.gateway
    if subnet.aux:
        found["AuxiliaryAddresses"] = dict(sorted(subnet.aux.items()))
    return found


def _endpoint(network: Network, row: rows.EndpointRow, names: Mapping[str, str]) -> dict[str, str]:
    return {
        "Name": names.get(row.container_id, ""),
        "EndpointID": row.id,
        "MacAddress": row.mac,
        "IPv4Address": with_length(network, row.ipv4),
        "IPv6Address": with_length(network, row.ipv6),
    }


def with_length(network: Network, address: str | None) -> str:
    """Return ``ADDRESS/LENGTH`` of its subnet; "" for none."""
    from hezi.network import bridge

    subnet = bridge.holder(network, address) if address else None
    return f"{address}/{subnet.prefix.length}" if subnet else ""
