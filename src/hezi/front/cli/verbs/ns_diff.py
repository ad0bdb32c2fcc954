"""``hezi ns diff``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER|PID CONTAINER|PID",
    "Compare the namespaces of two containers or processes",
    options=(Option("json", "bool", "Print JSON", short="J"),),
    arguments=(2, 2),
).documented(
    ("ns diff web 1", "What the container web has apart from the machine"),
    notes="Exit code 0 when all are the same, 1 when some differ.",
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the table; 1 when something differs."""
    from hezi.front.cli import boxes
    from hezi.front.tools import nsshow

    first, second = (boxes.target(session, text) for text in parsed.args)
    return 0 if nsshow.diff(first, second, "json" if parsed.flag("json") else "table") else 1
