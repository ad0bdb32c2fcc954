"""The network of one container: made before its program starts, changed while it runs, gone when it has ended.

    attach   row of the sandbox, addresses and ports are taken      one transaction
             network namespace, mounted below the run directory     restarts of the program find it there
             bridges, interfaces, rules                             all named by the rows
    detach   interfaces, mount, rows, rules                         in this order: a row tells of everything there is

Whatever is killed wherever: a sandbox belongs to a process, named by pid, start time and boot id, and whoever comes
next takes apart those whose process is gone.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress

from hezi import errors
from hezi._util import ids
from hezi._util.lock import FileLock
from hezi._util.record import NamedTuple
from hezi.db import networks as rows
from hezi.linux import mount, pidfd
from hezi.linux.netlink import spaces
from hezi.linux.netlink.route import Route, number
from hezi.network import bridge, catalog, entrance, firewall, ipam, kernel, links, macvlan, model, ports
from hezi.network.published import Forward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from sqlite3 import Connection

    from hezi.db.connection import Database
    from hezi.network.model import Network
    from hezi.network.place import Place
    from hezi.network.ports import Publish


# How many holders are looked at closely by each start.
_LOOKED_AT = 16


class Wish(NamedTuple):
    """What a container wants of one network.

    :ivar network: its name or id.
    :ivar names: what it is to be called there.
    :ivar servers: whom to ask for names that are no container's; the host's when empty.
    """

    network: str
    ipv4: str = ""
    ipv6: str = ""
    mac: str = ""
    names: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    priority: int = 0
    extras: model.Extras = model.Extras()


class Attached(NamedTuple):
    """What came of it: where the namespace is, and each endpoint with its network."""

    path: str
    endpoints: tuple[tuple[Network, rows.EndpointRow], ...]
    ports: tuple[rows.PortRow, ...]


def attach(
    database: Database,
    place: Place,
    sandbox: rows.SandboxRow,
    wishes: Sequence[Wish],
    publish: Sequence[Publish] = (),
    *,
    resolve: bool = False,
    namespace: int = -1,
) -> Attached:
    """Make the network of a container.

    :param sandbox: of the container, and the process that holds it.
    :param resolve: have questions for names answered inside, even where containers have none.
    :param namespace: descriptor of a network namespace to use, of a user namespace's own; -1 makes one.
    :raises errors.Error: no such network, an address or a port in use, no nft ...; nothing is left then.
    """
    sweep(database, place)
    lock = _alone(place, sandbox.container_id)
    lock.acquire()
    done = False
    try:
        try:
            attached = _attach(database, place, sandbox, wishes, publish, namespace)
        except errors.Error as error:
            # Whoever has what is wanted may be dead: those were not all looked at.
            if error.kind not in {errors.CONFLICT, errors.EXHAUSTED} or not sweep(database, place, thorough=True):
                raise
            attached = _attach(database, place, sandbox, wishes, publish, namespace)
        if resolve or any(network.named for network, _ in attached.endpoints):
            _name(database, place, sandbox.container_id, wishes)
        done = True
    except BaseException:
        with suppress(errors.Error, OSError):
            _detach(database, place, sandbox.container_id)
        raise
    finally:
        lock.release(remove=not done)
    return attached


def _alone(place: Place, container_id: str) -> FileLock:
    """Nobody else makes or takes apart this container's network meanwhile."""
    os.makedirs(place.namespaces, 0o700, exist_ok=True)
    return FileLock(None, f"{place.namespace(container_id)}.lock")


def _attach(
    database: Database,
    place: Place,
    sandbox: rows.SandboxRow,
    wishes: Sequence[Wish],
    publish: Sequence[Publish],
    namespace: int,
) -> Attached:
    try:
        with database.write() as connection:
            networks = _networks(connection, place, wishes)
            _fresh(connection, sandbox)
            made = tuple(
                (network, _endpoint(connection, network, sandbox.container_id, wish, position))
                for position, (network, wish) in enumerate(zip(networks, wishes, strict=True))
            )
            taken = ports.take(connection, sandbox.container_id, publish, _families(made)) if publish else []
        with Route() as route:
            fd = _new_namespace(place, sandbox.container_id, namespace)
            try:
                _build(database, place, route, fd, made, [wish.extras for wish in wishes])
            finally:
                os.close(fd)
        if any(network.driver == model.BRIDGE for network in networks):
            settle(database, place)
    except OSError as error:
        doing = "cannot make the container's network"
        raise errors.from_os_error(doing, error) from error
    return Attached(place.namespace(sandbox.container_id), made, tuple(taken))


