"""``hezi unpause`` and ``hezi container unpause``."""

from __future__ import annotations

from hezi.front.cli.each import each
from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "CONTAINER [CONTAINER...]",
    "Let the processes of paused containers go on",
    arguments=(1, None),
).documented(
    ("unpause web", "All its processes"),
    spellings=("container unpause", "unpause"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Let each go on."""
    containers = session.engine.containers
    return each(session, parsed.args, lambda name: containers.get(name).unpause())
