"""``hezi volume rm``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] VOLUME [VOLUME...]",
    "Remove volumes and all that is in them",
    options=(Option("force", "bool", "One that is not there is no failure", short="f"),),
    arguments=(1, None),
).documented(
    ("volume rm data", "Refused while a container has it, running or not"),
    spellings=("volume rm", "volume remove"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Remove each; one failure does not stop the others."""
    from hezi.front.cli.each import each

    volumes, force = session.engine.volumes, parsed.flag("force")
    return each(session, parsed.args, lambda name: volumes.remove(name, force=force))
