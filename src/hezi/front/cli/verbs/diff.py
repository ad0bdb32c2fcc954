"""``hezi diff`` and ``hezi container diff``."""

from __future__ import annotations

import sys

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "CONTAINER",
    "Show what a container has changed in its files",
    arguments=(1, 1),
).documented(
    ("diff web", "A: added, C: changed, D: deleted"),
    spellings=("container diff", "diff"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print a line per change; names are written as they are."""
    from hezi.engine.rootfs import diff

    found = diff.diff(session.engine.paths, parsed.args[0])
    sys.stdout.flush()
    sys.stdout.buffer.write(b"".join(b"%b /%b\n" % (change.kind.encode(), change.path) for change in found))
    return 0
