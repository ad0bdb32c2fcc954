"""``hezi network inspect``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb
from hezi.front.cli.verbs import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] NETWORK [NETWORK...]",
    "Show all about networks",
    options=(
        inspect.FORMAT,
        Option("verbose", "bool", "For swarm mode, which there is none of: this changes nothing", short="v"),
    ),
    arguments=(1, None),
).documented(
    ("network inspect -f '{{(index .IPAM.Config 0).Subnet}}' web", "Its subnet"),
    spellings=("network inspect",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print what was found; then what was not."""
    return inspect.show(session, parsed, session.engine.networks.inspect)
