"""``hezi why`` and ``hezi container why``."""

from __future__ import annotations

from hezi.errors import INVALID, Error
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER",
    "Say why a container ended, or how it is",
    options=(Option("format", help='"json" for programs', choices=("json",)),),
    arguments=(1, 1),
).documented(
    ("why web", "Exit code or signal and its sender, memory, limits, the last lines"),
    spellings=("container why", "why"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print a sentence, what it is concluded from, and the last lines of the log."""
    fmt = parsed.text("format") or ""
    if fmt not in {"", "json"}:
        message = f"invalid format '{fmt}': it is json, or none"
        raise Error(INVALID, message)
    found = session.engine.containers.get(parsed.args[0]).why()
    if fmt == "json":
        import json

        document = {
            "Id": found.id,
            "Name": found.name,
            "Kind": found.kind,
            "Why": found.sentence,
            "Evidence": dict(found.evidence),
            "Log": list(found.log),
        }
        print(json.dumps(document, ensure_ascii=False))
        return 0
    print(found.sentence)
    width = max((len(name) for name, _ in found.evidence), default=0)
    for name, value in found.evidence:
        print(f"  {name:<{width}}  {value}")
    if found.log:
        print("  last lines:")
        for line in found.log:
            print(f"    {_printable(line)}")
    return 0


def _printable(line: str) -> str:
    """What a container wrote is not let loose on the terminal."""
    return "".join(one if one.isprintable() else "?" for one in line)
