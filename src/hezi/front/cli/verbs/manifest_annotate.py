"""``hezi manifest annotate``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] MANIFEST_LIST MANIFEST",
    "Say what a manifest of a list is for",
    options=(
        Option("arch", help="Set the architecture"),
        Option("os", help="Set the operating system"),
        Option("os-features", "strings", "Add a feature of the operating system"),
        Option("os-version", help="Set the version of the operating system"),
        Option("variant", help="Set the variant of the architecture"),
    ),
    arguments=(2, 2),
).documented(
    ("manifest annotate registry.example/tool:1 registry.example/tool:1-arm --arch arm --variant v7", "For a Pi"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Change the list; nothing is printed."""
    name, manifest = parsed.args
    session.engine.registries.annotate(
        name,
        manifest,
        os=parsed.text("os") or "",
        architecture=parsed.text("arch") or "",
        variant=parsed.text("variant") or "",
        os_version=parsed.text("os-version") or "",
        os_features=parsed.texts("os-features"),
    )
    return 0