def _networks(connection: Connection, place: Place, wishes: Sequence[Wish]) -> list[Network]:
    if any(wish.network == "bridge" for wish in wishes):
        catalog.settle(connection, place, ("bridge",))
    return [catalog.find(connection, wish.network) for wish in wishes]


def _fresh(connection: Connection, sandbox: rows.SandboxRow) -> None:
    """Add the row; one that the same container left is taken over, since only its holder can be asking."""
    rows.delete_sandbox(connection, sandbox.container_id)
    rows.add_sandbox(connection, sandbox)


def _endpoint(
    connection: Connection, network: Network, container_id: str, wish: Wish, position: int
) -> rows.EndpointRow:
    """Take addresses of a network for a container.

    :raises errors.Error: there are none left, or the one that was asked for is somebody's.
    """
    taken = rows.addresses_on(connection, network.id)
    found: dict[int, str | None] = {4: None, 6: None}
    for family, text in ((4, wish.ipv4), (6, wish.ipv6)):
        subnet = network.of_family(family)
        if text:
            found[family] = ipam.check_asked(network.subnets, text, taken)
        elif subnet is not None:
            found[family] = ipam.pick(subnet, taken)
    mac = wish.mac or ipam.mac(found[4])
    names = " ".join(dict.fromkeys(wish.names))
    row = rows.EndpointRow(
        network.id, container_id, ids.new_id(), position, found[4], found[6], mac, names, wish.priority
    )
    rows.add_endpoint(connection, row)
    return row


def _name(database: Database, place: Place, container_id: str, wishes: Sequence[Wish]) -> None:
    """Have questions for names answered in a container."""
    from hezi.network.dns import client

    client.serve(database, place, container_id, wishes[0].servers if wishes else ())


def _families(made: Sequence[tuple[Network, rows.EndpointRow]]) -> dict[int, str]:
    """Which kinds of addresses ports can be published to, each with the host's that they are published on by default.

    Where a network's own default is an address (host_binding_ipv4), it is published on that one alone.
    """
    found: dict[int, str] = {}
    for network, endpoint in sorted(made, key=lambda pair: -pair[1].priority):
        if network.publishes:
            for family, address, default in (
                (4, endpoint.ipv4, network.host_ip or model.ANY4),
                (6, endpoint.ipv6, "" if network.host_ip else model.ANY6),
            ):
                if address:
                    found.setdefault(family, default)
    return found


def _new_namespace(place: Place, container_id: str, given: int) -> int:
    """Make a network namespace, if none is given, and mount it where everybody finds it, ``ip netns`` by a link too."""
    path = place.namespace(container_id)
    _unmount(path)
    fd = spaces.new() if given < 0 else os.dup(given)
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        mount.mount(f"/proc/self/fd/{fd}", path, None, mount.MS_BIND)
        with spaces.inside(fd), Route() as own:
            own.call(own.link_set("lo", up=True))
    except BaseException:
        os.close(fd)
        raise
    return fd


def _unmount(path: str) -> None:
    """Take a mounted namespace away; none is no error."""
    while True:
        try:
            mount.umount2(path, mount.MNT_DETACH | mount.UMOUNT_NOFOLLOW)
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.ENOENT}:
                raise
            break
    with suppress(FileNotFoundError):
        os.unlink(path)


def _build(
    database: Database,
    place: Place,
    route: Route,
    fd: int,
    made: Sequence[tuple[Network, rows.EndpointRow]],
    extras: Sequence[model.Extras],
) -> None:
    gateway = default_of(made)
    for (network, endpoint), extra in zip(made, extras, strict=True):
        _connect(database, place, route, fd, (network, endpoint), extra, default=endpoint == gateway)


def default_of(made: Sequence[tuple[Network, rows.EndpointRow]]) -> rows.EndpointRow | None:
    """Return the endpoint through which everything else is reached: on a network that has a way out.

    That is the one of the highest priority, and of several the first.
    """
    found = [endpoint for network, endpoint in made if not network.internal]
    return max(found, key=lambda endpoint: endpoint.priority, default=None)


