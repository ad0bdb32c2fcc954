"""``hezi image prune``."""

from __future__ import annotations

from hezi.front.cli import times, values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.results import RemovedImages
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Remove images that nobody needs",
    options=(
        Option("all", "bool", "All that no container has, not only those without a tag", short="a"),
        Option("dry-run", "bool", "Show what would go and how much space that is; change nothing"),
        Option(
            "filter", "filter", "Remove only those that pass (until=24h, label=x, label!=x)", check=values.filter_text
        ),
        Option("force", "bool", "Do not ask", short="f"),
        Option("keep-last", "int", "Of all images, keep the newest N of each repository"),
        Option("max-size", "bytes", "Of all images, remove the least recently used until all fit into this size"),
        Option("unused-for", "duration", "Of all images, remove those not used for so long (14d)", check=times.age),
    ),
).documented(
    ("image prune", "Those whose tag has moved on to another image"),
    ("image prune -a --filter until=240h", "All that no container has and that are older than ten days"),
    ("image prune --unused-for 14d --keep-last 2 --dry-run", "What an automatic clean-up would remove"),
    spellings=("image prune",),
    notes="Filters: dangling label label! until.",
)
_DANGLING = "WARNING! This will remove all dangling images."
_ALL = "WARNING! This will remove all images without at least one container associated to them."


def call(session: Session, parsed: Parsed) -> int:
    """Ask, remove, and say how much space that gave back."""
    dry_run = parsed.flag("dry-run")
    unused_for = parsed.number("unused-for")
    if not (parsed.flag("force") or dry_run):
        from hezi.front.cli import confirm

        if not confirm.confirmed(_warning(parsed)):
            return 0
    done = session.engine.images.prune(
        all=parsed.flag("all"),
        filters=parsed.texts("filter"),
        unused_for_s=None if unused_for is None else unused_for / 1e9,
        keep_last=parsed.number("keep-last"),
        max_size=parsed.number("max-size"),
        dry_run=dry_run,
    )
    from hezi.front.cli import columns

    report(done.images, "Would delete images:" if dry_run else "Deleted Images:")
    print(f"Total {'reclaimable' if dry_run else 'reclaimed'} space: {columns.size(done.freed, 4)}")
    return 0


def _warning(parsed: Parsed) -> str:
    own = [name for name in ("unused-for", "keep-last", "max-size") if parsed.given(name)]
    if not own:
        return _ALL if parsed.flag("all") else _DANGLING
    rules = ", ".join(f"--{name}" for name in own)
    return f"WARNING! This will remove images without at least one container associated to them, by {rules}."


def report(images: tuple[RemovedImages, ...], title: str) -> None:
    """Print docker's lines, and an empty one, when anything was removed."""
    if not images:
        return
    print(title)
    for one in images:
        for text in one.untagged:
            print(f"untagged: {text}")
        for text in one.deleted:
            print(f"deleted: {text}")
    print()
