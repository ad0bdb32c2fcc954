"""``hezi container prune``."""

from __future__ import annotations

from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Remove all containers that do not run",
    options=(
        Option(
            "filter", "filter", "Remove only those that pass (until=24h, label=x, label!=x)", check=values.filter_text
        ),
        Option("force", "bool", "Do not ask", short="f"),
    ),
).documented(
    ("container prune -f --filter until=24h", "Those made more than a day ago"),
    spellings=("container prune",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Ask, remove, and say how much space that gave back."""
    if not parsed.flag("force"):
        from hezi.front.cli import confirm

        if not confirm.confirmed("WARNING! This will remove all stopped containers."):
            return 0
    done = session.engine.containers.prune(filters=parsed.texts("filter"), notice=session.notice)
    from hezi.front.cli import columns

    if done.deleted:
        print("Deleted Containers:", *done.deleted, "", sep="\n")
    print(f"Total reclaimed space: {columns.size(done.space, 4)}")
    return 1 if done.failed else 0
