"""``hezi tag`` and ``hezi image tag``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    "Give an image one more name",
    arguments=(2, 2),
    interspersed=False,
).documented(
    ("tag busybox example.org/tools/busybox:1", "A name to push it by"),
    spellings=("image tag", "tag"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Say nothing when it worked."""
    session.engine.images.tag(parsed.args[0], parsed.args[1])
    return 0
