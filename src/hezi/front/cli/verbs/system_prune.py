"""``hezi system prune``."""

from __future__ import annotations

from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Remove all that nobody needs",
    options=(
        Option("all", "bool", "All images that no container has, not only those without a tag", short="a"),
        Option("filter", "filter", "Remove only what passes (until=24h, label=x, label!=x)", check=values.filter_text),
        Option("force", "bool", "Do not ask", short="f"),
        Option("volumes", "bool", "Anonymous volumes too"),
    ),
).documented(
    ("system prune", "Containers that do not run, networks without containers, images without a tag"),
    ("system prune -af --filter until=240h", "What is older than ten days and in nobody's use"),
    spellings=("system prune",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Ask, remove, and say how much space that gave back."""
    from hezi.engine import system_prune

    filters, volumes, everything = parsed.texts("filter"), parsed.flag("volumes"), parsed.flag("all")
    system_prune.check_filters(filters, volumes=volumes)
    if not parsed.flag("force"):
        from hezi.front.cli import confirm

        if not confirm.confirmed(_warning(filters, volumes=volumes, everything=everything)):
            return 0
    done = session.engine.system.prune(all_images=everything, volumes=volumes, filters=filters, notice=session.notice)
    from hezi.front.cli import columns
    from hezi.front.cli.verbs import image_prune

    for title, names in (
        ("Deleted Containers:", done.containers),
        ("Deleted Networks:", done.networks),
        ("Deleted Volumes:", done.volumes),
    ):
        if names:
            print(title, *names, "", sep="\n")
    image_prune.report(done.images, "Deleted Images:")
    print(f"Total reclaimed space: {columns.size(done.space, 4)}")
    return 0


def _warning(filters: tuple[str, ...], *, volumes: bool, everything: bool) -> str:
    lines = ["WARNING! This will remove:", "  - all stopped containers"]
    lines.append("  - all networks not used by at least one container")
    if volumes:
        lines.append("  - all anonymous volumes not used by at least one container")
    if everything:
        lines += ["  - all images without at least one container associated to them", "  - all build cache"]
    else:
        lines += ["  - all dangling images", "  - unused build cache"]
    if filters:
        lines += ["", "  Items to be pruned will be filtered with:", *(f"  - {text}" for text in sorted(filters))]
    return "\n".join([*lines, ""])
