"""``hezi cgroup top``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] [GROUP]",
    "Show what control groups use, live",
    options=(
        Option("all", "bool", "Groups further below too", short="a"),
        Option("count", "int", "How often (default: until it is stopped; without a terminal once)", short="n"),
        Option("json", "bool", "Print JSON, a line for each time", short="J"),
        Option("interval", "duration", "Time between (default 1s)", short="i"),
    ),
    arguments=(0, 1),
).documented(
    ("cgroup top /hezi", "Containers"),
    ("cgroup top -a -n 1", "All groups, once"),
    ("cgroup top -J -n 1 /hezi", "Containers, once, for programs"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Print tables until enough were printed.

    :raises hezi.errors.Error: there is no such group.
    """
    import sys

    from hezi.front.cli import cgroup_names, columns
    from hezi.front.tools import cgroup_top

    text = cgroup_names.group(session, parsed.args[0]) if parsed.args else ""
    live = sys.stdout.isatty()
    count = parsed.number("count")
    interval = max((parsed.number("interval") or 10**9) / 1e9, 0.05)
    tables = cgroup_top.watch(
        text,
        interval,
        count if count is not None else 0 if live else 1,
        cgroup_names.containers(session),
        all_groups=parsed.flag("all"),
    )
    for rows in tables:
        if parsed.flag("json"):
            import json

            text = json.dumps({"groups": [row._asdict() for row in rows]}, ensure_ascii=False)
        else:
            text = columns.table([cgroup_top.HEADER, *(row.cells() for row in rows)])
        sys.stdout.write(("\x1b[H\x1b[2J" if live and not parsed.flag("json") else "") + text + "\n")
        sys.stdout.flush()
    return 0
