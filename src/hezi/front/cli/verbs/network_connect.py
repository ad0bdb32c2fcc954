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
        *refused("is not built yet", "driver-opt:strings gw-priority:int link:list link-local-ip:strings"),
    ),
    arguments=(2, 2),
).documented(
    ("network connect --alias sql db web", "From now on web is on db too, and is found there as sql"),
    spellings=("network connect",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Connect it, now if it runs, and from now on."""
    aliases = [part for text in parsed.texts("alias") for part in text.split(",")]
    session.engine.networks.connect(
        parsed.args[0], parsed.args[1], aliases=aliases, ipv4=parsed.text("ip") or "", ipv6=parsed.text("ip6") or ""
    )
    return 0
