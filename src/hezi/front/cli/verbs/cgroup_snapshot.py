"""``hezi cgroup snapshot``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[CONTROLLER...]",
    "Print all control groups and their values as a file that can be loaded",
    arguments=(0, None),
).documented(
    ("cgroup snapshot cpu memory", "In the form of cgconfig.conf"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the file."""
    del session
    from hezi.front.tools import cgroups

    return cgroups.snapshot(parsed.args)
