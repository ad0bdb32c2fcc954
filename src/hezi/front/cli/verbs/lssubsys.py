"""``hezi lssubsys``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb
from hezi.front.cli.parser import HelpRequested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [CONTROLLER...]",
    "List the controllers of each hierarchy of control groups, as libcgroup's lssubsys does",
    options=(
        Option("all", "bool", "Controllers that are mounted nowhere too, first", short="a"),
        Option("hierarchies", "bool", "The number of each hierarchy (0 is v2)", short="i"),
        Option("mount-points", "bool", "Where each is mounted", short="m"),
        Option("all-mount-points", "bool", "Every place where each is mounted", short="M"),
    ),
    arguments=(0, None),
).documented(
    ("lssubsys -am", "All controllers, and where they are"),
    notes="Linked under its own name, hezi is lssubsys.",
)


def raw(session: Session, words: list[str]) -> int:
    """Run the tool, which reads its command line itself, as getopt(3) does.

    :raises HelpRequested: hezi's own page is wanted.
    """
    if session.program != "lssubsys" and not {"-h", "--help"}.isdisjoint(words):
        raise HelpRequested
    from hezi.front.tools.libcgroup import lssubsys

    return lssubsys.main(session.path, words)
