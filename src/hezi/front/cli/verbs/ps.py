"""``hezi ps`` and ``hezi container ls``."""

from __future__ import annotations

from hezi._util import clock
from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hezi.engine.containers.model import ContainerSummary
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session
    from hezi.front.cli.template.values import Record

VERB = Verb(
    "[OPTIONS]",
    "List containers",
    options=(
        Option("all", "bool", "Show those that do not run too", short="a"),
        Option("filter", "filter", "Show only those that pass (KEY=VALUE)", short="f", check=values.filter_text),
        Option("format", help='Print by a Go template; "table TEMPLATE" and "json" too'),
        Option("last", "int", "Show the last N containers, in whatever state", short="n"),
        Option("latest", "bool", "Show the last container, in whatever state", short="l"),
        Option("no-trunc", "bool", "Show ids and commands in full"),
        Option("quiet", "bool", "Show ids only", short="q"),
        Option("size", "bool", "Show how much they have written", short="s"),
    ),
).documented(
    ("ps -a", "All containers, newest first"),
    ("ps -aq --filter status=exited", "The ids of those that have ended"),
    ("ps --format '{{.Names}}: {{.Status}}'", "What you want to know, as you want it"),
    spellings=("container ls", "container list", "container ps", "ps"),
    notes="Filters: ancestor before exited expose health id is-task label name network publish since status volume.",
)

_HEADERS = {
    "ID": "CONTAINER ID",
    "Names": "NAMES",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED",
    "Ports": "PORTS",
    "State": "STATE",
    "Status": "STATUS",
    "Size": "SIZE",
    "Labels": "LABELS",
    "Mounts": "MOUNTS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Networks": "NETWORKS",
    "Platform": "PLATFORM",
}
_COLUMNS = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")
_RAW = (
    "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n"
    "state: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\n"
    "labels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n"
)
_OWN_FORMATS = ("", "table", "raw", "json", "pretty")
_LONGEST_COMMAND, _LONGEST_MOUNT = 20, 15


def call(session: Session, parsed: Parsed) -> int:
    """Print the table, ids, or what the template says."""
    fmt = parsed.text("format") or ""
    sizes = parsed.flag("size") or (fmt not in _OWN_FORMATS and _uses_size(fmt))
    last = parsed.number("last")
    rows = session.engine.containers.list(
        all=parsed.flag("all"),
        filters=parsed.texts("filter"),
        limit=1 if parsed.flag("latest") and not last else -1 if last is None else last,
        sizes=sizes,
    )
    full = parsed.flag("no-trunc")
    if parsed.flag("quiet") and fmt not in {"", "raw"}:
        session.notice("WARNING: Ignoring custom format, because both --format and --quiet are set.")
    if parsed.flag("quiet"):
        prefix = "container_id: " if fmt == "raw" else ""
        for row in rows:
            print(prefix + (row.id if full else row.id[:12]))
    elif fmt in {"", "table"}:
        _print_table(rows, full=full, sizes=parsed.flag("size"))
    else:
        _print_formatted(rows, fmt, full=full, sizes=sizes)
    return 0


def _print_table(rows: tuple[ContainerSummary, ...], *, full: bool, sizes: bool) -> None:
    from hezi.front.cli import columns

    names = (*_COLUMNS, "Size") if sizes else _COLUMNS
    lines = [tuple(_HEADERS[name] for name in names)]
    for row in rows:
        cells = _fields(row, full=full)
        lines.append(tuple(cells[name]() for name in names))
    print(columns.table(lines))


def _print_formatted(rows: tuple[ContainerSummary, ...], fmt: str, *, full: bool, sizes: bool) -> None:
    from hezi.front.cli.template import formats

    if fmt == "raw":
        fmt = _RAW + "size: {{.Size}}\n" if sizes else _RAW
    print(formats.format_records(fmt, [_record(row, full=full) for row in rows], _HEADERS), end="")


def _uses_size(fmt: str) -> bool:
    """Try the template on nothing, as docker does: it tells whether sizes are wanted, which cost something."""
    from hezi.front.cli.template import formats
    from hezi.front.cli.template.values import Record

    asked = []

    def size() -> str:
        asked.append(True)
        return ""

    fields: dict[str, object] = dict.fromkeys(_HEADERS, "")
    fields["Size"] = size
    formats.check(fmt.replace("\\t", "\t").replace("\\n", "\n"), Record(fields, {"Label": lambda _name: ""}))
    return bool(asked)


def _record(row: ContainerSummary, *, full: bool) -> Record:
    from hezi.front.cli.template.values import NilPointer, Record

    fields: dict[str, object] = {name: make() for name, make in sorted(_fields(row, full=full).items())}
    fields["Platform"] = NilPointer("*v1.Platform")
    return Record(dict(sorted(fields.items())), {"Label": lambda name: row.labels.get(name, "")})


def _fields(row: ContainerSummary, *, full: bool) -> dict[str, Callable[[], str]]:
    """Name -> how to make its text; making all of them for each row of a long table would take twice the time."""
    return {
        "ID": lambda: row.id if full else row.id[:12],
        "Names": lambda: row.name,
        "Image": lambda: _image(row.image, full=full),
        "Command": lambda: values.quote(row.command if full else _cut(row.command, _LONGEST_COMMAND)),
        "CreatedAt": lambda: _moment(row.created_ns),
        "RunningFor": lambda: _age(row.created_ns),
        "Ports": lambda: row.ports,
        "State": lambda: row.state.status,
        "Status": lambda: row.status,
        "Size": lambda: _size(row),
        "Labels": lambda: ",".join(f"{name}={value}" for name, value in sorted(row.labels.items())),
        "Mounts": lambda: ",".join(name if full else _cut(name, _LONGEST_MOUNT) for name in row.mounts),
        "LocalVolumes": lambda: str(row.local_volumes),
        "Networks": lambda: row.network,
    }


def _image(name: str, *, full: bool) -> str:
    if name.startswith("sha256:") and not full:
        return name[7:19]
    return name


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _age(created_ns: int) -> str:
    return f"{clock.span(clock.now_ns() - created_ns)} ago"


def _moment(nanoseconds: int) -> str:
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(nanoseconds // 10**9))


def _size(row: ContainerSummary) -> str:
    from hezi.front.cli import columns

    text = columns.size(row.size_rw or 0)
    return f"{text} (virtual {columns.size(row.size_root)})" if row.size_root else text
