"""Our one table of nftables (and two small ones): address translation, published ports, and who may not reach whom.

The table is always written as a whole, in one transaction: what the kernel has is either what the database says or
what it said before, whoever is killed when. Nothing is done when nothing has changed, neither the text nor the kernel's
rules: the kernel counts the transactions on a namespace's rules (NFT_MSG_GETGEN), and a flush by somebody else counts.
When only ports have changed they alone are put in and taken out, on condition that the count is still the same.

Rules of others are left alone. What a host's firewall drops stays dropped: in nftables a packet must pass every table,
so our "accept" opens nothing that somebody else closes.
"""

from __future__ import annotations

import os

from hezi import errors
from hezi._util import proc
from hezi._util.lock import FileLock
from hezi._util.record import NamedTuple
from hezi.linux.netlink import nftables
from hezi.linux.netlink.nftables import INET, IP, IP6
from hezi.network import entrance, model, published
from hezi.network.published import Forward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hezi.network.model import Network
    from hezi.network.place import Place

# Where nft is, whatever PATH says: it is run as root.
_PLACES = ("/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft")
_NO_DUP = f"a kernel without nft_dup_ipv4 and nft_dup_ipv6 publishes ports only with -o {model.OPTION_PORTS}=direct"
_LARGEST = 1 << 24


class Entry(NamedTuple):
    """The pair by which those come in again whom the host's INPUT rules let in: see :mod:`hezi.network.entrance`.

    :ivar number: of the end where copies go out: rules know it by that, and one that was made again has another.
    """

    outer: str
    inner: str
    number: int


class State(NamedTuple):
    """What was last done to the kernel's rules.

    :ivar generation: the kernel's number after it, "-" when others changed something at the same time.
    :ivar mark: of the rules, without ports.
    :ivar entered: there are rules for ports that the host's INPUT rules decide about. They stay when the last such port
        goes: the next one is an element then.
    """

    where: str = ""
    generation: str = ""
    mark: str = ""
    closed: bool = False
    entered: bool = False
    forwards: tuple[Forward, ...] = ()


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
    filled = _by_place(forwards)
    lines += _maps("publish", filled)
    arrive = [f'iifname "{entry.inner}" fib daddr type local jump publish'] if entry else []
    if any(network.direct for network in bridges) or any(forward.direct for forward in forwards):
        lines += _maps("direct", filled)
        arrive.append("fib daddr type local jump direct")
    lines += _chain("guard", "filter hook prerouting priority raw", ["iifname @every ip daddr 127.0.0.0/8 drop"])
    lines += _chain("arrive", "nat hook prerouting priority dstnat", arrive)
    lines += _chain("own", "nat hook output priority -100", ["fib daddr type local jump publish"])
    lines += _chain("leave", "nat hook postrouting priority srcnat", _translations(bridges))
    lines += _chain("pass", "filter hook forward priority filter", _passing(bridges, closed=closed))
    lines += _chain("enter", "filter hook input priority filter", ["iifname @closed ct state new drop"])
    lines.append("}")
    if entry:
        lines += _admission(table, "ip", filled, entry)
        if any(network.ipv6 for network in bridges) or any(":" in one.target for one in forwards):
            lines += _admission(table, "ip6", filled, entry)
    return "\n".join(lines) + "\n"


def _by_place(forwards: Iterable[Forward]) -> dict[tuple[int, str], list[str]]:
    """Return the elements of each set and map, in nft's words."""
    found: dict[tuple[int, str], list[str]] = {}
    for one in published.elements(forwards):
        found.setdefault((one.family, one.name), []).append(one.text())
    return found


def _admission(table: str, family: str, filled: Mapping[tuple[int, str], list[str]], entry: Entry) -> list[str]:
    """After all INPUT rules of the host: whom they let in to a published port comes in again, to be translated.

    A table for each family, since ``dup`` is not known in "inet" ones.
    """
    number = IP if family == "ip" else IP6
    address = "ipv4_addr" if family == "ip" else "ipv6_addr"
    to = entrance.NEXT4 if family == "ip" else entrance.NEXT6
    # Not what is for many (broadcasts): that is nobody's published port.
    head = f'iifname != {{ "lo", "{entry.inner}" }} pkttype host'
    rules = []
    lines = [f"table {family} {table} {{"]
    for name, kind, match in (
        ("any", "inet_proto . inet_service", "meta l4proto . th dport"),
        ("one", f"inet_proto . {address} . inet_service", f"meta l4proto . {family} daddr . th dport"),
    ):
        lines.append(f"  set {name} {{ type {kind};{_listed(filled.get((number, name), ()))} }}")
        rules.append(f"{head} meta l4proto {{ tcp, udp, sctp }} {match} @{name} jump again")
    lines += ["  chain again {", f'    dup to {to} device "{entry.outer}"', "    drop", f"  }} # {entry.number}"]
    return [*lines, *_chain("admit", "filter hook input priority 1000", rules), "}"]


