"""``hezi manifest inspect``: what was made here goes first, then the registry is asked."""

from __future__ import annotations

from hezi.errors import Error
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [MANIFEST_LIST] MANIFEST",
    "Show a manifest of a list that was made here, or as a registry has it; nothing is pulled",
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

    name = parsed.args[0]
    registries, verbose = session.engine.registries, parsed.flag("verbose")
    try:
        found = registries.local_list(*parsed.args, verbose=verbose)
        if found is None:
            found = registries.manifest(name, insecure=parsed.flag("insecure"), verbose=verbose)
    except Error as error:
        if error.kind == "not-found" and len(parsed.args) == 1:
            from hezi.spec.reference import Reference

            error.message = f"no such manifest: {Reference.parse(name).with_default_tag()}"
        raise
    is_index = isinstance(found, dict) and "manifests" in found
    print(json.dumps(found, indent="   " if is_index else "\t", ensure_ascii=False))
    return 0
