"""``hezi network update``."""

from __future__ import annotations

from hezi.errors import INVALID, Error
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] NETWORK",
    "Change options of a network",
    options=(Option("opt", "map", "Set an option of the driver (hezi.ports=input|direct)", short="o"),),
    arguments=(1, 1),
).documented(
    ("network update -o hezi.ports=direct web", "Its published ports are open whatever the host's firewall says"),
    ("network update -o hezi.ports=input bridge", "The host's INPUT rules decide about them again"),
    spellings=("network update",),
    notes="hezi's own. With hezi.ports=input, which is what networks begin with, a published port is open to whom the\n"
    "host's firewall lets in to that port; with direct to everybody, as with docker.",
)


def call(session: Session, parsed: Parsed) -> int:
    """Change it and print its name."""
    options = dict(text.partition("=")[::2] for text in parsed.texts("opt"))
    if not options:
        raise Error(INVALID, "nothing to change: an option is set with -o NAME=VALUE")
    print(session.engine.networks.update(parsed.args[0], options).name)
    return 0