def _connect(
    database: Database,
    place: Place,
    route: Route,
    fd: int,
    pair: tuple[Network, rows.EndpointRow],
    extras: model.Extras,
    *,
    default: bool,
) -> None:
    network, endpoint = pair
    if network.driver == model.MACVLAN:
        macvlan.connect(route, fd, network, endpoint, default=default, extras=extras)
        return
    prepare(database, place, route, network)
    if not network.internal and kernel.forward(ipv6=network.ipv6):
        settle(database, place, closed=True)
    bridge.connect(route, fd, network, endpoint, default=default, extras=extras)


def prepare(database: Database, place: Place, route: Route, network: Network) -> None:
    """Have the bridge of a network there; who is on it is plugged in when it had to be made."""
    if bridge.ensure(route, network):
        with database.read() as connection:
            others = rows.endpoints_on(connection, network.id)
        bridge.plug_in_again(route, network, others)


def settle(database: Database, place: Place, *, closed: bool = False) -> None:
    """Have the firewall say what the database says; the host's loopback gets to containers while ports need it."""
    with database.read() as connection:
        networks = catalog.everything(connection)
        endpoints = rows.published_endpoints(connection)
        forwards = _forwards(rows.ports(connection), endpoints, {network.id: network for network in networks})
    busy = {endpoint.network_id for endpoint in endpoints}
    firewall.settle(place, networks, forwards, closed=closed, entry=_entry(place, forwards))
    for network in networks:
        if network.publishes:
            # Only where rules guard it, and only as long as somebody needs it (CVE-2020-8558).
            with suppress(FileNotFoundError):
                kernel.write(f"ipv4/conf/{network.bridge}/route_localnet", "1" if network.id in busy else "0")


def _entry(place: Place, forwards: Sequence[Forward]) -> firewall.Entry | None:
    """Return the pair for ports that INPUT decides about: made for the first, then there as bridges are."""
    judged = [forward for forward in forwards if not forward.direct]
    with Route() as route:
        if judged:
            index = entrance.ensure(route, place, ipv6=any(":" in forward.target for forward in judged))
        else:
            index = entrance.present(route, place)
    return firewall.Entry(*entrance.names(place), index) if index else None


def _forwards(
    ports: Iterable[rows.PortRow], endpoints: Iterable[rows.EndpointRow], known: dict[str, Network]
) -> list[Forward]:
    """Return where each port leads: to its container, on the first of its networks that has a way out.

    With each, whether that network's ports are for all that the host's firewall says.
    """
    targets: dict[tuple[str, int], tuple[str, bool]] = {}
    for endpoint in endpoints:
        network = known[endpoint.network_id]
        if network.publishes:
            for family, address in ((4, endpoint.ipv4), (6, endpoint.ipv6)):
                if address:
                    targets.setdefault((endpoint.container_id, family), (address, network.direct))
    found = []
    for row in sorted(ports):
        target = targets.get((row.container_id, 6 if ":" in row.host_ip else 4))
        if target:
            address, direct = target
            found.append(Forward(row.protocol, row.host_ip, row.host_port, address, row.container_port, direct))
    return found


def detach(database: Database, place: Place, container_id: str) -> bool:
    """Take a container's network apart; True when there was one. Again does nothing.

    :raises errors.Error: something cannot be removed; its row then still tells of it.
    """
    with database.read() as connection:
        if rows.sandbox(connection, container_id) is None:
            return False
    lock = _alone(place, container_id)
    lock.acquire()
    try:
        return _detach(database, place, container_id)
    finally:
        lock.release(remove=True)


