"""Links, addresses, routes and neighbours: what ``ip`` does, as requests to be sent one by one or together.

Every function makes a :class:`~hezi.linux.netlink.connection.Request`; nothing happens before it is given to
:meth:`Route.call`, which sends any number of them in one system call::

    with Route() as route:
        route.call(route.link_add("veth0", "veth", up=True, peer={"ifname": "eth0", "net_ns_fd": fd}))
        index = route.index("veth0")
        route.call(route.address_add(index, "10.0.0.1", 24), route.route_add("default", gateway="10.0.0.254"))
"""

from __future__ import annotations

import errno
from _socket import AF_INET, AF_INET6  # noqa: PLC2701 - the socket module costs 3 ms

from hezi.linux import abi
from hezi.linux.netlink import messages as m
from hezi.linux.netlink.connection import Netlink, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_NEW = m.NLM_F_CREATE | m.NLM_F_EXCL
# A name has 15 bytes at most, and no blanks or slashes (dev_valid_name).
MAX_NAME = 15


def number(link: Mapping[str, object], name: str) -> int:
    """Return a number of a link's header (struct ifinfomsg): ``index`` or ``flags``."""
    found = link[name]
    if not isinstance(found, int):
        raise TypeError(name)
    return found


class Route:
    """A NETLINK_ROUTE connection, of the network namespace that the thread is in now."""

    __slots__ = ("netlink",)

    def __init__(self) -> None:
        self.netlink = Netlink()

    def call(self, *requests: Request) -> None:
        """Send the requests together.

        :raises OSError: that of the first that failed, with the kernel's words; the others were tried too.
        """
        self.netlink.call(requests)

    # links

    def links(self) -> list[dict[str, object]]:
        """Return all links of the namespace."""
        return self.netlink.dump(Request("RTM_GETLINK", m.RTM_GETLINK, 0, m.LINK.encode({})), m.LINK)

    def link(self, name: str) -> dict[str, object] | None:
        """Return one link by its name; None when there is none."""
        request = Request("RTM_GETLINK", m.RTM_GETLINK, 0, m.LINK.encode({"ifname": checked_name(name)}))
        try:
            return m.LINK.decode(self.netlink.get(request)[0])
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise

    def link_of(self, address: str) -> dict[str, object]:
        """Return the link with a hardware address, whatever it is called now.

        :raises OSError: ENODEV.
        """
        for found in self.links():
            if found.get("address") == address:
                return found
        raise abi.error(errno.ENODEV, "RTM_GETLINK", address)

    def index(self, name: str) -> int:
        """Return the number of a link.

        :raises OSError: ENODEV.
        """
        found = self.link(name)
        if found is None:
            raise abi.error(errno.ENODEV, "RTM_GETLINK", name)
        return number(found, "index")

    @staticmethod
    def link_add(
        name: str,
        kind: str,
        *,
        up: bool = False,
        peer: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        **values: object,
    ) -> Request:
        """Make a link.

        :param kind: ``veth``, ``bridge``, ``macvlan``, ``dummy`` or any other that needs no data.
        :param peer: a veth's other end: ``ifname``, ``address``, ``mtu``, ``net_ns_fd`` ...
        :param data: of the kind, as :mod:`hezi.linux.netlink.messages` has it (``{"mode": 4}``).
        :param values: ``address mtu master link net_ns_fd net_ns_pid txqlen ...``.
        """
        info: dict[str, object] = {"kind": kind}
        own = {**(data or {}), **({"peer": peer} if peer is not None else {})}
        if own:
            info["data"] = own
        flags = {"flags": m.IFF_UP, "change": m.IFF_UP} if up else {}
        body = m.LINK.encode({**flags, "ifname": checked_name(name), **values, "linkinfo": info})
        return Request("RTM_NEWLINK", m.RTM_NEWLINK, _NEW, body)

    @staticmethod
    def link_set(which: int | str, *, up: bool | None = None, **values: object) -> Request:
        """Change a link: ``up``, ``mtu``, ``master`` (0: none), ``address``, ``ifname``, ``net_ns_fd`` ...

        :param which: its number, or its name.
        """
        link: dict[str, object] = {"index": which} if isinstance(which, int) else {"ifname": checked_name(which)}
        if up is not None:
            link |= {"flags": m.IFF_UP if up else 0, "change": m.IFF_UP}
        return Request("RTM_NEWLINK", m.RTM_NEWLINK, 0, m.LINK.encode({**link, **values}))

    @staticmethod
    def port_set(name: str, **values: object) -> Request:
        """Change what a port is to its bridge: ``isolated`` (reaches no other isolated one), ``hairpin``."""
        info = {"slave_kind": "bridge", "slave_data": values}
        return Request("RTM_NEWLINK", m.RTM_NEWLINK, 0, m.LINK.encode({"ifname": checked_name(name), "linkinfo": info}))

    @staticmethod
    def link_delete(name: str) -> Request:
        """Remove a link by its name."""
        return Request("RTM_DELLINK", m.RTM_DELLINK, 0, m.LINK.encode({"ifname": checked_name(name)}))

    # addresses

    def addresses(self, index: int = 0) -> list[dict[str, object]]:
        """Return all addresses of the namespace.

        :param index: of a link, for those of that link alone.
        """
        # Kernels before 5.0 give all of them whatever is asked for.
        asked = Request("RTM_GETADDR", m.RTM_GETADDR, 0, m.ADDRESS.encode({"index": index}))
        return [item for item in self.netlink.dump(asked, m.ADDRESS) if not index or item["index"] == index]

    @staticmethod
    def address_add(index: int, address: str, length: int, *, broadcast: str = "") -> Request:
        """Give a link an address.

        An IPv6 address is usable at once: hezi gave it to nobody else, so it is not looked for (duplicate address
        detection takes a second, in which nothing can be bound).
        """
        values = _address(index, address, length)
        if ":" in address:
            values["flags"] = m.IFA_F_NODAD
        if broadcast:
            values["broadcast"] = broadcast
        return Request("RTM_NEWADDR", m.RTM_NEWADDR, _NEW, m.ADDRESS.encode(values))

    @staticmethod
    def address_delete(index: int, address: str, length: int) -> Request:
        """Take an address from a link."""
        return Request("RTM_DELADDR", m.RTM_DELADDR, 0, m.ADDRESS.encode(_address(index, address, length)))

    # routes

    def routes(self, *, family: int = 0) -> list[dict[str, object]]:
        """Return the routes of the main and other tables.

        :param family: AF_INET or AF_INET6; 0 for all.
        """
        request = Request("RTM_GETROUTE", m.RTM_GETROUTE, 0, m.ROUTE.encode({"family": family}))
        return self.netlink.dump(request, m.ROUTE)

    @staticmethod
    def route_add(destination: str, *, gateway: str = "", oif: int = 0, family: int = 0) -> Request:
        """Add a route to the main table.

        :param destination: ``default`` or ``ADDRESS/LENGTH``.
        :param family: needed only for a default route without a gateway.
        """
        values = _route(destination, gateway, oif, family)
        return Request("RTM_NEWROUTE", m.RTM_NEWROUTE, _NEW, m.ROUTE.encode(values))

    @staticmethod
    def route_delete(destination: str, *, gateway: str = "", oif: int = 0, family: int = 0) -> Request:
        """Remove a route from the main table."""
        values = _route(destination, gateway, oif, family)
        return Request("RTM_DELROUTE", m.RTM_DELROUTE, 0, m.ROUTE.encode(values))

    # neighbours

    def neighbours(self) -> list[dict[str, object]]:
        """Return the neighbour tables (ARP and NDP)."""
        return self.netlink.dump(Request("RTM_GETNEIGH", m.RTM_GETNEIGH, 0, m.NEIGHBOUR.encode({})), m.NEIGHBOUR)

    @staticmethod
    def neighbour_set(index: int, address: str, mac: str) -> Request:
        """Write down for good which hardware address a neighbour has."""
        values = {
            "family": _family(address),
            "index": index,
            "state": m.NUD_PERMANENT,
            "dst": address,
            "lladdr": mac,
        }
        flags = m.NLM_F_CREATE | m.NLM_F_REPLACE
        return Request("RTM_NEWNEIGH", m.RTM_NEWNEIGH, flags, m.NEIGHBOUR.encode(values))

    @staticmethod
    def neighbour_delete(index: int, address: str) -> Request:
        """Forget a neighbour."""
        values = {"family": _family(address), "index": index, "dst": address}
        return Request("RTM_DELNEIGH", m.RTM_DELNEIGH, 0, m.NEIGHBOUR.encode(values))

    def close(self) -> None:
        """Close the connection. Again does nothing."""
        self.netlink.close()

    def __enter__(self) -> Route:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def checked_name(name: str) -> str:
    """Return ``name`` when a link can be called so.

    :raises OSError: EINVAL; the kernel would cut a longer one off in silence.
    """
    if not 0 < len(name.encode()) <= MAX_NAME or set(name) & set("/: \t\n\0") or name in {".", ".."}:
        raise abi.error(errno.EINVAL, "netlink", name, detail="no name for a link: 1 to 15 letters, no blank, / or :")
    return name


def _family(address: str) -> int:
    return AF_INET6 if ":" in address else AF_INET


def _address(index: int, address: str, length: int) -> dict[str, object]:
    values: dict[str, object] = {
        "family": _family(address),
        "prefixlen": length,
        "index": index,
        "address": address,
        "local": address,
    }
    return values


def _route(destination: str, gateway: str, oif: int, family: int) -> dict[str, object]:
    address, _, length = ("", "", "0") if destination == "default" else destination.partition("/")
    values: dict[str, object] = {
        "family": family or _family(address or gateway),
        "dst_len": int(length) if length else (128 if ":" in address else 32),
        "table8": m.RT_TABLE_MAIN,
        "protocol": m.RTPROT_STATIC,
        "scope": m.RT_SCOPE_UNIVERSE if gateway or ":" in address else m.RT_SCOPE_LINK,
        "type": m.RTN_UNICAST,
    }
    if address:
        values["dst"] = address
    if gateway:
        values["gateway"] = gateway
    if oif:
        values["oif"] = oif
    return values
