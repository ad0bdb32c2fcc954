"""``hezi network connect``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] NETWORK CONTAINER",
    "Connect a container to a network",
    options=(
        Option("alias", "strings", "Be found by this name there"),
        Option("ip", help="IPv4 address there"),
        Option("ip6", help="IPv6 address there"),
        Option("driver-opt", "strings", "Option of its interface there (NAME=VALUE)"),
        Option("gw-priority", "int", "The way out leads through the network that has the highest"),
        Option("link-local-ip", "strings", "One more address there, of the link itself"),
        *refused("is refused: use --alias, which all on the network can ask for", "link:list"),
    ),
    arguments=(2, 2),
).documented(
    ("network connect --alias sql db web", "From now on web is on db too, and is found there as sql"),
    spellings=("network connect",),
    notes="Options of an interface, behind com.docker.network.endpoint.:\n"
    "  ifname (what it is called inside), sysctls (net.ipv4.conf.IFNAME.NAME=VALUE, ...).",
)


def call(session: Session, parsed: Parsed) -> int:
    """Connect it, now if it runs, and from now on."""
    aliases = [part for text in parsed.texts("alias") for part in text.split(",")]
    from hezi.engine import networking, parse_network

    options = dict(map(parse_network.parse_option, parsed.texts("driver-opt")))
    for name in parse_network.unknown_options(parse_network.Asked("", options=tuple(options.items()))):
        session.notice(networking.UNKNOWN_OPTION.format(name))
    session.engine.networks.connect(
        parsed.args[0],
        parsed.args[1],
        aliases=aliases,
        ipv4=parsed.text("ip") or "",
        ipv6=parsed.text("ip6") or "",
        link_local=[part for text in parsed.texts("link-local-ip") for part in text.split(",")],
        priority=parsed.number("gw-priority") or 0,
        options=options,
    )
    return 0
