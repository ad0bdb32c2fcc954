"""``hezi mount explain``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] PATH",
    "Say what a path is mounted on, who will see the next mount there, and why somebody does not see it",
    options=(
        Option("in", "string", "Say whether this container or process sees the mount, and why"),
        Option("of", "string", "PATH is that of this container or process"),
    ),
    arguments=(1, 1),
).documented(
    ("mount explain /mnt", "Who hears of mounts on /mnt/..."),
    ("mount explain /mnt/usb --in web", "Why the container web does not see the stick"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the sentences."""
    from hezi.front.cli import boxes
    from hezi.front.tools import mountgraph

    of, other = parsed.text("of"), parsed.text("in")
    question = mountgraph.Question(
        parsed.args[0],
        None if of is None else boxes.target(session, of),
        None if other is None else boxes.target(session, other),
        other if other and not other.isdigit() else "",
    )
    for line in mountgraph.explain(question, boxes.names(session)):
        print(line)
    return 0
