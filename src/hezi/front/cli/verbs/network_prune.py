"""``hezi network prune``."""

from __future__ import annotations

from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Remove networks that no container uses",
    options=(
        Option(
            "filter", "filter", "Remove only those that pass (label=x, label!=x, until=24h)", check=values.filter_text
        ),
        Option("force", "bool", "Do not ask", short="f"),
    ),
).documented(
    ("network prune -f --filter until=24h", "Those that are older than a day and that nobody uses"),
    spellings=("network prune",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Ask, remove, and name what went."""
    if not parsed.flag("force"):
        from hezi.front.cli import confirm

        lines = ["WARNING! This will remove all custom networks not used by at least one container."]
        filters = parsed.texts("filter")
        if filters:
            lines += ["", "  Items to be pruned will be filtered with:", *(f"  - {text}" for text in filters)]
        if not confirm.confirmed("\n".join(lines)):
            return 0
    gone = session.engine.networks.prune(filters=parsed.texts("filter"))
    if gone:
        print("Deleted Networks:", *gone, "", sep="\n")
    return 0
