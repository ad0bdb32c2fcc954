"""``hezi top`` and ``hezi container top``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "CONTAINER [ps OPTIONS]",
    "List the processes of a container",
    arguments=(1, None),
    interspersed=False,
).documented(
    ("top web", "With the numbers that the host knows them by"),
    ("top web -o pid,rss,args", "Other columns; whatever the host's ps takes"),
    spellings=("container top", "top"),
)
_WIDTH, _GAP = 20, 3


def call(session: Session, parsed: Parsed) -> int:
    """Print what ps says of them."""
    name, *arguments = parsed.args
    table = session.engine.containers.get(name).top(arguments)
    widths = [
        max(_WIDTH, _GAP + max(len(row[number]) for row in (table.titles, *table.rows) if len(row) > number))
        for number in range(len(table.titles))
    ]
    for row in (table.titles, *table.rows):
        cells = [cell.ljust(wide) for cell, wide in zip(row[:-1], widths, strict=False)]
        print("".join([*cells, row[-1]]))
    return 0
