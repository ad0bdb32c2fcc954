"""``hezi network rm``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "NETWORK [NETWORK...]",
    "Remove networks",
    options=(Option("force", "bool", "One that is not there is no failure", short="f"),),
    arguments=(1, None),
).documented(
    ("network rm web", "Refused while a container that runs is on it"),
    spellings=("network rm", "network remove"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Remove each; one failure does not stop the others."""
    from hezi.front.cli.each import each

    networks, force = session.engine.networks, parsed.flag("force")
    return each(session, parsed.args, lambda name: networks.remove(name, force=force))
