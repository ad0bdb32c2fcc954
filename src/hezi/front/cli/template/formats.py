"""docker's ``--format`` of listings and ``-f`` of inspect."""

from __future__ import annotations

from hezi.front.cli.template.documents import has_raw, raw, typed, untyped
from hezi.front.cli.template.errors import TemplateError
from hezi.front.cli.template.evaluate import execute
from hezi.front.cli.template.functions import FUNCTIONS, HEADER_FUNCTIONS
from hezi.front.cli.template.gojson import encode, indent
from hezi.front.cli.template.parser import parse
from hezi.front.cli.template.table import tabulate
from hezi.front.cli.template.values import Headers, Record, Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hezi.front.cli.template.nodes import Template

PARSING = "template parsing error"


def format_records(fmt: str, records: Sequence[Record], headers: Mapping[str, str]) -> str:
    """Return the lines of a listing, each ending with a newline.

    :param fmt: a template, ``json``, or ``table`` and a template. The verb's own ``table``, ``raw`` and ``pretty``
        are the verb's to replace by a template.
    :param headers: field -> its title in a table.
    :raises TemplateError: "template parsing error: ...".
    """
    table, template = _prepare(fmt)
    try:
        lines = "".join(execute(template, record) + "\n" for record in records)
        if not table:
            return lines
        return tabulate(_header(template, headers) + "\n" + lines)
    except TemplateError as error:
        raise error.prefixed(PARSING) from None


def check(fmt: str, record: Record) -> None:
    """Try ``fmt`` as it stands on a record before anything is asked for, as ps does; its errors have other words.

    :raises TemplateError: "failed to parse template: ...", "failed to execute template: ...".
    """
    try:
        execute(parse(fmt, FUNCTIONS), record)
    except TemplateError as error:
        prefix = f"failed to {error.phase} template"
        raise error.prefixed(prefix) from None


def format_document(fmt: str, document: Mapping[str, object]) -> str:
    """Return what a template makes of one whole document, as ``system df -v --format`` does: no line's end is added.

    :raises TemplateError: "template parsing error: ...".
    """
    _, template = _prepare(fmt)
    try:
        return execute(template, Struct(document))
    except TemplateError as error:
        raise error.prefixed(PARSING) from None


def _prepare(fmt: str) -> tuple[bool, Template]:
    """Return whether ``fmt`` is a table, and its template."""
    table = fmt.startswith("table")
    text = fmt.removeprefix("table") if table else "{{json .}}" if fmt == "json" else fmt
    try:
        return table, parse(text.strip(" ").replace("\\t", "\t").replace("\\n", "\n"), FUNCTIONS)
    except TemplateError as error:
        raise error.prefixed(PARSING) from None


def _header(template: Template, headers: Mapping[str, str]) -> str:
    """Execute the template on the titles. docker shows as much of the line as could be made; so do we."""
    record = Headers(headers, {"Label": _label_title})
    try:
        return execute(template, record, functions=HEADER_FUNCTIONS)
    except TemplateError:
        return ""


def _label_title(name: str) -> str:
    return name.rpartition(".")[2].replace("-", " ").replace("_", " ")


def format_inspect(fmt: str, documents: Iterable[Mapping[str, object]]) -> str:
    """Return what ``inspect -f`` prints: a line per document; for ``json`` one compact array, for "" an indented one.

    A template is tried on the documents as docker's own types have them, where optional fields are there and empty,
    and then on the bare JSON, where a missing key is an error.

    :raises TemplateError: "template parsing error: ...", with ``phase`` "parse" or "execute".
    """
    if fmt == "json":
        return encode([raw(document, ordered=True) for document in documents]) + "\n"
    if not fmt:
        return indent([raw(document, ordered=True) for document in documents]) + "\n"
    out = []
    try:
        template = parse(fmt, FUNCTIONS)
        for document in documents:
            try:
                line = execute(template, typed(document))
            except TemplateError:
                if not has_raw(document):
                    raise
                line = execute(template, untyped(document), strict=True)
            out.append(line + "\n")
    except TemplateError as error:
        raise error.prefixed(PARSING) from None
    return "".join(out) or "\n"


def format_facts(fmt: str, document: Mapping[str, object], aliases: Mapping[str, str] | None = None) -> str:
    """Return the line that ``info -f`` and ``version -f`` print, with its end.

    :param aliases: names that templates may use -> names of the document.
    :raises TemplateError: with ``phase`` "parse" or "execute".
    """
    try:
        template = parse("{{json .}}" if fmt == "json" else fmt, FUNCTIONS)
    except TemplateError as error:
        raise error.prefixed(PARSING) from None
    return execute(template, _facts(document, aliases or {})) + "\n"


def _facts(value: object, aliases: Mapping[str, str]) -> object:
    if isinstance(value, dict):
        known = {name: field for name, field in aliases.items() if field in value}
        return Struct({key: _facts(item, aliases) for key, item in value.items()}, aliases=known)
    return [_facts(item, aliases) for item in value] if isinstance(value, list) else value
