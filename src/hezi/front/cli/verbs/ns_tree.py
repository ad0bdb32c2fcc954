"""``hezi ns tree``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Draw the hierarchies of PID and user namespaces",
    options=(
        Option("json", "bool", "Print JSON", short="J"),
        Option("type", "string", "Only pid or user", short="t", choices=("pid", "user")),
    ),
).documented(
    ("ns tree -t pid", "Who sees whose processes"),
    notes=(
        "A parent sees the processes of its children, under numbers of its own, and may signal them;\n"
        "from inside, the parent's processes are not there."
    ),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the tree."""
    from hezi.front.cli import boxes
    from hezi.front.tools import nsshow, words

    kind = parsed.text("type")
    if kind not in {None, "pid", "user"}:
        words.wrong(f"{kind} namespaces have no hierarchy; pid and user namespaces have")
    kinds = ("pid", "user") if kind is None else (kind,)
    nsshow.tree(kinds, boxes.names(session), "json" if parsed.flag("json") else "table")
    return 0
