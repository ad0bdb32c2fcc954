"""``hezi images`` and ``hezi image ls``."""

from __future__ import annotations

from hezi.front.cli import values
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.results import ImageSummary
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session
    from hezi.front.cli.template.values import Record

VERB = Verb(
    "[OPTIONS] [REPOSITORY[:TAG]]",
    "List images",
    options=(
        Option("all", "bool", "Show nameless images that others were made from, too", short="a"),
        Option("digests", "bool", "Show digests"),
        Option("filter", "filter", "Show only those that pass (KEY=VALUE)", short="f", check=values.filter_text),
        Option("format", help='Print by a Go template; "table TEMPLATE" and "json" too'),
        Option("no-trunc", "bool", "Show ids in full"),
        Option("quiet", "bool", "Show ids only", short="q"),
        Option("tree", "bool", "Show images with their names, platforms and what they take on the disk"),
    ),
    arguments=(0, 1),
).documented(
    ("images", "All images, newest first"),
    ("images --digests debian", "The tags of one repository, with the digests they were pulled by"),
    ("images -f dangling=true", "Those whose tag has moved on to another image"),
    ("images --format '{{.Repository}}:{{.Tag}} {{.Size}}'", "What you want to know, as you want it"),
    spellings=("image ls", "image list", "images"),
    notes="Filters: before dangling label reference since until. REPOSITORY and reference may have * and ? in them.",
)

HEADERS = {
    "ID": "IMAGE ID",
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "Digest": "DIGEST",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "Size": "SIZE",
    "Containers": "CONTAINERS",
    "VirtualSize": "SIZE",
    "SharedSize": "SHARED SIZE",
    "UniqueSize": "UNIQUE SIZE",
}
_NONE = "<none>"


def call(session: Session, parsed: Parsed) -> int:
    """Print the table, only ids, or what the template says."""
    fmt = parsed.text("format") or ""
    if parsed.flag("tree"):
        from hezi.front.cli.verbs import images_tree

        return images_tree.show(session, parsed)
    if not (parsed.args or fmt not in {"", "table"} or any(map(parsed.given, ("all", "filter", "digests")))):
        return _print_all(session, parsed)
    rows = session.engine.images.list(
        (parsed.args[0] or None) if parsed.args else None,
        intermediate=parsed.flag("all"),
        filters=parsed.texts("filter"),
    )
    full, digests = parsed.flag("no-trunc"), parsed.flag("digests")
    if not (digests or "{{.Digest}}" in fmt):
        rows = tuple([row for row in rows if not row.extra])
    if fmt not in {"", "table"}:
        _print_formatted(rows, fmt, full=full, digests=digests, quiet=parsed.flag("quiet"))
    elif parsed.flag("quiet"):
        for row in rows:
            print(_id(row, full=full))
    else:
        _print_table(rows, full=full, digests=digests)
        _hint(session, sum(row.tag == _NONE for row in rows))
    return 0


def _print_all(session: Session, parsed: Parsed) -> int:
    """Print what there is, all of it: the way on which a thousand images count."""
    rows = session.engine.images.table()
    start, end = (0, None) if parsed.flag("no-trunc") else (7, 19)
    if parsed.flag("quiet"):
        if rows:
            print("\n".join([row[0][start:end] for row in rows]))
        return 0
    from hezi._util.clock import now_ns
    from hezi.engine.images.familiar import familiar
    from hezi.front.cli import columns

    # What is the same in many lines is made once, with the blanks that follow it.
    now = now_ns()
    sizes = {size: columns.size(size) for size in {row[4] for row in rows}}
    names = columns.padded("REPOSITORY", {name: familiar(name) for name in {row[1] for row in rows}})
    made_at = {row[3] for row in rows}
    ages = columns.padded("CREATED", {made: f"{columns.age(now - made)} ago" if made else "N/A" for made in made_at})
    tags = columns.width("TAG", [row[2] for row in rows])
    ids = columns.width("IMAGE ID", [row[0][start:end] for row in rows[:1]])
    lines = [names[None] + "TAG".ljust(tags) + "IMAGE ID".ljust(ids) + ages[None] + "SIZE"]
    lines += [
        names[name] + tag.ljust(tags) + image[start:end].ljust(ids) + ages[made] + sizes[size]
        for image, name, tag, made, size in rows
    ]
    print("\n".join(lines))
    _hint(session, sum(row[2] == _NONE for row in rows))
    return 0


def _print_table(rows: tuple[ImageSummary, ...], *, full: bool, digests: bool) -> None:
    from hezi._util.clock import now_ns
    from hezi.front.cli import columns

    now = now_ns()
    lines: list[tuple[str, ...]] = [
        ("REPOSITORY", "TAG", *(("DIGEST",) if digests else ()), "IMAGE ID", "CREATED", "SIZE")
    ]
    for row in rows:
        age = f"{columns.age(now - row.created)} ago" if row.created else "N/A"
        digest = (row.digest or _NONE,) if digests else ()
        lines.append((row.repository, row.tag, *digest, _id(row, full=full), age, columns.size(row.size)))
    print(columns.table(lines))


def _hint(session: Session, dangling: int) -> None:
    """On a terminal, say what the lines with ``<none>`` are."""
    import sys

    if dangling and sys.stdout.isatty():
        which = "1 image has no tag: it" if dangling == 1 else f"{dangling} images have no tag: theirs"
        session.notice(f"{which} has moved on to another image; '{session.program} image prune' removes such")


def _print_formatted(rows: tuple[ImageSummary, ...], fmt: str, *, full: bool, digests: bool, quiet: bool) -> None:
    from hezi.front.cli.template import formats

    if fmt == "raw":
        fmt = "image_id: {{.ID}}" if quiet else _raw(digests=digests)
    elif digests and fmt.startswith("table") and "{{.Digest}}" not in fmt:
        fmt += "\t{{.Digest}}"
    wanted = digests or "{{.Digest}}" in fmt
    print(formats.format_records(fmt, [_record(row, full=full, digests=wanted) for row in rows], HEADERS), end="")


def _raw(*, digests: bool) -> str:
    digest = "digest: {{.Digest}}\n" if digests else ""
    return (
        f"repository: {{{{.Repository}}}}\ntag: {{{{.Tag}}}}\n{digest}image_id: {{{{.ID}}}}\n"
        "created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n"
    )


def _record(row: ImageSummary, *, full: bool, digests: bool) -> Record:
    from hezi._util.clock import now_ns
    from hezi.front.cli import columns, times
    from hezi.front.cli.template.values import Record

    fields: dict[str, object] = {
        "Containers": "N/A",
        "CreatedAt": times.moment(row.created) if row.created else "N/A",
        "CreatedSince": f"{columns.age(now_ns() - row.created)} ago" if row.created else "N/A",
        "Digest": (row.digest if digests else "") or _NONE,
        "ID": _id(row, full=full),
        "Repository": row.repository,
        "SharedSize": "N/A",
        "Size": columns.size(row.size),
        "Tag": row.tag,
        "UniqueSize": "N/A",
        "VirtualSize": columns.size(row.size, 4),
    }
    return Record(fields, {})


def _id(row: ImageSummary, *, full: bool) -> str:
    return row.image_id if full else row.image_id[7:19]
