"""``hezi attach`` and ``hezi container attach``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER",
    "Attach this terminal to a container that runs",
    options=(
        Option("detach-keys", help="Keys that leave it, instead of the container's own"),
        Option("no-stdin", "bool", "Pass no input on"),
        Option("sig-proxy", "bool", "Pass signals on to the program (default true)"),
    ),
    arguments=(1, 1),
).documented(
    ("attach web", "Its output from now on, and your input when it was started with -i"),
    spellings=("attach", "container attach"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Stay with it until it ends, and return its exit code."""
    from hezi.front.cli import foreground

    return foreground.attach(
        session,
        parsed.args[0],
        stdin=not parsed.flag("no-stdin"),
        keys=parsed.text("detach-keys"),
        proxy=parsed.flag("sig-proxy", default=True),
    )
