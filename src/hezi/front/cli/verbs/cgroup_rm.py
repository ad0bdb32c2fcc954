"""``hezi cgroup rm``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] GROUP...",
    "Remove control groups",
    options=(
        Option("kill", "bool", "Kill the processes in them first"),
        Option("recursive", "bool", "With the groups below", short="r"),
    ),
    arguments=(1, None),
).documented(
    ("cgroup rm -r /jobs", "All below it too; processes are in the way"),
    ("cgroup rm -r --kill /jobs", "Processes are killed"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Remove them.

    :raises hezi.errors.Error: processes or groups are in one.
    """
    del session
    from hezi.front.tools import cgroups

    for text in parsed.args:
        cgroups.remove(text, recursive=parsed.flag("recursive"), kill=parsed.flag("kill"))
    return 0
