"""``hezi volume prune``."""

from __future__ import annotations

from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Remove volumes that no container has",
    options=(
        Option("all", "bool", "Remove named ones too, not only anonymous ones", short="a"),
        Option("filter", "filter", "Remove only those that pass (label=x, label!=x)", check=values.filter_text),
        Option("force", "bool", "Do not ask", short="f"),
    ),
).documented(
    ("volume prune -f", "Anonymous volumes that nobody has any more"),
    ("volume prune -a --filter label!=keep", "All that do not carry a label"),
    spellings=("volume prune",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Ask, remove, and say how much space that gave back."""
    if parsed.flag("all") and any(text.startswith("all=") for text in parsed.texts("filter")):
        from hezi.errors import INVALID, Error

        message = "conflicting options: cannot specify both --all and --filter all=1"
        raise Error(INVALID, message)
    which = "all local" if parsed.flag("all") else "anonymous local"
    if not parsed.flag("force"):
        from hezi.front.cli import confirm

        if not confirm.confirmed(f"WARNING! This will remove {which} volumes not used by at least one container."):
            return 0
    done = session.engine.volumes.prune(all_volumes=parsed.flag("all"), filters=parsed.texts("filter"))
    from hezi.front.cli import columns

    if done.deleted:
        print("Deleted Volumes:", *done.deleted, "", sep="\n")
    print(f"Total reclaimed space: {columns.size(done.space, 4)}")
    return 0
