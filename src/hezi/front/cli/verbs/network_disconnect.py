"""``hezi network disconnect``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] NETWORK CONTAINER",
    "Disconnect a container from a network",
    options=(Option("force", "bool", "What docker needs for the remains of a container; hezi leaves none", short="f"),),
    arguments=(2, 2),
).documented(
    ("network disconnect db web", "web is on db no longer, and not after its next start either"),
    spellings=("network disconnect",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Disconnect it, now if it runs, and from now on."""
    session.engine.networks.disconnect(parsed.args[0], parsed.args[1], force=parsed.flag("force"))
    return 0
