"""``hezi container inspect``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb
from hezi.front.cli.verbs.inspect import FORMAT, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Show all about containers",
    options=(FORMAT, Option("size", "bool", "Count their files too", short="s")),
    arguments=(1, None),
).documented(
    ("container inspect -s web", "With the bytes it has written"),
    spellings=("container inspect",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print what was found; then what was not."""
    sizes = parsed.flag("size")
    containers = session.engine.containers
    return show(session, parsed, lambda name: containers.get(name).inspect(sizes=sizes))
