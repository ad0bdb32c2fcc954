"""``hezi history`` and ``hezi image history``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.images.history import Step
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session
    from hezi.front.cli.template.values import Record

VERB = Verb(
    "[OPTIONS] IMAGE",
    "Show how an image was made, newest step first",
    options=(
        Option("format", help='Print by a Go template; "table TEMPLATE" and "json" too'),
        Option("human", "bool", "Sizes and ages for people (default true); --human=false for programs", short="H"),
        Option("no-trunc", "bool", "Show ids and commands in full"),
        Option("platform", help="Which image, where a name has several (os/arch[/variant])"),
        Option("quiet", "bool", "Show ids only", short="q"),
    ),
    arguments=(1, 1),
).documented(
    ("history busybox", "The steps, and how much each has added"),
    ("history --no-trunc --format '{{.CreatedBy}}' busybox", "The instructions as they were written"),
    spellings=("image history", "history"),
)

_HEADERS = {
    "ID": "IMAGE",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "Size": "SIZE",
    "Comment": "COMMENT",
}
_LONGEST_COMMAND = 45


def call(session: Session, parsed: Parsed) -> int:
    """Print the table, ids, or what the template says."""
    steps = session.engine.images.history(parsed.args[0], platform=parsed.text("platform"))
    fmt = parsed.text("format") or ""
    human = parsed.flag("human") or not parsed.given("human")
    records = [_fields(step, human=human, full=parsed.flag("no-trunc")) for step in steps]
    if parsed.flag("quiet") and fmt in {"", "table"}:
        for record in records:
            print(record["ID"])
        return 0
    if fmt in {"", "table"}:
        from hezi.front.cli import columns

        names = ("ID", "CreatedSince" if human else "CreatedAt", "CreatedBy", "Size", "Comment")
        lines = [tuple(_HEADERS[name] for name in names)]
        lines += [tuple(record[name] for name in names) for record in records]
        print(columns.table(lines))
        return 0
    from hezi.front.cli.template import formats

    print(formats.format_records(fmt, [_record(record) for record in records], _HEADERS), end="")
    return 0


def _fields(step: Step, *, human: bool, full: bool) -> dict[str, str]:
    from hezi._util import clock
    from hezi.front.cli import columns, times

    command = step.created_by.replace("\t", " ")
    if not full and len(command) > _LONGEST_COMMAND:
        command = command[: _LONGEST_COMMAND - 1] + "…"
    moment = times.rfc3339(step.created) if step.created else ""
    age = f"{clock.span(clock.now_ns() - step.created)} ago" if step.created else "N/A"
    return {
        "Comment": step.comment,
        "CreatedAt": moment,
        "CreatedBy": command,
        "CreatedSince": age if human else moment,
        "ID": step.image_id if full else step.image_id.removeprefix("sha256:")[:12],
        "Size": columns.size(step.size) if human else str(step.size),
    }


def _record(fields: dict[str, str]) -> Record:
    from hezi.front.cli.template.values import Record

    return Record(dict(fields), {})
