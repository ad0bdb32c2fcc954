"""Where a container's network meets its start and its end: the one seam between the engine and :mod:`hezi.network`.

    choose    before anything is made: which kind of network, and what contradicts it
    attach    after the row, before the files and the plan: namespace, addresses, ports, names
    hold      the monitor keeps it from now on
    detach    when it has ended; again does nothing

``none`` and ``host`` load nothing of hezi.network.
"""

from __future__ import annotations

import os

from hezi import errors
from hezi.engine import files
from hezi.engine.guests import Guest, Joined, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hezi.db.connection import Database
    from hezi.db.containers import Process
    from hezi.engine.parse_network import Asked
    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.network.sandbox import Attached, Wish

NONE, HOST, BRIDGE, CONTAINER = "none", "host", "bridge", "container"
# Set to anything: namespaces of containers that start are known to ``ip netns`` by the containers' names.
IP_NETNS = "HEZI_IP_NETNS"
_CONTAINER = "container:"
_DISCARDED = "WARNING: Published ports are discarded when using host network mode"
UNKNOWN_OPTION = "WARNING: option {} of an endpoint means nothing; it is kept and shown"
_MIXED = "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
# What cannot be said of a network that is another container's; docker's words.
_OTHERS = (
    ("hostname", "hostname and the network mode"),
    ("link", "container type network can't be used with links. This would result in undefined behavior"),
    ("dns", "dns and the network mode"),
    ("add_host", "custom host-to-IP mapping and the network mode"),
    ("mac_address", "mac-address and the network mode"),
    ("publish", "port publishing and the container type network mode"),
    ("publish_all", "port publishing and the container type network mode"),
    ("expose", "port exposing and the container type network mode"),
)


def choose(request: RunRequest) -> str:
    """Return ``none``, ``host``, ``bridge`` (a network of hezi's) or ``container``.

    :raises errors.Error: the options contradict each other; docker's texts.
    """
    text = _first(request)
    if text in {NONE, HOST} or text.startswith(_CONTAINER):
        kind = CONTAINER if text.startswith(_CONTAINER) else text
        if request.networks or request.plugged:
            raise errors.Error(errors.INVALID, _MIXED)
        _check_alone(request, kind)
        return kind
    from hezi.engine import parse_network, parse_ports

    asked = networks(request)
    names = [one.name for one in asked]
    for name in names:
        if (name in {NONE, HOST} or name.startswith(_CONTAINER)) or names.count(name) > 1:
            raise errors.Error(errors.INVALID, _MIXED)
    if asked and asked[0].name == BRIDGE:
        _check_default(request, asked[0])
    _check_files(request)
    for link in request.link:
        parse_network.parse_link(link)
    for one in asked:
        parse_network.extras(one)
    parse_ports.wanted(request.publish, request.expose, (), everything=False)
    return BRIDGE


def _check_alone(request: RunRequest, kind: str) -> None:
    if kind == CONTAINER:
        if request.network == _CONTAINER:
            raise errors.Error(errors.INVALID, "Invalid network mode: invalid container format container:<name|id>")
        for name, words in _OTHERS:
            if getattr(request, name):
                raise errors.Error(errors.INVALID, f"conflicting options: {words}")
    if kind == HOST and request.link:
        message = "host type networking can't be used with links. This would result in undefined behavior"
        raise errors.Error(errors.INVALID, f"conflicting options: {message}")
    for wrong, words in (
        (request.ip or request.ip6, "user specified IP address is supported on user defined networks only"),
        (request.link_local_ip, "link-local addresses are only supported for networks of hezi's"),
        (request.network_alias, "network-scoped aliases are only supported for user-defined networks"),
        (request.mac_address, "conflicting options: mac-address and the network mode"),
        (request.link, "conflicting options: links and a container without a network"),
    ):
        if wrong:
            raise errors.Error(errors.INVALID, words)
    if request.dns or request.dns_search or request.dns_option or request.add_host:
        _check_files(request)


def _check_files(request: RunRequest) -> None:
    from hezi.engine import parse_network

    parse_network.check_dns(request.dns, request.dns_search, request.dns_option)
    for host in request.add_host:
        parse_network.parse_host(host)


