"""What ``info -f`` and ``version -f`` print: one document through a template."""

from __future__ import annotations

from hezi.front.cli import errors
from hezi.front.cli.template import formats
from hezi.front.cli.template.errors import TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# As docker: what cannot be parsed is 64, what cannot be executed 1, on a line of its own.
_PARSING, _EXECUTING = 64, 1


def show(program: str, fmt: str, document: Mapping[str, object], aliases: Mapping[str, str] | None = None) -> int:
    """Print ``document`` by a template, or report what is wrong with that; return the exit code.

    :param aliases: other names that templates may use -> names of the document.
    """
    try:
        print(formats.format_facts(fmt, document, aliases), end="")
    except TemplateError as error:
        if error.phase != "parse":
            print()
        errors.report(program, error)
        return _PARSING if error.phase == "parse" else _EXECUTING
    return 0