def _listed(elements: Iterable[str]) -> str:
    text = ", ".join(elements)
    return f" elements = {{ {text} }};" if text else ""


def _set(name: str, interfaces: Iterable[str]) -> list[str]:
    inner = _listed(f'"{interface}"' for interface in interfaces)
    return [f"  set {name} {{ type ifname;{inner} }}"]


def _chain(name: str, hook: str, rules: Iterable[str]) -> list[str]:
    return [f"  chain {name} {{", f"    type {hook}; policy accept;", *(f"    {rule}" for rule in rules), "  }"]


def _maps(chain: str, filled: Mapping[tuple[int, str], list[str]]) -> list[str]:
    """Ports as elements of maps, and the chain that asks them."""
    lines = []
    for name in ("one4", "any4", "one6", "any6"):
        address = "ipv4_addr" if name.endswith("4") else "ipv6_addr"
        key = f"inet_proto . {address} . inet_service" if name.startswith("one") else "inet_proto . inet_service"
        inner = _listed(filled.get((INET, f"{chain}_{name}"), ()))
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
        if known.where == where:
            closed = closed or known.closed
        if not known.entered and all(forward.direct for forward in forwards):
            entry = None  # this kernel may be without what it needs
        # Ports come and go: the rules are the same for any.
        rules = render(place.table, networks, (), closed=closed, entry=entry)
        state = State(
            where, "", f"{zlib.crc32(rules.encode()):08x}", closed, entry is not None, tuple(sorted(forwards))
        )
        generation = nftables.generation()
        if generation is not None and known._replace(forwards=()) == state._replace(
            generation=str(generation), forwards=()
        ):
            if known.forwards == state.forwards:
                return False
            after = _exchange(place, known.forwards, state.forwards, generation)
            if after is not None:
                _write_state(place, state._replace(generation=str(after)))
                return True
        elif not networks and known.where != where:
            return False  # there never was a table
        run(render(place.table, networks, forwards, closed=closed, entry=entry), hint=_NO_DUP if entry else "")
        after = nftables.generation()
        # One transaction, and it was ours: otherwise somebody else's came in between, and the next command looks again.
        ours = after is not None and generation is not None and after - generation <= 1
        _write_state(place, state._replace(generation=str(after) if ours else "-"))
        return True


def _exchange(place: Place, before: Sequence[Forward], after: Sequence[Forward], generation: int) -> int | None:
    """Have other ports in sets and maps that are there; None when that cannot be done, and nothing is changed."""
    changes = published.changes(place.table, before, after)
    if sum(len(one.elements) for one in changes) > nftables.MOST_ELEMENTS:
        return None
    try:
        return nftables.change(changes, generation)
    except OSError:
        # Somebody else's transaction came first, or took something away: all is written anew then.
        return None


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


def _where() -> str:
    """Name this boot and network namespace: the state of another says nothing."""
    from hezi.linux import pidfd

    return f"{pidfd.boot_id()}:{os.stat('/proc/thread-self/ns/net').st_ino}"


def _read_state(place: Place) -> State:
    try:
        with open(place.firewall_state, encoding="utf-8") as file:
            first, *lines = file.read(_LARGEST).splitlines()
        where, generation, mark, closed, entered = first.split()
        forwards = tuple(sorted(map(_forward, lines)))
    except (FileNotFoundError, ValueError):
        return State()
    return State(where, generation, mark, closed == "closed", entered == "entry", forwards)


def _forward(line: str) -> Forward:
    protocol, host_ip, host_port, target, target_port, *direct = line.split()
    return Forward(protocol, host_ip, int(host_port), target, int(target_port), bool(direct))


def _write_state(place: Place, state: State) -> None:
    new = f"{place.firewall_state}.new"
    words = ("closed" if state.closed else "open", "entry" if state.entered else "-")
    first = " ".join((state.where, state.generation, state.mark, *words))
    with open(new, "w", encoding="utf-8") as file:
        file.write("\n".join([first, *(one.line() for one in state.forwards)]) + "\n")
    os.replace(new, place.firewall_state)