def _detach(database: Database, place: Place, container_id: str, only: rows.SandboxRow | None = None) -> bool:
    """Take it apart; the lock is held.

    :param only: the row that is meant: another one is a later start's.
    """
    with database.read() as connection:
        sandbox = rows.sandbox(connection, container_id)
        endpoints = rows.endpoints_of(connection, container_id)
        published = rows.ports_of(connection, container_id)
        known = {endpoint.id: catalog.find(connection, endpoint.network_id) for endpoint in endpoints}
    if sandbox is None or only not in {None, sandbox}:
        return False
    if published:
        with database.needed() as connection:
            rows.delete_ports(connection, container_id)
    if any(network.driver == model.BRIDGE for network in known.values()):
        # While the row still tells of it: an address is not given to the next one with the ports of the last.
        try:
            settle(database, place)
        except errors.Error as error:
            if error.kind != errors.UNSUPPORTED:  # without nft there are no rules
                raise
    try:
        with Route() as route:
            for endpoint in endpoints:
                if known[endpoint.id].driver == model.MACVLAN:
                    _leave_macvlan(place, endpoint)
                else:
                    bridge.unplug(route, endpoint)
        _unmount(place.namespace(container_id))
        links.sweep(place)
    except OSError as error:
        doing = "cannot take the container's network apart"
        raise errors.from_os_error(doing, error) from error
    if os.path.exists(f"{place.runroot}/dns.sock"):
        from hezi.network.dns import client

        client.leave(place, container_id)
    with database.needed() as connection:
        rows.delete_sandbox(connection, container_id)
    return True


def _leave_macvlan(place: Place, endpoint: rows.EndpointRow) -> None:
    with suppress(FileNotFoundError), opened(place, endpoint.container_id) as fd:
        macvlan.disconnect(fd, endpoint)


@contextmanager
def opened(place: Place, container_id: str) -> Iterator[int]:
    """Give a descriptor of a container's network namespace.

    :raises OSError: ENOENT, there is none; EINVAL, the mount is gone and what is there is no namespace.
    """
    fd = os.open(place.namespace(container_id), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def connect(database: Database, place: Place, container_id: str, wish: Wish) -> tuple[Network, rows.EndpointRow]:
    """Connect a container that runs to another network.

    :raises errors.Error: CONFLICT, it is connected; as for :func:`attach`.
    """
    with _alone(place, container_id):
        with database.write() as connection:
            if wish.network == "bridge":
                catalog.settle(connection, place, ("bridge",))
            network = catalog.find(connection, wish.network)
            made = _pairs(connection, container_id)
            if any(other.id == network.id for other, _ in made):
                message = f"endpoint already exists in network {network.name}"
                raise errors.Error(errors.CONFLICT, message)
            position = 1 + max((endpoint.position for _, endpoint in made), default=-1)
            endpoint = _endpoint(connection, network, container_id, wish, position)
        try:
            with Route() as route, opened(place, container_id) as fd:
                before, default = default_of(made), default_of([*made, (network, endpoint)]) == endpoint
                if default and before is not None:
                    _way_out(fd, made, before, add=False)
                _connect(database, place, route, fd, (network, endpoint), wish.extras, default=default)
            settle(database, place)
            if network.named and not any(other.named for other, _ in made):
                _name(database, place, container_id, [wish])
        except BaseException as error:
            with suppress(errors.Error, OSError):
                _disconnect(database, place, container_id, network.id)
            raise _told(error) from error
    return network, endpoint


def disconnect(database: Database, place: Place, container_id: str, network_id: str) -> None:
    """Disconnect a container that runs from a network; the way out then leads through the next that has one.

    :raises errors.Error: NOT_FOUND, it is not connected.
    """
    with _alone(place, container_id):
        try:
            _disconnect(database, place, container_id, network_id)
        except OSError as error:
            raise _told(error) from error


def _told(error: BaseException) -> BaseException:
    doing = "cannot change the container's network"
    return errors.from_os_error(doing, error) if isinstance(error, OSError) else error


def _disconnect(database: Database, place: Place, container_id: str, network_id: str) -> None:
    with database.read() as connection:
        made = _pairs(connection, container_id)
    before = default_of(made)
    network, endpoint = next((pair for pair in made if pair[0].id == network_id), (None, None))
    if network is None or endpoint is None:
        raise errors.Error(errors.NOT_FOUND, "it is not connected to this network")
    if network.driver == model.MACVLAN:
        _leave_macvlan(place, endpoint)
    else:
        with Route() as route:
            bridge.disconnect(route, endpoint)
    with database.needed() as connection:
        rows.delete_endpoint(connection, endpoint.id)
    left = [pair for pair in made if pair[1] != endpoint]
    after = default_of(left)
    if before == endpoint and after is not None:
        with suppress(FileNotFoundError), opened(place, container_id) as fd:
            _way_out(fd, left, after, add=True)
    settle(database, place)


def _way_out(
    fd: int, made: Sequence[tuple[Network, rows.EndpointRow]], endpoint: rows.EndpointRow, *, add: bool
) -> None:
    """Have the way to everywhere else lead through an endpoint of a container, or no longer."""
    network = next(other for other, one in made if one == endpoint)
    with spaces.inside(fd), Route() as own:
        index = number(own.link_of(endpoint.mac), "index")
        try:
            own.call(*bridge.default_routes(own, network, endpoint, index, add=add))
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.ESRCH}:  # it is so already
                raise


