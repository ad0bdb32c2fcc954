"""``hezi kill`` and ``hezi container kill``."""

from __future__ import annotations

from hezi.front.cli.each import each
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Send a signal to one or more containers",
    options=(Option("signal", help="Name or number of the signal (default KILL)", short="s"),),
    arguments=(1, None),
).documented(
    ("kill -s HUP web", "To the first process in it"),
    spellings=("container kill", "kill"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Send it to each."""
    signal = parsed.text("signal") or "KILL"
    containers = session.engine.containers
    return each(session, parsed.args, lambda name: containers.get(name).kill(signal))
