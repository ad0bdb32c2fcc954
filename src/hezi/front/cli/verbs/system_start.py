"""``hezi system start``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb("", "Start the containers whose restart policy wants it, after a boot").documented(
    ("system start", "What systemd/hezi.service does at boot; where all run already nothing happens"),
    spellings=("system start",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Start them, and print their names."""
    done = session.engine.system.start(notice=session.told)
    for name in done.started:
        print(name)
    for name, why in done.failed:
        session.notice(f"{session.program}: cannot start {name}: {why}")
    return 1 if done.failed else 0
