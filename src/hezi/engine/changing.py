"""The network of a container changed from outside: connected, disconnected, ports published and taken back.

What changes is written into the container's request too, so that its next start finds it so; ports that were published
while it ran are no part of that.
"""

from __future__ import annotations

from hezi import errors
from hezi.db import networks as rows
from hezi.engine import events, find_container, freeze, network_view, networking, parse_network, parse_ports, record
from hezi.engine.guests import Guest, place_of
from hezi.network import catalog, sandbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.engine.parse_network import Asked
    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.network.model import Network
    from hezi.network.ports import Publish

_OTHERS = {
    "host": "container cannot be disconnected from host network or connected to host network",
    "none": "container cannot be connected to multiple networks with one of the networks in private (none) mode",
}


def connect(paths: Paths, database: Database, network: str, container: str, asked: Asked) -> None:
    """Connect a container to one more network, now if it runs, and from now on.

    :param asked: addresses and aliases; its name is not looked at.
    :raises errors.Error: no such container or network, it is connected, an address is taken.
    """
    row, found = _find(database, paths, network, container)
    details = record.decode(row.config)
    request = freeze.thaw(row.image_name, dict(details.request))
    mode = str(request.network or "bridge")
    if mode == "host" or mode.startswith("container:") or found.name == "host":
        raise errors.Error(errors.PERMISSION, _OTHERS["host"])
    if mode == "none" or found.name == "none":
        raise errors.Error(errors.PERMISSION, _OTHERS["none"])
    if found.name == "bridge" and (asked.ipv4 or asked.ipv6):
        text = "user specified IP address is supported on user defined networks only"
        raise errors.Error(errors.INVALID, text)
    if found.name == "bridge" and asked.aliases:
        text = "network-scoped alias is supported only for containers in user defined networks"
        raise errors.Error(errors.INVALID, text)
    runs = _runs(database, row.id)
    if runs and any(one.name in {found.name, found.id} for one in networking.networks(request)):
        text = f"endpoint with name {row.name} already exists in network {found.name}"
        raise errors.Error(errors.PERMISSION, text)
    if runs:
        guest = Guest(row.id, row.name, details.hostname, request, ())
        wish = networking.wish(asked._replace(name=found.name), guest)
        sandbox.connect(database, place_of(paths), row.id, wish)
        events.tell_endpoint(paths, "connect", (found.id, found.name, found.driver), row.id)
        _publish_first(paths, database, row.id, details, found)
    # Of one that does not run it is said anew what it wants there.
    others = [text for text in _texts(request) if parse_network.parse(text).name not in {found.name, found.id}]
    _keep(database, row.id, [*others, _text(found.name, asked)])


def _publish_first(
    paths: Paths, database: Database, container_id: str, details: record.Details, network: Network
) -> None:
    """Publish what could not be when the container started: it was on no network that leads out.

    :raises errors.Error: a port is in use; the container is on the network all the same, as it would be with docker.
    """
    request = freeze.thaw("", dict(details.request))
    if not (request.publish or request.publish_all) or not network.publishes:
        return
    with database.read() as connection:
        if rows.ports_of(connection, container_id):
            return
    wanted = parse_ports.wanted(request.publish, (), details.exposed, everything=request.publish_all)
    sandbox.publish(database, place_of(paths), container_id, wanted)


def disconnect(paths: Paths, database: Database, network: str, container: str, *, force: bool = False) -> None:
    """Disconnect a container from a network, now if it runs, and from now on.

    :param force: as with docker, for what is left of a container that is gone; hezi leaves nothing.
    :raises errors.Error: no such container or network, or it is not connected.
    """
    try:
        row, found = _find(database, paths, network, container)
    except errors.Error as error:
        if force and error.kind == errors.NOT_FOUND and error.message.startswith("No such container"):
            raise errors.Error(errors.NOT_FOUND, f"endpoint {container} not found") from None
        raise
    details = record.decode(row.config)
    request = freeze.thaw(row.image_name, dict(details.request))
    texts = _texts(request)
    if found.name == "host" or texts[:1] == ["host"]:
        raise errors.Error(errors.PERMISSION, _OTHERS["host"])
    left = [text for text in texts if parse_network.parse(text).name not in {found.name, found.id}]
    if left == texts:
        raise errors.Error(errors.PERMISSION, f"container {row.id} is not connected to network {found.name}")
    if _runs(database, row.id):
        sandbox.disconnect(database, place_of(paths), row.id, found.id)
    events.tell_endpoint(paths, "disconnect", (found.id, found.name, found.driver), row.id)
    _keep(database, row.id, left)


def _texts(request: RunRequest) -> list[str]:
    return [str(request.network or "bridge"), *request.networks] if request.plugged is None else list(request.plugged)


def _find(database: Database, paths: Paths, network: str, container: str) -> tuple[ContainerRow, Network]:
    with database.write() as connection:
        row = find_container.find(connection, container)
        catalog.settle(connection, place_of(paths))
        return row, catalog.find(connection, network)


def _runs(database: Database, container_id: str) -> bool:
    with database.read() as connection:
        return rows.sandbox(connection, container_id) is not None


def _text(name: str, asked: Asked) -> str:
    values = [("alias", alias) for alias in asked.aliases]
    values += [("ip", asked.ipv4), ("ip6", asked.ipv6), ("mac-address", asked.mac)]
    values += [("link-local-ip", text) for text in asked.link_local]
    values += [("gw-priority", str(asked.priority or ""))]
    values += [("driver-opt", f"{name}={value}") for name, value in asked.options]
    parts = [parse_network.quoted(f"{key}={value}") for key, value in values if value]
    return ",".join([f"name={name}", *parts]) if parts else name


def _keep(database: Database, container_id: str, texts: Sequence[str]) -> None:
    """Write down the networks of a container's next start."""
    from hezi.db import containers

    with database.write() as connection:
        row = containers.get(connection, container_id)
        if row is None:
            return
        details = record.decode(row.config)
        request = {**details.request, "plugged": list(texts)}
        containers.configure(connection, container_id, record.encode(details._replace(request=request)))


def publish(paths: Paths, database: Database, container_id: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """See :meth:`hezi.engine.containers.api.Container.publish`."""
    wanted = [one for text in texts for one in parse_ports.parse_publish(text)]
    taken = sandbox.publish(database, place_of(paths), container_id, wanted)
    return [(network_view.key(row), network_view.host(row)) for row in taken]


def unpublish(paths: Paths, database: Database, container_id: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """See :meth:`hezi.engine.containers.api.Container.unpublish`."""
    with database.read() as connection:
        known = rows.ports_of(connection, container_id)
    gone: list[rows.PortRow] = []
    for text in texts:
        for one in parse_ports.parse_publish(text):
            found = [row for row in known if _is(row, one)]
            if not found:
                raise errors.Error(errors.NOT_FOUND, f"port {text} is not published")
            gone += (row for row in found if row not in gone)
    sandbox.unpublish(database, place_of(paths), gone)
    return [(network_view.key(row), network_view.host(row)) for row in gone]


def _is(row: rows.PortRow, one: Publish) -> bool:
    return (
        (row.container_port, row.protocol) == (one.container_port, one.protocol)
        and one.first in {0, row.host_port}
        and one.host_ip in {"", row.host_ip}
    )
