"""``hezi pause`` and ``hezi container pause``."""

from __future__ import annotations

from hezi.front.cli.each import each
from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "CONTAINER [CONTAINER...]",
    "Freeze all processes of one or more containers",
    arguments=(1, None),
).documented(
    ("pause web", "All its processes"),
    spellings=("container pause", "pause"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Freeze each."""
    containers = session.engine.containers
    return each(session, parsed.args, lambda name: containers.get(name).pause())
