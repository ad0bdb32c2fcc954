"""``hezi search``."""

from __future__ import annotations

from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session
    from hezi.front.cli.template.values import Record

VERB = Verb(
    "[OPTIONS] TERM",
    "Search Docker Hub, or the registry that the term begins with",
    options=(
        Option("filter", "filter", "Show only those that pass (KEY=VALUE)", short="f", check=values.filter_text),
        Option("format", help='Print by a Go template; "table TEMPLATE" and "json" too'),
        Option("limit", "int", "At most so many, 1 to 100 (default 25)", check=values.integer),
        Option("no-trunc", "bool", "Show descriptions in full"),
    ),
    arguments=(1, 1),
).documented(
    ("search -f is-official=true nginx", "On Docker Hub"),
    ("search registry.example:5000/team", "In another registry, where it has a search or shows its catalog"),
    notes="Filters: is-automated is-official stars.",
)

_HEADERS = {
    "Name": "NAME",
    "Description": "DESCRIPTION",
    "StarCount": "STARS",
    "IsOfficial": "OFFICIAL",
    "IsAutomated": "AUTOMATED",
}
_LONGEST = 45


def call(session: Session, parsed: Parsed) -> int:
    """Print the table, or what the template says."""
    found = session.engine.registries.search(
        parsed.args[0], limit=int(parsed.text("limit") or 0), filters=parsed.texts("filter")
    )
    fmt = parsed.text("format") or ""
    records = [
        {
            "Description": _shortened(one.description, full=parsed.flag("no-trunc")),
            "IsAutomated": "[OK]" if one.automated else "",
            "IsOfficial": "[OK]" if one.official else "",
            "Name": one.name,
            "StarCount": str(one.stars),
        }
        for one in found
    ]
    if fmt in {"", "table"}:
        from hezi.front.cli import columns

        names = ("Name", "Description", "StarCount", "IsOfficial")
        lines = [tuple(_HEADERS[name] for name in names)]
        lines += [tuple(record[name] for name in names) for record in records]
        print(columns.table(lines))
        return 0
    from hezi.front.cli.template import formats

    print(formats.format_records(fmt, [_record(record) for record in records], _HEADERS), end="")
    return 0


def _shortened(text: str, *, full: bool) -> str:
    text = " ".join(text.split())
    return text if full or len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _record(fields: dict[str, str]) -> Record:
    from hezi.front.cli.template.values import Record

    return Record(dict(fields), {})