def _check_default(request: RunRequest, asked: Asked) -> None:
    if request.ip or request.ip6 or asked.ipv4 or asked.ipv6:
        raise errors.Error(errors.INVALID, "user specified IP address is supported on user defined networks only")
    if request.network_alias or asked.aliases:
        raise errors.Error(errors.INVALID, "network-scoped aliases are only supported for user-defined networks")


def _first(request: RunRequest) -> str:
    return BRIDGE if request.network is None else request.network


def check_new(request: RunRequest) -> None:
    """Check what a new container asks for; one that there is may have been connected to more since.

    :raises errors.Error: the options contradict each other; docker's texts.
    """
    choose(request)
    if request.networks and BRIDGE in {one.name for one in networks(request)}:
        raise errors.Error(errors.INVALID, _MIXED)


def networks(request: RunRequest) -> tuple[Asked, ...]:
    """Return each network that is asked for; what options of their own say goes to the first.

    None, when a container was disconnected from all of them.

    :raises errors.Error: an option is wrong, or said twice.
    """
    from hezi.engine import parse_network

    texts = (_first(request), *request.networks) if request.plugged is None else request.plugged
    if not texts:
        return ()
    first, *others = map(parse_network.parse, texts)
    if request.plugged is not None and first.name != parse_network.parse(_first(request)).name:
        return (first, *others)  # those options were said of another one
    own = (
        ("--network-alias", first.aliases, request.network_alias),
        ("--ip", first.ipv4, request.ip),
        ("--ip6", first.ipv6, request.ip6),
        ("--mac-address", first.mac, request.mac_address),
        ("--link-local-ip", first.link_local, request.link_local_ip),
    )
    for option, one, two in own:
        if one and two:
            message = f"conflicting options: cannot specify both {option} and per-network {option[2:]}"
            raise errors.Error(errors.INVALID, message)
    first = first._replace(
        aliases=(*first.aliases, *map(parse_network.check_alias, request.network_alias)),
        ipv4=first.ipv4 or parse_network.check_address(request.ip or "", 4),
        ipv6=first.ipv6 or parse_network.check_address(request.ip6 or "", 6),
        mac=first.mac or parse_network.check_mac(request.mac_address or ""),
        link_local=(*first.link_local, *map(parse_network.check_link_local, request.link_local_ip)),
    )
    return (first, *others)


def exposed(request: RunRequest, image_ports: Iterable[str]) -> tuple[str, ...]:
    """Return what is exposed, as ``80/tcp``: by the image, by ``--expose`` and by ``--publish``."""
    if not (request.expose or request.publish or image_ports):
        return ()
    from hezi.engine import parse_ports

    pairs = {pair for text in (*request.expose, *image_ports) for pair in parse_ports.parse_expose(text)}
    pairs |= {(one.container_port, one.protocol) for text in request.publish for one in parse_ports.parse_publish(text)}
    return tuple(f"{port}/{protocol}" for port, protocol in sorted(pairs))


def attach(
    paths: Paths, database: Database, guest: Guest, tell: Callable[[str], None], *, namespace: int = -1
) -> Joined:
    """Make the network of a container that is about to start; this process holds it.

    :param tell: called with warnings.
    :param namespace: see :func:`hezi.network.sandbox.attach`.
    :raises errors.Error: no such network, an address or port in use, no nft ...; nothing is left then.
    """
    request = guest.request
    kind = choose(request)
    if kind in {NONE, HOST}:
        if kind == HOST and request.publish:
            tell(_DISCARDED)  # docker says nothing for "none"
        return Joined(None, _plain_files(request, kind))
    if kind == CONTAINER:
        from hezi.engine import joining

        return joining.join(paths, database, str(request.network))
    from hezi.db import networks as rows
    from hezi.engine import events, held, parse_network, parse_ports
    from hezi.network import links, sandbox

    row = rows.SandboxRow(guest.id, guest.name, *held.myself())
    publish = parse_ports.wanted(request.publish, request.expose, guest.image_ports, everything=request.publish_all)
    asked = networks(request)
    for name in (name for one in asked for name in parse_network.unknown_options(one)):
        tell(UNKNOWN_OPTION.format(name))
    wishes = [wish(one, guest) for one in asked]
    # Of the host's servers some may be at its loopback, which a container does not reach: then ours asks them.
    local = not request.dns and not files.reachable_servers()
    attached = sandbox.attach(database, place_of(paths), row, wishes, publish, resolve=local, namespace=namespace)
    for network, _ in attached.endpoints:
        events.tell_endpoint(paths, "connect", (network.id, network.name, network.driver), guest.id)
    try:
        if os.environ.get(IP_NETNS):
            links.add(place_of(paths), guest.id, guest.name)
        variables: tuple[tuple[str, str], ...] = ()
        if request.link and any(network.name == BRIDGE for network, _ in attached.endpoints):
            from hezi.engine import links_env

            variables = links_env.variables(paths, database, guest)
        return Joined(attached.path, _files(database, guest, attached, resolve=local), variables)
    except BaseException:
        detach(paths, database, guest.id)
        raise


