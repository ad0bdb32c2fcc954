"""``hezi cgroup ls``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "List the hierarchies of control groups",
    options=(Option("all", "bool", "Controllers that are mounted nowhere too", short="a"),),
    arguments=(0, 0),
).documented(
    ("cgroup ls -a", "Which controller is where, and in which version"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the table."""
    del session
    from hezi.front.cli import columns
    from hezi.front.tools import cgroups

    print(columns.table(cgroups.list_hierarchies(everything=parsed.flag("all"))))
    return 0
