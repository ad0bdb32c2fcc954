"""``hezi manifest push``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] MANIFEST_LIST",
    "Push a list of manifests",
    options=(
        Option("insecure", "bool", "Accept plain HTTP, and TLS certificates that nobody vouches for"),
        Option("purge", "bool", "Remove the list here when it is pushed", short="p"),
    ),
    arguments=(1, 1),
).documented(
    ("manifest push --purge registry.example/tool:1", "Push the list, and forget it here"),
    notes="Manifests of other repositories of the same registry are brought along, their layers by a mount.",
)


def call(session: Session, parsed: Parsed) -> int:
    """Push, and say what the registry has now."""

    def told(name: str) -> None:
        print(f"Pushed ref {name} with digest: {name.rpartition('@')[2]}")

    done = session.engine.registries.push_list(
        parsed.args[0], purge=parsed.flag("purge"), insecure=parsed.flag("insecure"), pushed=told
    )
    print(done.digest)
    return 0
