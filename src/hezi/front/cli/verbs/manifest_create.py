"""``hezi manifest create``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "MANIFEST_LIST MANIFEST [MANIFEST...]",
    "Make a list of manifests that are in a registry, to be pushed as one name",
    options=(
        Option("amend", "bool", "Add to the list if there is one already", short="a"),
        Option("insecure", "bool", "Accept plain HTTP, and TLS certificates that nobody vouches for"),
    ),
    arguments=(2, None),
).documented(
    ("manifest create registry.example/tool:1 registry.example/tool:1-amd64 registry.example/tool:1-arm64", "A list"),
    ("manifest push -p registry.example/tool:1", "and what becomes of it: one name for both platforms"),
    notes="Lists are kept in docker's configuration directory ($DOCKER_CONFIG/manifests), in docker's form.",
)


def call(session: Session, parsed: Parsed) -> int:
    """Make the list and say its name."""
    name, *manifests = parsed.args
    made = session.engine.registries.create_list(
        name, manifests, amend=parsed.flag("amend"), insecure=parsed.flag("insecure")
    )
    print(f"Created manifest list {made}")
    return 0
