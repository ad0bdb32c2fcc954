"""``hezi manifest inspect``."""

from __future__ import annotations

from hezi.errors import UNSUPPORTED, Error
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [MANIFEST_LIST] MANIFEST",
    "Show a manifest as a registry has it; nothing is pulled",
    options=(
        Option("insecure", "bool", "Accept plain HTTP, and TLS certificates that nobody vouches for"),
        Option("verbose", "bool", "Show descriptors, platforms and the raw bytes too", short="v"),
    ),
    arguments=(1, 2),
).documented(
    ("manifest inspect debian:12", "The platforms it is for"),
    ("manifest inspect -v registry.example/tool:1", "Its layers, and the exact bytes"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the document as docker does."""
    import json

    if len(parsed.args) > 1:
        message = "manifest lists of this machine come with 'manifest create', which is not built yet"
        raise Error(UNSUPPORTED, message, hint=f"name the manifest in its registry: {parsed.args[1]}")
    name = parsed.args[0]
    try:
        found = session.engine.registries.manifest(
            name, insecure=parsed.flag("insecure"), verbose=parsed.flag("verbose")
        )
    except Error as error:
        if error.kind == "not-found":
            from hezi.spec.reference import Reference

            error.message = f"no such manifest: {Reference.parse(name).with_default_tag()}"
        raise
    is_index = isinstance(found, dict) and "manifests" in found
    print(json.dumps(found, indent="   " if is_index else "\t", ensure_ascii=False))
    return 0
