"""``hezi network rm``."""

from __future__ import annotations

from hezi.errors import NOT_FOUND, Error
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "NETWORK [NETWORK...]",
    "Remove networks",
    options=(Option("force", "bool", "One that is not there is no failure", short="f"),),
    arguments=(1, None),
).documented(
    ("network rm web", "Refused while a container that runs is on it"),
    spellings=("network rm", "network remove"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Remove each; one failure does not stop the others. With -f one that is not there is passed over in silence."""
    from hezi.front.cli import errors

    code = 0
    for name in parsed.args:
        try:
            session.engine.networks.remove(name)
        except Error as error:
            if not (parsed.flag("force") and error.kind == NOT_FOUND):
                errors.report(session.program, error)
                code = 1
            continue
        print(name)
    return code
