"""``hezi restart`` and ``hezi container restart``."""

from __future__ import annotations

from hezi.front.cli.each import each
from hezi.front.cli.option import Verb
from hezi.front.cli.verbs import stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Restart one or more containers",
    options=stop.OPTIONS,
    arguments=(1, None),
).documented(
    ("restart web db", "As long as each takes, ten seconds at most"),
    ("restart -t 60 -s INT db", "With another signal, and more time"),
    spellings=("container restart", "restart"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Stop each, and start it again."""
    containers = session.engine.containers
    signal = parsed.text("signal") or None

    def act(name: str) -> None:
        containers.get(name).restart(timeout=stop.patience(parsed), signal=signal, notice=session.told)

    return each(session, parsed.args, act)
