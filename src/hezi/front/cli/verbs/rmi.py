"""``hezi rmi`` and ``hezi image rm``."""

from __future__ import annotations

from hezi.errors import NOT_FOUND, Error
from hezi.front.cli import errors
from hezi.front.cli import refusals as why
from hezi.front.cli.option import Option, Verb, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] IMAGE [IMAGE...]",
    "Remove one or more images",
    options=(
        Option("force", "bool", "Remove an image that has several names; a missing one is no failure", short="f"),
        *refused(why.IMAGES, "no-prune:bool platform:strings"),
    ),
    arguments=(1, None),
).documented(
    ("rmi busybox", "Remove the name busybox:latest, and the image if it was its last name"),
    spellings=("image rm", "image remove", "rmi"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Remove what can be removed, name what cannot; one failure does not stop the others."""
    code = 0
    force = parsed.flag("force")
    for name in parsed.args:
        try:
            removed = session.engine.images.remove(name, force=force)
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
