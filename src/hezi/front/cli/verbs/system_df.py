"""``hezi system df``."""

from __future__ import annotations

from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.disk_usage import ContainerUsage, ImageUsage, Part, Usage, VolumeUsage
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS]",
    "Show what images, containers and volumes take on the disk",
    options=(
        Option("format", help='Print by a Go template; "table TEMPLATE" and "json" too'),
        Option("verbose", "bool", "Show each image, container and volume", short="v"),
    ),
).documented(
    ("system df", "Totals, and what removing unused things would give back"),
    ("system df -v", "Each image with what it shares and what it alone has"),
    spellings=("system df",),
    notes="Images: unpacked layers, blobs and broken-off downloads. Containers: all they have written, and logs.",
)

_HEADERS = {
    "Type": "TYPE",
    "TotalCount": "TOTAL",
    "Active": "ACTIVE",
    "Size": "SIZE",
    "Reclaimable": "RECLAIMABLE",
}
_NONE = "<none>"


def call(session: Session, parsed: Parsed) -> int:
    """Print the totals or the details, as tables or by a template."""
    usage = session.engine.system.df()
    fmt = parsed.text("format") or ""
    if parsed.flag("verbose"):
        if fmt in {"", "table"}:
            _print_details(usage)
        else:
            _print_document(usage, fmt)
        return 0
    if fmt in {"", "table"}:
        from hezi.front.cli import columns

        rows = [tuple(str(value) for value in _fields(part).values()) for part in usage.parts]
        print(columns.table([tuple(_HEADERS.values()), *rows]))
        return 0
    from hezi.front.cli.template import formats
    from hezi.front.cli.template.values import Record

    if fmt == "raw":
        fmt = "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n"
        fmt += "reclaimable: {{.Reclaimable}}\n"
    records = [Record(dict(sorted(_fields(part).items())), {}) for part in usage.parts]
    print(formats.format_records(fmt, records, _HEADERS), end="")
    return 0


def _fields(part: Part) -> dict[str, object]:
    from hezi.front.cli import columns

    reclaimable = columns.size(part.reclaimable, 4)
    # Docker gives the share for what it counts in layers and files, not for its build cache.
    if part.size > 0 and part.kind != "Build Cache":
        reclaimable += f" ({part.reclaimable * 100 // part.size}%)"
    return {
        "Type": part.kind,
        "TotalCount": str(part.total),
        "Active": str(part.active),
        "Size": columns.size(part.size, 4),
        "Reclaimable": reclaimable,
    }


def _image(one: ImageUsage) -> dict[str, object]:
    from hezi._util import clock
    from hezi.front.cli import columns, times

    image = one.image
    created = image.created
    return {
        "Containers": str(one.containers),
        "CreatedAt": times.moment(created) if created else "N/A",
        "CreatedSince": f"{clock.span(clock.now_ns() - created)} ago" if created else "N/A",
        "Digest": "",
        "ID": image.image_id,
        "Repository": image.repository,
        "SharedSize": columns.size(one.shared, 4),
        "Size": columns.size(image.size),
        "Tag": image.tag,
        "UniqueSize": columns.size(one.unique, 4),
        "VirtualSize": columns.size(image.size, 4),
    }


def _container(one: ContainerUsage) -> dict[str, object]:
    from hezi._util import clock
    from hezi.front.cli import columns, times, values

    box = one.container
    return {
        "Command": values.quote(box.command),
        "CreatedAt": times.moment(box.created_ns),
        "ID": box.id,
        "Image": box.image,
        "Labels": ",".join(f"{name}={value}" for name, value in sorted(box.labels.items())),
        "LocalVolumes": str(box.local_volumes),
        "LogSize": columns.size(one.logs, 4),
        "Mounts": ",".join(box.mounts),
        "Names": box.name,
        "Networks": box.network,
        "Platform": None,
        "Ports": "",
        "RunningFor": f"{clock.span(clock.now_ns() - box.created_ns)} ago",
        "Size": columns.size(one.size),
        "State": box.state.status,
        "Status": box.status,
    }


def _volume(one: VolumeUsage) -> dict[str, object]:
    from hezi.front.cli import columns

    volume = one.volume
    return {
        "Availability": "N/A",
        "Driver": "local",
        "Group": "N/A",
        "Labels": ",".join(f"{name}={value}" for name, value in sorted(volume.labels.items())),
        "Links": str(one.links),
        "Mountpoint": volume.path,
        "Name": volume.name,
        "Scope": "local",
        "Size": columns.size(one.size, 4),
        "Status": "N/A",
    }


def _print_details(usage: Usage) -> None:
    from hezi.front.cli import columns

    images = [_image(one) for one in usage.image_list]
    names = ("Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers")
    header = ("REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS")
    _section("Images", header, [{**one, "ID": str(one["ID"])[7:19]} for one in images], names)
    boxes = [_container(one) for one in usage.container_list]
    names = ("ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names")
    header = ("CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES")
    short = [{**one, "ID": str(one["ID"])[:12], "Command": _cut(str(one["Command"]))} for one in boxes]
    _section("Containers", header, short, names)
    volumes = [_volume(one) for one in usage.volume_list]
    _section("Local Volumes", ("VOLUME NAME", "LINKS", "SIZE"), volumes, ("Name", "Links", "Size"))
    print("Build cache usage: 0B\n")
    print(columns.table([("CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED")]))
    logs = [one.logs for one in usage.container_list]
    parts = (
        ("Layers", usage.layers),
        ("Blobs", usage.blobs),
        ("Broken-off downloads", usage.partial),
        ("Container logs", (sum(1 for size in logs if size), sum(logs))),
    )
    print("\nStore space usage:\n")
    rows = [(name, str(count), columns.size(size, 4)) for name, (count, size) in parts]
    print(columns.table([("PART", "COUNT", "SIZE"), *rows]))


def _section(title: str, header: tuple[str, ...], rows: list[dict[str, object]], names: tuple[str, ...]) -> None:
    from hezi.front.cli import columns

    print(f"{title} space usage:\n")
    print(columns.table([header, *(tuple(str(row[name]) for name in names) for row in rows)]))
    print()


def _cut(command: str) -> str:
    """The quoted command as docker's table has it: 20 characters between the quotes."""
    inside = command[1:-1]
    return f'"{inside if len(inside) <= 20 else inside[:19] + "…"}"'


def _print_document(usage: Usage, fmt: str) -> None:
    """Execute a template once on everything; as docker, without a line's end of its own."""
    from hezi.front.cli.template import formats
    from hezi.front.cli.template.values import Struct

    document = {
        "Images": [Struct(_image(one)) for one in usage.image_list],
        "Containers": [Struct(_container(one)) for one in usage.container_list],
        "Volumes": [Struct(_volume(one)) for one in usage.volume_list],
        "BuildCache": [],
    }
    print(formats.format_document(fmt, document), end="")
