"""``hezi cgroup load``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "FILE...",
    "Make hierarchies, control groups and values of a file (cgconfig.conf)",
    arguments=(1, None),
).documented(
    ("cgroup load jobs.conf", "What `hezi cgroup snapshot` wrote, or what you did"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Load them in their order."""
    del session
    from hezi.front.tools import cgroups

    cgroups.load(parsed.args)
    return 0
