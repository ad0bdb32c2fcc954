"""``hezi start`` and ``hezi container start``."""

from __future__ import annotations

from hezi.front.cli import refusals as why
from hezi.front.cli.each import each
from hezi.front.cli.option import Option, Verb, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Start containers that were made or stopped",
    options=(
        Option("attach", "bool", "Attach this terminal's output and signals", short="a"),
        Option("detach-keys", help="Keys that leave it, instead of the container's own"),
        Option("interactive", "bool", "Attach this terminal's input", short="i"),
        *refused(why.CHECKPOINTS, "checkpoint checkpoint-dir"),
    ),
    arguments=(1, None),
).documented(
    ("start web db", "In the background, as they were before"),
    ("start -ai shell", "With this terminal"),
    spellings=("container start", "start"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Start each; with -a or -i the only one, and stay with it."""
    if not (parsed.flag("attach") or parsed.flag("interactive")):
        containers = session.engine.containers
        return each(
            session,
            parsed.args,
            lambda name: containers.get(name).start(notice=session.told),
        )
    if len(parsed.args) > 1:
        from hezi.errors import INVALID, Error

        raise Error(INVALID, "you cannot start and attach multiple containers at once")
    from hezi.front.cli import foreground

    return foreground.start(session, parsed.args[0], stdin=parsed.flag("interactive"), keys=parsed.text("detach-keys"))
