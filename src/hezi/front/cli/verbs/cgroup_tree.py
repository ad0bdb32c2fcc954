"""``hezi cgroup tree``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [GROUP]",
    "Draw the control groups, with their processes and containers",
    options=(Option("json", "bool", "Print JSON", short="J"),),
    arguments=(0, 1),
).documented(
    ("cgroup tree", "All of them"),
    ("cgroup tree /hezi", "Those of containers"),
    ("cgroup tree memory:/", "Those of one hierarchy"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the tree.

    :raises hezi.errors.Error: there is no such group.
    """
    from hezi.front.cli import cgroup_names
    from hezi.front.tools import cgroups, table

    text = cgroup_names.group(session, parsed.args[0]) if parsed.args else ""
    lines = cgroups.draw(text, cgroup_names.containers(session), whole=parsed.flag("json"))
    if parsed.flag("json"):
        listed = [table.Column(name, "", number=name == "PROCESSES") for name in cgroups.WHOLE]
        table.show(listed, lines, table.Style(form="json", tree=0, name="groups"))
        return 0
    columns = (
        table.Column("GROUP", "its name"),
        table.Column("PROCESSES", "in it, not below", right=True),
        table.Column("CONTROLLERS", "of the hierarchies that have it"),
    )
    table.show(columns, lines, table.Style(tree=0))
    return 0
