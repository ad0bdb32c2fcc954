"""``hezi lscgroup``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb
from hezi.front.cli.parser import HelpRequested

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [[-g] CONTROLLERS:PATH...]",
    "List control groups, as libcgroup's lscgroup does",
    options=(Option("group", "list", "A group to begin at (CONTROLLERS:PATH)", short="g"),),
    arguments=(0, None),
).documented(
    ("lscgroup memory:/hezi", "The groups of containers in the memory hierarchy"),
    notes="Linked under its own name, hezi is lscgroup.",
)


def raw(session: Session, words: list[str]) -> int:
    """Run the tool, which reads its command line itself, as getopt(3) does.

    :raises HelpRequested: hezi's own page is wanted.
    """
    if session.program != "lscgroup" and not {"-h", "--help"}.isdisjoint(words):
        raise HelpRequested
    from hezi.front.tools.libcgroup import lscgroup

    return lscgroup.main(session.path, words)
