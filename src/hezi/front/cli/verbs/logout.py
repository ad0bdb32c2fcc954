"""``hezi logout``."""

from __future__ import annotations

from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb("[SERVER]", "Log out from a registry; Docker Hub when none is named", arguments=(0, 1)).documented(
    ("logout registry.example:5000", "Forget the credentials, in the file and in the credential helper")
)


def call(session: Session, parsed: Parsed) -> int:
    """Forget the credentials, saying so first, as docker does."""
    server = parsed.args[0] if parsed.args else ""
    registries = session.engine.registries
    print(f"Removing login credentials for {registries.key(server)}")
    registries.logout(server)
    return 0
