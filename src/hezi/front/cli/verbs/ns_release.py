"""``hezi ns release``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb("FILE [FILE...]", "Let go of namespaces that are kept by files", arguments=(1, None)).documented(
    ("ns release /run/netns/web", "It ends with its last process")
)


def call(_session: Session, parsed: Parsed) -> int:
    """Detach and remove each file."""
    from hezi.front.tools import nsshow

    for path in parsed.args:
        nsshow.release(path)
    return 0
