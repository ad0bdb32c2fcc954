"""``hezi ns show``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER|PID",
    "Show the faces of a container or process: which namespaces are its own, which shared and with whom",
    options=(Option("json", "bool", "Print JSON", short="J"),),
    arguments=(1, 1),
).documented(("ns show web", "The box that the container web is in"), ("ns show 1", "That of the machine"))


def call(session: Session, parsed: Parsed) -> int:
    """Print the table."""
    from hezi.front.cli import boxes
    from hezi.front.tools import nsshow

    pid = boxes.target(session, parsed.args[0])
    nsshow.show(pid, boxes.names(session), "json" if parsed.flag("json") else "table")
    return 0
