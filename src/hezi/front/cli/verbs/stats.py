"""``hezi stats`` and ``hezi container stats``."""

from __future__ import annotations

from hezi._util.size import binary
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.engine.containers.stats import Stats
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session
    from hezi.front.cli.template.values import Record

VERB = Verb(
    "[OPTIONS] [CONTAINER...]",
    "Show what containers use",
    options=(
        Option("all", "bool", "Show those that do not run too", short="a"),
        Option("format", help='Print by a Go template; "table TEMPLATE" and "json" too'),
        Option("no-stream", "bool", "Look once and end"),
        Option("no-trunc", "bool", "Show ids in full"),
    ),
    arguments=(0, None),
).documented(
    ("stats", "All that run, again and again; the interrupt key ends it"),
    ("stats --no-stream --format '{{.Name}}: {{.MemUsage}}'", "Once, as you want it"),
    spellings=("container stats", "stats"),
)
_HEADERS = {
    "Container": "CONTAINER",
    "ID": "CONTAINER ID",
    "Name": "NAME",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
    "PIDs": "PIDS",
}
_TABLE = "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"
_TOP_LEFT, _ERASE_LINE, _ERASE_BELOW = "\033[H", "\033[K", "\033[J"


def call(session: Session, parsed: Parsed) -> int:
    """Print the table, once or again and again in the same place of the terminal."""
    fmt = parsed.text("format") or "table"
    fmt = _TABLE if fmt == "table" else fmt
    full = parsed.flag("no-trunc")
    names = parsed.args
    from hezi.engine.containers import api, stats

    with api.opened(session.engine.paths) as database:
        if parsed.flag("no-stream"):
            interval, everything = api.STATS_INTERVAL, parsed.flag("all")
            found = stats.once(
                session.engine.paths, database, names, all_states=everything, interval=interval, meanwhile=_load
            )
            print(_text(found, fmt, full=full), end="")
            return 0
        for found in stats.stream(session.engine.paths, database, names, all_states=parsed.flag("all")):
            lines = _text(found, fmt, full=full).splitlines()
            print(_TOP_LEFT + "".join(f"{line} {_ERASE_LINE}\n" for line in lines) + _ERASE_BELOW, end="", flush=True)
            if names and not found:
                break
    return 0


def _load() -> None:
    """Import what printing takes, while there is something to wait for."""
    from hezi.front.cli import columns
    from hezi.front.cli.template import formats

    del columns, formats


def _text(found: Sequence[Stats], fmt: str, *, full: bool) -> str:
    from hezi.front.cli.template import formats

    return formats.format_records(fmt, [_record(one, full=full) for one in found], _HEADERS)


def _record(one: Stats, *, full: bool) -> Record:
    from hezi.front.cli import columns
    from hezi.front.cli.template.values import Record

    fields: dict[str, object] = {
        "BlockIO": f"{columns.size(one.read)} / {columns.size(one.written)}",
        "CPUPerc": f"{one.cpu_percent:.2f}%",
        "Container": one.asked,
        "ID": one.id if full else one.id[:12],
        "MemPerc": f"{one.memory_percent:.2f}%",
        "MemUsage": f"{binary(one.memory)} / {binary(one.memory_limit)}",
        "Name": one.name,
        "NetIO": f"{columns.size(one.net_received)} / {columns.size(one.net_sent)}",
        "PIDs": str(one.pids),
    }
    return Record(fields, type_name="*container.statsContext")
