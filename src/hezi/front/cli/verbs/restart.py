"""``hezi restart`` and ``hezi container restart``."""

from __future__ import annotations

from hezi.front.cli.each import each
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Restart one or more containers",
    options=(
        Option("signal", help="Signal to ask with, instead of the container's own", short="s"),
        Option("timeout", "int", "Seconds until it is killed (-1 for never)", short="t"),
        Option("time", "int"),
    ),
    arguments=(1, None),
).documented(
    ("restart web db", "As long as each takes, ten seconds at most"),
    ("restart -t 60 -s INT db", "With another signal, and more time"),
    spellings=("container restart", "restart"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Stop each, and start it again."""
    seconds = parsed.number("timeout") if parsed.given("timeout") else parsed.number("time")
    signal = parsed.text("signal")
    containers = session.engine.containers

    def act(name: str) -> None:
        patience = None if seconds is None else float(seconds)
        containers.get(name).restart(timeout=patience, signal=signal or None, notice=session.told)

    return each(session, parsed.args, act)
