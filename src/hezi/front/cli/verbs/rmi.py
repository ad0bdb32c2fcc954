"""``hezi rmi`` and ``hezi image rm``."""

from __future__ import annotations

from hezi.errors import NOT_FOUND, Error
from hezi.front.cli import errors
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] IMAGE [IMAGE...]",
    "Remove one or more images",
    options=(
        Option(
            "force",
            "bool",
            "Remove an image that has several names, or that a stopped container has; a missing one is no failure",
            short="f",
        ),
        Option("no-prune", "bool", "Keep nameless images that it was made from"),
        Option("platform", "strings", "Remove only the image for this platform, where a name has several"),
    ),
    arguments=(1, None),
).documented(
    ("rmi busybox", "Remove the name busybox:latest, and the image if it was its last name"),
    ("rmi 7904d7d70c23", "Remove an image with all its names, if they are one repository's"),
    spellings=("image rm", "image remove", "rmi"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Remove what can be removed, name what cannot; one failure does not stop the others."""
    code = 0
    force = parsed.flag("force")
    wanted = [(name, platform) for name in parsed.args for platform in parsed.texts("platform") or (None,)]
    for name, platform in wanted:
        try:
            removed = session.engine.images.remove(
                name, force=force, parents=not parsed.flag("no-prune"), platform=platform
            )
        except Error as error:
            errors.report(session.program, error)
            if not (force and error.kind == NOT_FOUND):
                code = 1
            continue
        for text in removed.untagged:
            print(f"Untagged: {text}")
        for text in removed.deleted:
            print(f"Deleted: {text}")
    return code
