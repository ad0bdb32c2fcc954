"""What a network is: a value that is kept as JSON in the table ``networks``."""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.db.networks import NetworkRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from hezi.network.prefixes import Prefix

BRIDGE, HOST, NONE, MACVLAN = "bridge", "host", "null", "macvlan"
# What is always there, and its driver.
PREDEFINED = {"bridge": BRIDGE, "host": HOST, "none": NONE}

OPTION = "com.docker.network.bridge."
OPTION_NAME = f"{OPTION}name"
OPTION_ICC = f"{OPTION}enable_icc"
OPTION_MASQUERADE = f"{OPTION}enable_ip_masquerade"
OPTION_HOST_IP = f"{OPTION}host_binding_ipv4"
OPTION_DEFAULT = f"{OPTION}default_bridge"
OPTION_MTU = "com.docker.network.driver.mtu"
# What interfaces are called inside: eth0, eth1 ... unless said otherwise.
OPTION_PREFIX = "com.docker.network.container_iface_prefix"
# Whether the host's firewall is asked about published ports: "input" by its INPUT rules, "direct" not, as with docker.
OPTION_PORTS = "hezi.ports"
PORTS_INPUT, PORTS_DIRECT = "input", "direct"
# All addresses of the host: what users publish on, unless they say otherwise.
ANY4, ANY6 = "0.0.0.0", "::"  # noqa: S104 - for the rules of nftables; nothing is bound to it
_LIMIT = 1 << 20


class Subnet(NamedTuple):
    """Where a network's addresses come from; texts, "" for what is not given.

    :ivar chosen: the user gave the subnet and no gateway: the one that was chosen is not shown then, as with docker.
    """

    subnet: str
    gateway: str = ""
    ip_range: str = ""
    aux: Mapping[str, str] = {}
    chosen: bool = False

    @property
    def prefix(self) -> Prefix:
        """The block itself."""
        from hezi.network import prefixes

        return prefixes.prefix(self.subnet)


class Extras(NamedTuple):
    """What a container may want of its interface on a network beside its address.

    :ivar name: "" for the usual one.
    :ivar addresses: link-local ones, which nobody gives away.
    :ivar sysctls: (name below /proc/sys, with "IFNAME" where the interface's name belongs, value).
    """

    name: str = ""
    addresses: tuple[str, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()


class Network(NamedTuple):
    """One network."""

    id: str
    name: str
    driver: str
    created_ns: int
    internal: bool = False
    ipv4: bool = True
    ipv6: bool = False
    attachable: bool = False
    labels: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    subnets: tuple[Subnet, ...] = ()
    ipam_options: Mapping[str, str] = {}

    @property
    def bridge(self) -> str:
        """The name of its bridge."""
        return self.options.get(OPTION_NAME) or f"br-{self.id[:12]}"

    @property
    def mtu(self) -> int:
        """Bytes; 0 for the kernel's default."""
        return int(self.options.get(OPTION_MTU) or 0)

    @property
    def named(self) -> bool:
        """Whether containers find each other by name there: on all but the default bridge, as with docker."""
        return self.driver in {BRIDGE, MACVLAN} and self.name != "bridge"

    @property
    def publishes(self) -> bool:
        """Whether ports of its containers can be published."""
        return self.driver == BRIDGE and not self.internal

    @property
    def direct(self) -> bool:
        """Whether published ports lead to its containers without the host's INPUT rules being asked."""
        return self.options.get(OPTION_PORTS) == PORTS_DIRECT

    def interface(self, position: int) -> str:
        """Return the name of a container's interface on this network."""
        return f"{self.options.get(OPTION_PREFIX, 'eth')}{position}"

    @property
    def host_ip(self) -> str:
        """The address of the host that ports are published on unless said otherwise; "" for all."""
        found = self.options.get(OPTION_HOST_IP, "")
        return "" if found in {ANY4, ANY6} else found

    def on(self, option: str) -> bool:
        """Tell whether a switch among the options is on, which it is unless somebody says otherwise."""
        return self.options.get(option, "true").lower() in {"1", "t", "true"}

    def of_family(self, family: int) -> Subnet | None:
        """Return its first subnet of IPv4 or IPv6."""
        return next((subnet for subnet in self.subnets if (":" in subnet.subnet) == (family == 6)), None)

    def row(self) -> NetworkRow:
        """Return it as a row."""
        from hezi.spec import jsondoc

        kept = self._asdict()
        for name in NetworkRow._fields[:-1]:
            del kept[name]
        kept["subnets"] = [list(subnet) for subnet in self.subnets]
        return NetworkRow(self.id, self.name, self.driver, self.created_ns, jsondoc.dumps(kept).decode())


def from_row(row: NetworkRow) -> Network:
    """Return the network that a row keeps; what another version wrote beside is left out."""
    from hezi.spec import jsondoc

    found = jsondoc.load_object(row.config.encode(), limit=_LIMIT, what="network")
    known = {name: found[name] for name in Network._fields if name in found}
    subnets = found.get("subnets")
    known["subnets"] = tuple(Subnet(*one) for one in subnets) if isinstance(subnets, list) else ()
    return Network(row.id, row.name, row.driver, row.created_ns, **known)  # type: ignore[arg-type]  # written by row()
