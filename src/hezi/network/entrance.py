"""Published ports behind the host's firewall: who was let in comes in once more, by an interface of ours.

A packet that is translated when it arrives never comes by a host's INPUT rules, and rules of one table cannot be asked
from another: hence docker's ports that no ``ufw deny`` closes. So the first packet of a connection is left as it is,
and goes where all go that are for this host:

    eth0 ── INPUT: the host's rules ── ours: copy to the pair, drop ──> OUT ═ IN ── translated ── container

What the host's rules drop or reject never gets to ours. The copy leaves all that the kernel knew of it behind in the
pair, is a new connection with the same addresses and ports, and is translated; the kernel finds the others of the
connection by these, and they take the direct way. Nobody's source is changed, and no program is involved.
"""

from __future__ import annotations

import errno

from hezi.linux.netlink import messages
from hezi.linux.netlink.route import number
from hezi.network import ipam, kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.linux.netlink.connection import Request
    from hezi.linux.netlink.route import Route
    from hezi.network.place import Place

# The dummy address of RFC 7600: a source is looked for (rp_filter) only on interfaces that have an address.
ADDRESS = "192.0.0.8"
# Whom packets are handed to: nobody, since there is one other end, and it takes everything (NOARP, one address).
NEXT4, NEXT6 = "192.0.0.1", "fe80::1"
_LARGEST = 65535  # Datagrams come in one piece: what was put together is not cut again.


def names(place: Place) -> tuple[str, str]:
    """Return the two interfaces: where copies go out, and where they come in."""
    return f"{place.default_bridge}-out", f"{place.default_bridge}-in"


def ensure(route: Route, place: Place, *, ipv6: bool) -> int:
    """Have the pair there, and return the number of the end where copies go out.

    :param ipv6: a port is published over IPv6 too.
    """
    outer, inner = names(place)
    index = present(route, place)
    if not index:
        _make(route, outer, inner)
        index = present(route, place)
    if ipv6:
        for name in (outer, inner):
            kernel.settle_ipv6(name, wanted=True)
        _call(route, route.route_add(f"{NEXT6}/128", oif=index))
    return index


def present(route: Route, place: Place) -> int:
    """Return the number of the end where copies go out; 0 when there is no pair, or it is not complete."""
    link = route.link(names(place)[0])
    whole = link is not None and number(link, "flags") & messages.IFF_NOARP
    return number(link, "index") if link and whole else 0


def _make(route: Route, outer: str, inner: str) -> None:
    """Make the pair; one that somebody was killed over, or is just making, is completed."""
    mac = ipam.mac(ADDRESS)
    peer: dict[str, object] = {"ifname": inner, "address": mac, "mtu": _LARGEST}
    _call(route, route.link_add(outer, "veth", address=mac, mtu=_LARGEST, peer=peer))
    for name in (outer, inner):
        kernel.settle_ipv6(name, wanted=False)
    # Whoever sent it is reached by another way than it now comes: any way will do. The larger of this and all/ counts.
    kernel.write(f"ipv4/conf/{inner}/rp_filter", "2")
    index = route.index(inner)
    _call(route, route.address_add(index, ADDRESS, 32))
    flags = messages.IFF_UP | messages.IFF_NOARP
    # The flag comes last: it tells that the pair is complete.
    route.call(route.link_set(index, up=True), route.link_set(outer, flags=flags, change=flags))


def _call(route: Route, request: Request) -> None:
    """Make something; that it is there is no error."""
    try:
        route.call(request)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
