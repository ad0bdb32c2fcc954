"""``hezi volume inspect``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb
from hezi.front.cli.verbs import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] VOLUME [VOLUME...]",
    "Show all about volumes",
    options=(Option("format", help='Print by a Go template; "json" for one line of JSON', short="f"),),
    arguments=(1, None),
).documented(
    ("volume inspect -f '{{.Mountpoint}}' data", "Where its files are"),
    spellings=("volume inspect",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print what was found; then what was not."""
    return inspect.show(session, parsed, session.engine.volumes.inspect)
