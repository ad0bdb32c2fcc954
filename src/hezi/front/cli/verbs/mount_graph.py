"""``hezi mount graph``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [CONTAINER|PID...]",
    "Draw which mounts pass on to which, across namespaces",
    options=(Option("svg", "string", "Write a drawing to this file, - for standard output"),),
    arguments=(0, None),
).documented(
    ("mount graph", "All peer groups: = is a member, > a slave"),
    ("mount graph --svg mounts.svg web db", "A drawing of this namespace and those of two containers"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the tree, or write the drawing."""
    from hezi.front.cli import boxes, output
    from hezi.front.tools import mountgraph

    pids = [boxes.target(session, text) for text in parsed.args]
    placed = mountgraph.survey(pids)
    spaces = mountgraph.Spaces(placed, boxes.names(session))
    where = parsed.text("svg")
    if where is None:
        for line in mountgraph.text(placed, spaces):
            print(line)
    elif where == "-":
        print(mountgraph.svg(placed, spaces), end="")
    else:
        output.write_file(where, [mountgraph.svg(placed, spaces).encode()])
    return 0
