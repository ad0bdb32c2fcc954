"""``hezi network create``."""

from __future__ import annotations

from hezi.errors import INVALID, Error
from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

_SWARM = "is refused: hezi has no swarm mode"

VERB = Verb(
    "[OPTIONS] NETWORK",
    "Make a network",
    options=(
        Option("attachable", "bool", "Note that containers may be connected by hand, which they may anyway"),
        Option("aux-address", "map", "An address of the subnet that is somebody else's (NAME=IP)"),
        Option("driver", help="bridge, or macvlan (-o parent=INTERFACE)", short="d", choices=("bridge", "macvlan")),
        Option("gateway", "strings", "The address of the way out"),
        Option("internal", "bool", "Nothing but the network itself can be reached"),
        Option("ip-range", "strings", "The part of the subnet that containers get their addresses from"),
        Option("ipam-driver", help="default is the only one", choices=("default",)),
        Option("ipam-opt", "map", "Kept and shown; the default driver has no options"),
        Option("ipv4", "bool", "IPv4 addresses; on unless switched off"),
        Option("ipv6", "bool", "IPv6 addresses"),
        Option("label", "list", "Put a label on it (KEY=VALUE)", check=values.label),
        Option("opt", "map", "Set an option of the driver", short="o"),
        Option("subnet", "strings", "Its addresses (10.5.0.0/16), chosen unless given"),
        *refused(_SWARM, "config-from config-only:bool ingress:bool scope:string=local"),
    ),
    arguments=(1, 1),
).documented(
    ("network create web", "A bridge network with a subnet of its own"),
    ("network create --internal --subnet 10.5.0.0/16 db", "One that leads nowhere"),
    ("network create -d macvlan -o parent=eth0 --subnet 192.0.2.0/24 lan", "Containers as machines on eth0's network"),
    spellings=("network create",),
    notes="Options of bridge, behind com.docker.network.:\n"
    "  bridge.name, bridge.enable_icc, bridge.enable_ip_masquerade,\n"
    "  bridge.host_binding_ipv4, driver.mtu, container_iface_prefix.\n"
    "hezi.ports=input|direct: whether the host's INPUT rules decide about published ports (input, unless said).\n"
    "Options of macvlan: parent, macvlan_mode (bridge|private|vepa|passthru).",
)


def call(session: Session, parsed: Parsed) -> int:
    """Make it and print its id."""
    from hezi.engine import networks, parse_network

    if parsed.text("ipam-driver") not in {None, "default"}:
        message = f"could not find an IPAM driver {parsed.text('ipam-driver')}: default is the only one"
        raise Error(INVALID, message)
    subnets = parse_network.consolidate(
        _split(parsed, "subnet"), _split(parsed, "ip-range"), _split(parsed, "gateway"), _pairs(parsed, "aux-address")
    )
    driver, options = parsed.text("driver") or "bridge", _pairs(parsed, "opt")
    made = session.engine.networks.create(
        parsed.args[0],
        driver=driver,
        subnets=subnets,
        labels=_pairs(parsed, "label"),
        options=options,
        ipam_options=_pairs(parsed, "ipam-opt"),
        internal=parsed.flag("internal"),
        ipv4=parsed.flag("ipv4", default=True),
        ipv6=parsed.flag("ipv6"),
        attachable=parsed.flag("attachable"),
    )
    for name in networks.unknown_options(driver, options):
        session.notice(f"WARNING: option {name} means nothing to the {driver} driver; it is kept and shown")
    print(made.id)
    return 0


def _split(parsed: Parsed, name: str) -> list[str]:
    return [part for text in parsed.texts(name) for part in text.split(",")]


def _pairs(parsed: Parsed, name: str) -> dict[str, str]:
    return dict(text.partition("=")[::2] for text in parsed.texts(name))