def planned_path(paths: Paths, database: Database, container_id: str, request: RunRequest) -> str | None:
    """Return where the network namespace would be that a start joins; None when there is none to be joined.

    :raises errors.Error: the container whose network is wanted does not run.
    """
    kind = choose(request)
    if kind == BRIDGE:
        return place_of(paths).namespace(container_id)
    if kind != CONTAINER:
        return None
    from hezi.engine import joining

    return joining.join(paths, database, str(request.network)).path


def wish(asked: Asked, guest: Guest) -> Wish:
    """Return what a container wants of one network."""
    from hezi.engine import parse_network
    from hezi.network.sandbox import Wish

    names = (guest.name, *asked.aliases, guest.id[:12], *((guest.hostname,) if guest.request.hostname else ()))
    own = parse_network.extras(asked)
    return Wish(asked.name, asked.ipv4, asked.ipv6, asked.mac, names, guest.request.dns, asked.priority, own)


def _plain_files(request: RunRequest, kind: str) -> dict[str, bytes]:
    lines = []
    if request.add_host:
        from hezi.engine import parse_network

        for name, address in map(parse_network.parse_host, request.add_host):
            lines.append(("127.0.0.1" if address == parse_network.HOST_GATEWAY else address, name))
    return {
        "hosts": files.hosts(lines, of_host=kind == HOST and not lines),
        "resolv.conf": files.resolv_conf(request.dns, request.dns_search, request.dns_option),
    }


def _files(database: Database, guest: Guest, attached: Attached, *, resolve: bool) -> dict[str, bytes]:
    from hezi.engine import joining
    from hezi.network.dns.client import ADDRESS

    request = guest.request
    lines = joining.host_lines(database, guest, attached)
    named = any(network.named for network, _ in attached.endpoints)
    servers = (ADDRESS,) if named or resolve else request.dns
    options = request.dns_option or (("ndots:0",) if named else ())
    return {
        "hosts": files.hosts(lines, of_host=False),
        "resolv.conf": files.resolv_conf(servers, request.dns_search, options, only_reachable=True),
    }


def hold(database: Database, container_id: str, holder: Process) -> None:
    """Hand a container's network to its monitor; without one nothing happens."""
    from hezi.db import networks as rows

    with database.read() as connection:
        known = rows.sandbox(connection, container_id)
    if known is not None:
        with database.write() as connection:
            rows.hold(connection, container_id, holder)


def detach(paths: Paths, database: Database, container_id: str) -> None:
    """Take a container's network apart, if it has one of its own. Again does nothing.

    :raises errors.Error: something cannot be removed now.
    """
    from hezi.db import networks as rows

    with database.read() as connection:
        known = rows.sandbox(connection, container_id)
    if known is not None:
        from hezi.engine import events
        from hezi.network import sandbox

        with database.read() as connection:
            there = [rows.get(connection, one.network_id) for one in rows.endpoints_of(connection, container_id)]
        if sandbox.detach(database, place_of(paths), container_id):
            for network in there:
                if network is not None:
                    events.tell_endpoint(paths, "disconnect", (network.id, network.name, network.driver), container_id)
