"""``hezi wait`` and ``hezi container wait``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "CONTAINER [CONTAINER...]",
    "Wait until containers end, and print their exit codes",
    arguments=(1, None),
).documented(
    ("wait web", "Prints the code when it has ended; at once when it has already"),
    spellings=("container wait", "wait"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the code of each, in their order."""
    from hezi.errors import Error
    from hezi.front.cli import errors

    code = 0
    for name in parsed.args:
        try:
            print(session.engine.containers.get(name).wait(), flush=True)
        except Error as error:
            errors.report(session.program, error)
            code = 1
    return code
