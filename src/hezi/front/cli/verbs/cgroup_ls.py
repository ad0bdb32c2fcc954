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
    options=(
        Option("all", "bool", "Controllers that are mounted nowhere too", short="a"),
        Option("json", "bool", "Print JSON", short="J"),
    ),
    arguments=(0, 0),
).documented(
    ("cgroup ls -a", "Which controller is where, and in which version"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the table."""
    del session
    from hezi.front.cli import columns
    from hezi.front.tools import cgroups

    rows = cgroups.list_hierarchies(everything=parsed.flag("all"))
    if not parsed.flag("json"):
        print(columns.table(rows))
        return 0
    from hezi.front.tools import table

    numbers = {"NUMBER", "GROUPS"}
    listed = [table.Column(name, "", number=name in numbers) for name in rows[0]]
    lines = [table.Line(tuple(None if cell == "-" else cell for cell in row)) for row in rows[1:]]
    table.show(listed, lines, table.Style(form="json", name="hierarchies"))
    return 0
