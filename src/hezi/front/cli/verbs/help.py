"""``hezi help [COMMAND]``."""

from __future__ import annotations

from hezi.front.cli import commands, errors, pages
from hezi.front.cli.option import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb("[command]", "Show help for a command", arguments=(0, None)).documented(
    ("help run", "The same as `run --help`")
)


def call(session: Session, parsed: Parsed) -> int:
    """Print the page of the named command, or the overview."""
    found, rest = commands.find(parsed.args) if parsed.args else ("", [])
    known = found in commands.GROUPS or found in commands.BUILT or commands.refusal(found) is not None
    if rest and known:
        errors.line(f"unknown help topic: {' '.join(rest)}")
        return 1
    if not found:
        return pages.print_overview(session.program)
    if found in commands.BUILT:
        module: Any = __import__(f"hezi.front.cli.verbs.{commands.BUILT[found][0]}", fromlist=["VERB"])
        return pages.print_verb(session.program, f"{session.program} {found}", module.VERB)
    refusal = commands.refusal(found) or commands.group_refusal(found)
    if refusal is not None:
        errors.line(f"{session.program}: {refusal}")
        return 1
    if found in commands.GROUPS:
        return pages.print_group(session.program, found)
    errors.line(f"unknown help topic: {' '.join(parsed.args)}")
    return 1
