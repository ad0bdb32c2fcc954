"""``hezi port`` and ``hezi container port``."""

from __future__ import annotations

from hezi.errors import NOT_FOUND, Error
from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb("CONTAINER [PRIVATE_PORT[/PROTO]]", "List the published ports of a container", arguments=(1, 2)).documented(
    ("port web", "All of them; none before there are networks to publish on"),
    spellings=("container port", "port"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the ports: without networks there are none.

    :raises hezi.errors.Error: no such container, or the port that was asked for is not published.
    """
    session.engine.containers.get(parsed.args[0])
    if len(parsed.args) == 2:
        message = f"No public port '{parsed.args[1]}' published for {parsed.args[0]}"
        raise Error(NOT_FOUND, message)
    return 0
