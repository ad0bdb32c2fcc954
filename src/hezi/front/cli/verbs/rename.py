"""``hezi rename`` and ``hezi container rename``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb("CONTAINER NEW_NAME", "Rename a container", arguments=(2, 2)).documented(
    ("rename quiet_lantern web", "It may run meanwhile"),
    spellings=("container rename", "rename"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Rename it; nothing is printed."""
    old, new = parsed.args
    session.engine.containers.rename(old, new)
    return 0
