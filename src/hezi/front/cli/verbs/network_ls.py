"""``hezi network ls``."""

from __future__ import annotations

from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session
    from hezi.front.cli.template.values import Record
    from hezi.network.model import Network

VERB = Verb(
    "[OPTIONS]",
    "List networks",
    options=(
        Option("filter", "filter", "Show only those that pass (KEY=VALUE)", short="f", check=values.filter_text),
        Option("format", help='Print by a Go template; "table TEMPLATE" and "json" too'),
        Option("no-trunc", "bool", "Show ids in full"),
        Option("quiet", "bool", "Show ids only", short="q"),
    ),
).documented(
    ("network ls --filter driver=bridge", "The bridge networks"),
    ("network ls --format '{{.Name}}: {{.Internal}}'", "Which of them lead nowhere"),
    spellings=("network ls", "network list"),
    notes="Filters: dangling driver id label name scope type (builtin|custom).",
)

_HEADERS = {
    "ID": "NETWORK ID",
    "Name": "NAME",
    "Driver": "DRIVER",
    "Scope": "SCOPE",
    "IPv4": "IPV4",
    "IPv6": "IPV6",
    "Internal": "INTERNAL",
    "Labels": "LABELS",
    "CreatedAt": "CREATED AT",
}


def call(session: Session, parsed: Parsed) -> int:
    """Print the table, ids, or what the template says."""
    found = session.engine.networks.list(filters=parsed.texts("filter"))
    fmt = parsed.text("format") or ""
    full = parsed.flag("no-trunc")
    if parsed.flag("quiet") and fmt in {"", "table", "raw"}:
        for one in found:
            print(_id(one, full=full) if fmt != "raw" else f"network_id: {_id(one, full=full)}")
        return 0
    if fmt in {"", "table"}:
        from hezi.front.cli import columns

        rows = [(_id(one, full=full), one.name, one.driver, "local") for one in found]
        print(columns.table([("NETWORK ID", "NAME", "DRIVER", "SCOPE"), *rows]))
        return 0
    from hezi.front.cli.template import formats

    if fmt == "raw":
        fmt = "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n"
    print(formats.format_records(fmt, [_record(one, full=full) for one in found], _HEADERS), end="")
    return 0


def _id(one: Network, *, full: bool) -> str:
    return one.id if full else one.id[:12]


def _record(one: Network, *, full: bool) -> Record:
    from hezi.front.cli.template.values import Record

    on = {True: "true", False: "false"}
    fields: dict[str, object] = {
        "CreatedAt": _created(one.created_ns),
        "Driver": one.driver,
        "ID": _id(one, full=full),
        "IPv4": on[one.ipv4 and bool(one.subnets)],
        "IPv6": on[one.ipv6],
        "Internal": on[one.internal],
        "Labels": ",".join(f"{name}={value}" for name, value in sorted(one.labels.items())),
        "Name": one.name,
        "Scope": "local",
    }
    return Record(fields, {"Label": lambda name: one.labels.get(name, "")})


def _created(nanoseconds: int) -> str:
    import time

    seconds, rest = divmod(nanoseconds, 10**9)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + f"{fraction} +0000 UTC"
