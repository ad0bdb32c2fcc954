"""Published ports as elements of sets and maps of nftables: finding one costs the same however many there are.

inet  publish_any4  publish_one4  ..._any6  ..._one6     where each port leads to
      direct_...                                         the same, of ports that the host's INPUT rules do not decide
ip    any  one      ip6   any  one                       ports that they do decide
"""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.linux.netlink import nftables
from hezi.linux.netlink.nftables import INET, IP, IP6
from hezi.network.model import ANY4, ANY6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}


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
        return self.host_ip in {ANY4, ANY6}

    def line(self) -> str:
        """Return it as a line of the file that remembers it."""
        return " ".join(map(str, self[:-1])) + (" direct" if self.direct else "")


class Element(NamedTuple):
    """One element: names and numbers as nft writes them; ``data`` is empty in a set."""

    family: int
    name: str
    key: tuple[str, ...]
    data: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it in nft's words."""
        key = " . ".join(self.key)
        return f"{key} : {' . '.join(self.data)}" if self.data else key

    def raw(self) -> tuple[bytes, bytes]:
        """Return key and data as the kernel has them."""
        protocol, *rest = self.key
        return nftables.joined(_PROTOCOLS[protocol], *_marked(rest)), nftables.joined(*_marked(self.data))


def _marked(parts: Collection[str]) -> list[str]:
    """The last one is a port."""
    *first, port = parts or [""]
    return [*first, f":{port}"] if port else []


def elements(forwards: Iterable[Forward]) -> list[Element]:
    """Return what stands for the ports in all sets and maps."""
    found = []
    for one in forwards:
        version = "6" if ":" in one.target else "4"
        kind = "any" if one.anywhere else "one"
        key = (one.protocol, str(one.host_port)) if one.anywhere else (one.protocol, one.host_ip, str(one.host_port))
        data = (one.target, str(one.target_port))
        found.append(Element(INET, f"publish_{kind}{version}", key, data))
        if one.direct:
            found.append(Element(INET, f"direct_{kind}{version}", key, data))
        else:
            found.append(Element(IP6 if version == "6" else IP, kind, key))
    return found


def changes(table: str, before: Collection[Forward], after: Collection[Forward]) -> list[nftables.Change]:
    """Return what has to be done to have the ports ``after`` where those ``before`` are."""
    old, new = set(elements(before)), set(elements(after))
    found = []
    for add, those in ((False, old - new), (True, new - old)):
        for place in sorted({(one.family, one.name) for one in those}):
            raw = tuple(one.raw() for one in sorted(those) if (one.family, one.name) == place)
            found.append(nftables.Change(place[0], table, place[1], raw, add))
    return found
