"""``hezi stop`` and ``hezi container stop``."""

from __future__ import annotations

from hezi.front.cli.each import each
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

# Of restart too.
OPTIONS = (
    Option("signal", help="Signal to ask with, instead of the container's own", short="s"),
    Option("timeout", "int", "Seconds until it is killed (-1 for never)", short="t"),
    Option("time", "int"),
)

VERB = Verb(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Stop one or more containers",
    options=OPTIONS,
    arguments=(1, None),
).documented(
    ("stop web db", "As long as each takes, ten seconds at most"),
    ("stop -t 60 -s INT db", "With another signal, and more time"),
    spellings=("container stop", "stop"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Ask each to end, kill it when it does not."""
    containers = session.engine.containers
    return each(
        session,
        parsed.args,
        lambda name: containers.get(name).stop(timeout=patience(parsed), signal=parsed.text("signal") or None),
    )


def patience(parsed: Parsed) -> float | None:
    """Return the seconds until SIGKILL; None for the container's own."""
    seconds = parsed.number("timeout") if parsed.given("timeout") else parsed.number("time")
    return None if seconds is None else float(seconds)