def _pairs(connection: Connection, container_id: str) -> list[tuple[Network, rows.EndpointRow]]:
    """Return a container's endpoints, each with its network.

    :raises errors.Error: CONFLICT, the container has no network just now.
    """
    if rows.sandbox(connection, container_id) is None:
        raise errors.Error(errors.CONFLICT, f"container {container_id[:12]} has no network of its own just now")
    found = rows.endpoints_of(connection, container_id)
    return [(catalog.find(connection, endpoint.network_id), endpoint) for endpoint in found]


def publish(database: Database, place: Place, container_id: str, wanted: Sequence[Publish]) -> list[rows.PortRow]:
    """Publish ports of a container that runs.

    :raises errors.Error: CONFLICT, one is in use, or none of its networks has a way to the outside.
    """
    with database.write() as connection:
        families = _families(_pairs(connection, container_id))
        if not families:
            message = f"container {container_id[:12]} is on no network that ports can be published on"
            raise errors.Error(errors.CONFLICT, message)
        taken = ports.take(connection, container_id, wanted, families)
    try:
        settle(database, place)
    except BaseException:
        unpublish(database, place, taken)
        raise
    return taken


def unpublish(database: Database, place: Place, taken: Sequence[rows.PortRow]) -> None:
    """Take published ports back; connections that there are go on."""
    with database.needed() as connection:
        for row in taken:
            rows.delete_port(connection, row)
    settle(database, place)


def hold(database: Database, container_id: str, holder: tuple[int, int, str]) -> None:
    """Hand a container's network to the process that keeps it from now on: (pid, start time, boot id)."""
    with database.write() as connection:
        rows.hold(connection, container_id, holder)


def sweep(database: Database, place: Place, *, thorough: bool = False) -> int:
    """Take the networks of containers apart whose holder is gone; return how many those were.

    :param thorough: look at all of them. Otherwise at a few of many, so that the start of the nth container does not
        pay for all n: what somebody killed has left is found a few starts later, or when its address or port is wanted.
    """
    boot = pidfd.boot_id()
    with database.read() as connection:
        there = rows.count_sandboxes(connection)
        everything = thorough or there <= _LOOKED_AT
        known = rows.sandboxes(connection) if everything else rows.some_sandboxes(connection, boot, _LOOKED_AT)
    if everything or int.from_bytes(os.urandom(2), "big") % there < _LOOKED_AT:
        _sweep_strays(database, place)
    count = 0
    for one in known:
        if _lives(one, boot):
            continue
        lock = _alone(place, one.container_id)
        lock.acquire()
        try:
            count += _detach(database, place, one.container_id, one)
        finally:
            lock.release(remove=True)
    return count


def _sweep_strays(database: Database, place: Place) -> None:
    """Remove files of containers that no row tells of: somebody was killed just before or after it was there."""
    with database.read() as connection:
        known = {one.container_id for one in rows.sandboxes(connection)}
    try:
        names = os.listdir(place.namespaces)
    except FileNotFoundError:
        return
    strange = [name for name in names if name not in known]
    for container_id in {name.partition(".")[0] for name in strange} - known:
        lock = FileLock(None, f"{place.namespace(container_id)}.lock", blocking=False)
        # One that is held is of somebody who is about to write the row.
        if lock.acquire():
            with suppress(OSError):
                _unmount(place.namespace(container_id))
                with suppress(FileNotFoundError):
                    os.unlink(f"{place.namespace(container_id)}.dns")
            lock.release(remove=True)
    links.sweep(place)


def _lives(sandbox: rows.SandboxRow, boot: str) -> bool:
    if sandbox.boot_id != boot:
        return False
    try:
        return pidfd.start_time(sandbox.pid) == sandbox.start_time
    except OSError:
        return False
