"""``hezi image inspect``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb
from hezi.front.cli.verbs.inspect import FORMAT, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] IMAGE [IMAGE...]",
    "Show all about images",
    options=(FORMAT, Option("platform", help="The image must be for this platform")),
    arguments=(1, None),
).documented(
    ("image inspect busybox", "The whole document"),
    ("image inspect -f '{{json .Config.Env}}' busybox", "One value of it"),
    spellings=("image inspect",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print what was found; then what was not."""
    platform = parsed.text("platform")
    return show(session, parsed, lambda name: session.engine.images.inspect(name, platform=platform))
