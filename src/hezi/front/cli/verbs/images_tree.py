"""``hezi image ls --tree``."""

from __future__ import annotations

from hezi.errors import INVALID, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.images.tree import Footprint
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session


def show(session: Session, parsed: Parsed) -> int:
    """Print each image with its names above and its platform below, and what it takes on the disk."""
    for name in ("quiet", "format", "digests"):
        if parsed.given(name):
            raise Error(INVALID, f"--{name} cannot be used with --tree")
    from hezi.front.cli import columns

    found = session.engine.images.footprints(
        parsed.args[0] if parsed.args else None,
        intermediate=parsed.flag("all"),
        filters=parsed.texts("filter"),
    )
    full = parsed.flag("no-trunc")
    lines: list[tuple[str, ...]] = [("IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "IN USE")]

    def line(text: str, one: Footprint) -> tuple[str, ...]:
        image_id = one.image_id if full else one.image_id[7:19]
        return text, image_id, columns.size(one.usage), columns.size(one.content), "yes" if one.in_use else ""

    for one in found:
        lines.extend((name, "", "", "", "") for name in one.names[:-1])
        lines.append(line(one.names[-1], one))
        lines.append((f"{'├─' if one.beside else '└─'} {one.platform}", "", "", "", ""))
        for number, other in enumerate(one.beside, 1):
            lines.append(line(f"{'├─' if number < len(one.beside) else '└─'} {other.platform}", other))
    print("\n".join(line.rstrip() for line in columns.table(lines).splitlines()))
    return 0
