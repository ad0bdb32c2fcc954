"""``hezi mount tree``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[CONTAINER|PID]",
    "Draw the mounts of a namespace with their peer groups and masters",
    options=(Option("json", "bool", "Print JSON", short="J"),),
    arguments=(0, 1),
).documented(("mount tree web", "What the container web has mounted, and what of it hears of the host"))


def call(session: Session, parsed: Parsed) -> int:
    """Print the tree."""
    from hezi.front.cli import boxes
    from hezi.front.tools import mountls

    request = mountls.Request()
    request.columns = ["TARGET", "ID", "FSTYPE", "PROPAGATION", "OPT-FIELDS", "SOURCE"]
    request.form = "json" if parsed.flag("json") else "table"
    request.pid = boxes.target(session, parsed.args[0]) if parsed.args else None
    return 0 if mountls.show(request) else 1
