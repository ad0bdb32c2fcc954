"""``hezi manifest rm``."""

from __future__ import annotations

from hezi.errors import Error
from hezi.front.cli import errors
from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "MANIFEST_LIST [MANIFEST_LIST...]",
    "Remove lists of manifests that were made here; what was pushed stays",
    arguments=(1, None),
).documented(
    ("manifest rm registry.example/tool:1", "Forget a list"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Remove what can be removed, name what cannot; nothing else is printed, as with docker."""
    code = 0
    for name in parsed.args:
        try:
            session.engine.registries.remove_list(name)
        except Error as error:
            errors.report(session.program, error)
            code = 1
    return code
