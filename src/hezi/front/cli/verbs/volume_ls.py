"""``hezi volume ls``."""

from __future__ import annotations

from hezi.front.cli import refusals as why
from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.volumes import Volume
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session
    from hezi.front.cli.template.values import Record

VERB = Verb(
    "[OPTIONS]",
    "List volumes",
    options=(
        Option("filter", "filter", "Show only those that pass (KEY=VALUE)", short="f", check=values.filter_text),
        Option("format", help='Print by a Go template; "table TEMPLATE" and "json" too'),
        Option("quiet", "bool", "Show names only", short="q"),
        *refused(why.SWARM, "cluster:bool"),
    ),
).documented(
    ("volume ls -q --filter dangling=true", "The names of those that no container has"),
    spellings=("volume ls", "volume list"),
    notes="Filters: dangling driver label name.",
)

_HEADERS = {
    "Name": "VOLUME NAME",
    "Driver": "DRIVER",
    "Scope": "SCOPE",
    "Mountpoint": "MOUNTPOINT",
    "Labels": "LABELS",
    "Links": "LINKS",
    "Size": "SIZE",
    "Availability": "AVAILABILITY",
    "Group": "GROUP",
    "Status": "STATUS",
}


def call(session: Session, parsed: Parsed) -> int:
    """Print the table, names, or what the template says."""
    found = session.engine.volumes.list(filters=parsed.texts("filter"))
    fmt = parsed.text("format") or ""
    if parsed.flag("quiet") and fmt in {"", "table", "raw"}:
        for one in found:
            print(one.name if fmt != "raw" else f"name: {one.name}")
        return 0
    if fmt in {"", "table"}:
        from hezi.front.cli import columns

        print(columns.table([("DRIVER", "VOLUME NAME"), *(("local", one.name) for one in found)]))
        return 0
    from hezi.front.cli.template import formats

    if fmt == "raw":
        fmt = "name: {{.Name}}\ndriver: {{.Driver}}\n"
    print(formats.format_records(fmt, [_record(one) for one in found], _HEADERS), end="")
    return 0


def _record(one: Volume) -> Record:
    from hezi.front.cli.template.values import Record

    fields: dict[str, object] = dict.fromkeys(sorted(_HEADERS), "N/A")
    fields |= {
        "Driver": "local",
        "Labels": ",".join(f"{name}={value}" for name, value in sorted(one.labels.items())),
        "Mountpoint": one.path,
        "Name": one.name,
        "Scope": "local",
    }
    return Record(fields, {"Label": lambda name: one.labels.get(name, "")})
