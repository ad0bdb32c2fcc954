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
    path = " ".join(parsed.args)
    path = commands.SPELLINGS.get(path, path)
    if not path:
        return pages.print_overview(session.program)
    if path in commands.BUILT:
        module: Any = __import__(f"hezi.front.cli.verbs.{commands.BUILT[path][0]}", fromlist=["VERB"])
        return pages.print_verb(session.program, f"{session.program} {path}", module.VERB)
    refusal = commands.refusal(path) or commands.group_refusal(path)
    if refusal is not None:
        errors.line(f"{session.program}: {refusal}")
        return 1
    if path in commands.GROUPS:
        return pages.print_group(session.program, path)
    errors.line(f"unknown help topic: {path}")
    return 1
