"""Our one table of nftables (and two small ones): address translation, published ports, and who may not reach whom.

The table is always written as a whole, in one transaction: what the kernel has is either what the database says or
what it said before, whoever is killed when. Nothing is done when nothing has changed, neither the text nor the kernel's
rules: the kernel counts the transactions on a namespace's rules (NFT_MSG_GETGEN), and a flush by somebody else counts.

Rules of others are left alone. What a host's firewall drops stays dropped: in nftables a packet must pass every table,
so our "accept" opens nothing that somebody else closes.
"""

from __future__ import annotations

import errno
import os

from hezi import errors
from hezi._util import proc
from hezi._util.lock import FileLock
from hezi._util.record import NamedTuple
from hezi.network import entrance, model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hezi.network.model import Network
    from hezi.network.place import Place

# Where nft is, whatever PATH says: it is run as root.
_PLACES = ("/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft")
_NO_DUP = f"a kernel without nft_dup_ipv4 and nft_dup_ipv6 publishes ports only with -o {model.OPTION_PORTS}=direct"
_GETGEN = (10 << 8) | 16  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
_GEN_ID = b"\x08\0\x01\0"


class Forward(NamedTuple):
    """One published port and where it leads; ``host_ip`` is "0.0.0.0" or "::" for all addresses of the host."""

    protocol: str
    host_ip: str
    host_port: int
    target: str
    target_port: int
    direct: bool = False

    @property
    def anywhere(self) -> bool:
        """Whether it is published on all addresses of the host."""
        return self.host_ip in {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to


class Entry(NamedTuple):
    """The pair by which those come in again whom the host's INPUT rules let in: see :mod:`hezi.network.entrance`.

    :ivar number: of the end where copies go out: rules know it by that, and one that was made again has another.
    """

    outer: str
    inner: str
    number: int


def render(
    table: str, networks: Sequence[Network], forwards: Sequence[Forward], *, closed: bool, entry: Entry | None = None
) -> str:
    """Return the nft program that makes the table anew.

    :param closed: it was us who made this host pass packets on: it does so for nobody but our networks.
    :param entry: for ports that the host's INPUT rules decide about; without, there are none.
    """
    bridges = [network for network in networks if network.driver == model.BRIDGE]
    lines = [
        line
        for family in ("inet", "ip", "ip6")
        for line in (f"add table {family} {table}", f"delete table {family} {table}")
    ]
    if not bridges:
        return "\n".join(lines) + "\n"
    lines.append(f"table inet {table} {{")
    lines += _set("every", [network.bridge for network in bridges])
    lines += _set("open", [network.bridge for network in bridges if not network.internal])
    lines += _set("closed", [network.bridge for network in bridges if network.internal])
    lines += _maps(forwards, "publish")
    arrive = [f'iifname "{entry.inner}" fib daddr type local jump publish'] if entry else []
    if any(forward.direct for forward in forwards):
        lines += _maps([forward for forward in forwards if forward.direct], "direct")
        arrive.append("fib daddr type local jump direct")
    lines += _chain("guard", "filter hook prerouting priority raw", ["iifname @every ip daddr 127.0.0.0/8 drop"])
    lines += _chain("arrive", "nat hook prerouting priority dstnat", arrive)
    lines += _chain("own", "nat hook output priority -100", ["fib daddr type local jump publish"])
    lines += _chain("leave", "nat hook postrouting priority srcnat", _translations(bridges))
    lines += _chain("pass", "filter hook forward priority filter", _passing(bridges, closed=closed))
    lines += _chain("enter", "filter hook input priority filter", ["iifname @closed ct state new drop"])
    lines.append("}")
    if entry:
        lines += _admission(table, "ip", [one for one in forwards if ":" not in one.target], entry)
        lines += _admission(table, "ip6", [one for one in forwards if ":" in one.target], entry)
    return "\n".join(lines) + "\n"


def _admission(table: str, family: str, forwards: Iterable[Forward], entry: Entry) -> list[str]:
    """After all INPUT rules of the host: whom they let in to a published port comes in again, to be translated.

    A table for each family, since ``dup`` is not known in "inet" ones.
    """
    judged = [forward for forward in forwards if not forward.direct]
    if not judged:
        return []
    everywhere = ", ".join(f"{one.protocol} . {one.host_port}" for one in judged if one.anywhere)
    certain = ", ".join(f"{one.protocol} . {one.host_ip} . {one.host_port}" for one in judged if not one.anywhere)
    address = "ipv4_addr" if family == "ip" else "ipv6_addr"
    to = entrance.NEXT4 if family == "ip" else entrance.NEXT6
    # Not what is for many (broadcasts): that is nobody's published port.
    head = f'iifname != {{ "lo", "{entry.inner}" }} pkttype host'
    rules = []
    lines = [f"table {family} {table} {{"]
    for name, kind, match, elements in (
        ("any", "inet_proto . inet_service", "meta l4proto . th dport", everywhere),
        ("one", f"inet_proto . {address} . inet_service", f"meta l4proto . {family} daddr . th dport", certain),
    ):
        if elements:
            lines.append(f"  set {name} {{ type {kind}; elements = {{ {elements} }}; }}")
            rules.append(f"{head} meta l4proto {{ tcp, udp, sctp }} {match} @{name} jump again")
    lines += ["  chain again {", f'    dup to {to} device "{entry.outer}"', "    drop", f"  }} # {entry.number}"]
    return [*lines, *_chain("admit", "filter hook input priority 1000", rules), "}"]


def _set(name: str, interfaces: Iterable[str]) -> list[str]:
    elements = ", ".join(f'"{interface}"' for interface in interfaces)
    inner = f" elements = {{ {elements} }};" if elements else ""
    return [f"  set {name} {{ type ifname;{inner} }}"]


def _chain(name: str, hook: str, rules: Iterable[str]) -> list[str]:
    return [f"  chain {name} {{", f"    type {hook}; policy accept;", *(f"    {rule}" for rule in rules), "  }"]


def _maps(forwards: Sequence[Forward], chain: str) -> list[str]:
    """Ports as elements of maps, and the chain that asks them: finding one costs the same however many there are."""
    maps: dict[str, list[str]] = {"one4": [], "any4": [], "one6": [], "any6": []}
    for forward in forwards:
        family = "6" if ":" in forward.target else "4"
        target = f"{forward.target} . {forward.target_port}"
        if forward.anywhere:
            maps[f"any{family}"].append(f"{forward.protocol} . {forward.host_port} : {target}")
        else:
            maps[f"one{family}"].append(f"{forward.protocol} . {forward.host_ip} . {forward.host_port} : {target}")
    lines = []
    for name, elements in maps.items():
        address = "ipv4_addr" if name.endswith("4") else "ipv6_addr"
        key = f"inet_proto . {address} . inet_service" if name.startswith("one") else "inet_proto . inet_service"
        inner = f" elements = {{ {', '.join(elements)} }};" if elements else ""
        lines.append(f"  map {chain}_{name} {{ type {key} : {address} . inet_service;{inner} }}")
    lines.append(f"  chain {chain} {{")
    for family, protocol in (("4", "ip"), ("6", "ip6")):
        head = f"    meta nfproto ipv{family} meta l4proto {{ tcp, udp, sctp }} dnat {protocol} to meta l4proto ."
        lines.append(f"{head} {protocol} daddr . th dport map @{chain}_one{family}")
        lines.append(f"{head} th dport map @{chain}_any{family}")
    return [*lines, "  }"]


def _translations(bridges: Iterable[Network]) -> list[str]:
    # A packet of the host's loopback keeps no such address on its way to a container, which would answer itself.
    rules = ["oifname @open ip saddr 127.0.0.0/8 masquerade"]
    for network in bridges:
        if network.internal:
            continue
        for subnet in network.subnets:
            protocol = "ip6" if ":" in subnet.subnet else "ip"
            head = f"{protocol} saddr {subnet.subnet}"
            if network.on(model.OPTION_MASQUERADE):
                # Towards other networks of ours (published ports) the source is kept.
                rules.append(f"{head} oifname != @every masquerade")
            # Out by the host's address and back in: the answer must take the same way.
            rules.append(f'{head} oifname "{network.bridge}" ct status dnat masquerade')
    return rules


def _passing(bridges: Iterable[Network], *, closed: bool) -> list[str]:
    rules = []
    for network in bridges:
        # Frames inside of one bridge come by here too when the host has br_netfilter.
        same = f'iifname "{network.bridge}" oifname "{network.bridge}"'
        if network.on(model.OPTION_ICC):
            rules.append(f"{same} accept")
        else:
            rules += [f"{same} ct state established,related accept", f"{same} ct status dnat accept", f"{same} drop"]
    rules += [
        "iifname @closed drop",
        "oifname @closed drop",
        "ct state established,related accept",
        "oifname @open ct status dnat accept",
        # From another network, or from outside to a port that is not published.
        "oifname @open drop",
    ]
    if closed:
        rules.append("iifname != @every drop")
    return rules


def settle(
    place: Place,
    networks: Sequence[Network],
    forwards: Sequence[Forward],
    *,
    closed: bool = False,
    entry: Entry | None = None,
) -> bool:
    """Have the kernel's table say what the database says; True when something had to be done.

    :param closed: we have just switched forwarding on; that is remembered until the machine starts again.
    :raises errors.Error: UNSUPPORTED without nft; INTERNAL with its words when it refuses.
    """
    import zlib

    with FileLock(None, f"{place.firewall_state}.lock"):
        known = _read_state(place)
        where = _where()
        if known[:1] == [where]:
            closed = closed or known[3] == "closed"
        text = render(place.table, networks, forwards, closed=closed, entry=entry)
        mark = f"{zlib.crc32(text.encode()):08x}"
        generation = _generation()
        if generation is not None and known[:3] == [where, str(generation), mark]:
            return False
        if not networks and known[:1] != [where]:
            return False  # there never was a table
        run(text, hint=_NO_DUP if entry else "")
        after = _generation()
        # One transaction, and it was ours: otherwise somebody else's came in between, and the next command looks again.
        ours = after is not None and generation is not None and after - generation <= 1
        words = (where, str(after) if ours else "-", mark, "closed" if closed else "open")
        _write_state(place, " ".join(words))
        return True


def run(text: str, *, hint: str = "") -> None:
    """Give ``text`` to nft, in the network namespace of this thread.

    :param hint: what to do when it refuses.
    :raises errors.Error: UNSUPPORTED without nft; INTERNAL with its words when it refuses.
    """
    path = next((path for path in _PLACES if os.path.exists(path)), None)
    if path is None:
        message = "networks need the program nft, which is not there"
        hint = "install nftables; --network none and --network host work without it"
        raise errors.Error(errors.UNSUPPORTED, message, hint=hint)
    done = proc.run([path, "-f", "-"], input=text.encode())
    if done.code != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise errors.Error(errors.INTERNAL, f"nft refuses hezi's rules: {words[0] if words else done.code}", hint=hint)


def _generation() -> int | None:
    """Return how many transactions the rules of this namespace have seen; None when the kernel does not tell."""
    from hezi.linux.netlink.connection import NETLINK_NETFILTER, Netlink, Request

    try:
        with Netlink(NETLINK_NETFILTER) as connection:
            (answer, *_) = connection.get(Request("NFT_MSG_GETGEN", _GETGEN, 0, bytes(4)))
    except OSError as error:
        if error.errno in {errno.EPROTONOSUPPORT, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM}:
            return None
        raise
    at = answer.find(_GEN_ID, 4)
    return int.from_bytes(answer[at + 4 : at + 8], "big") if at >= 0 else None


def _where() -> str:
    """Name this boot and network namespace: the state of another says nothing."""
    from hezi.linux import pidfd

    return f"{pidfd.boot_id()}:{os.stat('/proc/thread-self/ns/net').st_ino}"


def _read_state(place: Place) -> list[str]:
    try:
        with open(place.firewall_state, encoding="utf-8") as file:
            words = file.read(256).split()
    except FileNotFoundError:
        return []
    return words if len(words) == 4 else []


def _write_state(place: Place, text: str) -> None:
    new = f"{place.firewall_state}.new"
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(new, place.firewall_state)
