"""``hezi inspect``: containers, images, networks and volumes, whichever a name means."""

from __future__ import annotations

from hezi.errors import INVALID, NOT_FOUND, Error
from hezi.front.cli import errors
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

FORMAT = Option("format", help='Print by a Go template; "json" for one line of JSON', short="f")
_TYPES = ("config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume")
_PARSING, _EXECUTING = 64, 1

VERB = Verb(
    "[OPTIONS] NAME|ID [NAME|ID...]",
    "Show all about containers, images, networks and volumes",
    options=(
        FORMAT,
        Option("size", "bool", "Count the files of containers too", short="s"),
        Option(
            "type",
            help="Look for one kind only (container|image|network|volume)",
            choices=("container", "image", "network", "volume"),
        ),
    ),
    arguments=(1, None),
).documented(
    ("inspect web", "The whole document"),
    ("inspect -f '{{.State.ExitCode}}' web", "One value of it"),
    spellings=("inspect",),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print what was found; then what was not."""
    wanted = parsed.text("type")
    if wanted is not None and wanted not in _TYPES:
        known = ", ".join(f'"{name}"' for name in _TYPES)
        raise Error(INVALID, f'unknown type: "{wanted}": must be one of {known}')
    sizes = parsed.flag("size")
    containers = session.engine.containers
    finders: dict[str, Callable[[str], dict[str, Any]]] = {
        "container": lambda name: containers.get(name).inspect(sizes=sizes),
        "image": session.engine.images.inspect,
        "network": session.engine.networks.inspect,
        "volume": session.engine.volumes.inspect,
    }

    def find(name: str) -> dict[str, Any]:
        for kind, finder in finders.items():
            if wanted not in {None, kind}:
                continue
            try:
                found = finder(name)
            except Error as error:
                if error.kind != NOT_FOUND or wanted:
                    raise
                continue
            if sizes and kind != "container":
                errors.line(f"WARNING: --size ignored for {kind}")
            return found
        raise Error(NOT_FOUND, f"No such object: {name}")

    return show(session, parsed, find)


def show(session: Session, parsed: Parsed, find: Callable[[str], dict[str, Any]]) -> int:
    """Find each name, print all documents by ``-f``, then report what was not found; return the exit code."""
    documents, failures = [], []
    for name in parsed.args:
        try:
            documents.append(find(name))
        except Error as error:
            failures.append(error)
    code = _print(session, parsed.text("format") or "", documents)
    for failure in failures:
        errors.report(session.program, failure)
    return code or bool(failures)


def _print(session: Session, fmt: str, documents: list[dict[str, Any]]) -> int:
    if not fmt and not documents:
        print("[]")
        return 0
    from hezi.front.cli.template import formats
    from hezi.front.cli.template.errors import TemplateError

    try:
        print(formats.format_inspect(fmt, documents), end="")
    except TemplateError as error:
        if error.phase != "parse":
            print()  # as docker: the line that was begun is ended
        errors.report(session.program, error)
        return _PARSING if error.phase == "parse" else _EXECUTING
    return 0
