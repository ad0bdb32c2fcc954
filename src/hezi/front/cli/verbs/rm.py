"""``hezi rm`` and ``hezi container rm``."""

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
    "Remove one or more containers",
    options=(
        Option("force", "bool", "Kill one that runs; a missing one is no failure", short="f"),
        Option("volumes", "bool", "Remove its anonymous volumes too", short="v"),
        *refused(why.LINKS, "link:bool:l"),
    ),
    arguments=(1, None),
).documented(
    ("rm quiet_lantern 3f2a", "By name, and by the beginning of an id"),
    ("rm -fv web", "Whether it runs or not, with its anonymous volumes"),
    spellings=("container rm", "container remove", "rm"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Remove what can be removed, name what cannot."""
    force, volumes = parsed.flag("force"), parsed.flag("volumes")
    containers = session.engine.containers

    def act(name: str) -> None:
        containers.get(name).remove(force=force, volumes=volumes)

    return each(session, parsed.args, act, missing_ok=force)
