"""What ``ps`` shows: newest first, filtered as docker filters."""

from __future__ import annotations

from hezi import errors
from hezi._util import clock
from hezi.db import containers, platforms
from hezi.db import images as image_rows
from hezi.db import networks as network_rows
from hezi.engine import find_container, held, network_view, record
from hezi.engine.containers import disk, filters, states
from hezi.engine.containers.model import ContainerSummary, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from sqlite3 import Connection

    from hezi.db.connection import Database
    from hezi.db.containers import ContainerRow
    from hezi.db.networks import PortRow
    from hezi.engine.paths import Paths
    from hezi.engine.record import Details


def summaries(
    paths: Paths,
    database: Database,
    *,
    all_states: bool = False,
    texts: Iterable[str] = (),
    limit: int = -1,
    sizes: bool = False,
) -> tuple[ContainerSummary, ...]:
    """See :meth:`hezi.engine.containers.api.Containers.list`."""
    wanted = filters.read(texts, filters.PS_KEYS)
    filters.check(wanted)
    everything = all_states or limit > 0 or "status" in wanted
    with database.read() as connection:
        rows = [row for row in containers.list_all(connection) if row.state != containers.NEW]
        images = _Images(connection)
        ancestors = images.ids(wanted["ancestor"]) if "ancestor" in wanted else None
        rows = _between(connection, rows, wanted)
        chosen = []
        now = clock.now_ns()
        boot = held.boot()
        published = _published(connection)
        for row in rows:
            if ancestors is not None and row.image_id not in ancestors:
                continue
            details = record.decode(row.config)
            state = states.of(paths, row, details, boot)
            if not (state.running or everything) or not filters.passes(
                _subject(row, details, state, published.get(row.id, [])), wanted
            ):
                continue
            shown = _summary(row, details, state, images.shown(row), now)
            if state.running:
                shown = shown._replace(ports=network_view.ports_line(connection, row.id, published, details))
            chosen.append(shown)
            if len(chosen) == limit:
                break
        if sizes:
            chosen = [_with_sizes(paths, connection, one) for one in chosen]
    return tuple(chosen)


class _Images:
    """What the names that containers were made from mean by now."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, str | None] = {}

    def _id(self, name: str) -> str | None:
        """Return the id of the image that a name or an id means."""
        if name not in self._known:
            self._known[name] = self._look_up(name)
        return self._known[name]

    def _look_up(self, text: str) -> str | None:
        from hezi.spec.reference import Reference

        bare = text.removeprefix("sha256:")
        if bare and set(bare) <= set("0123456789abcdef"):
            found = image_rows.by_prefix(self._connection, f"sha256:{bare}")
            if len(found) == 1:
                return found[0]
        try:
            reference = Reference.parse(text)
        except errors.Error:
            return None
        if reference.digest is not None:
            known = image_rows.digest(self._connection, reference.name, str(reference.digest))
            return known.image_id if known else None
        row = image_rows.name(self._connection, str(reference.with_default_tag()))
        return row.image_id if row else None

    def ids(self, names: Iterable[str]) -> set[str | None]:
        found = {self._id(name) for name in names} - {None}
        return found | {row.image_id for name in names for row in platforms.of_name(self._connection, _full(name))}

    def shown(self, row: ContainerRow) -> str:
        if self._id(row.image_name) == row.image_id:
            return row.image_name
        # It may be the name's image for another platform.
        beside = {one.reference for one in platforms.of_image(self._connection, row.image_id)}
        return row.image_name if _full(row.image_name) in beside else row.image_id


def _full(name: str) -> str:
    """Return a name with all its parts; what is none as it is."""
    from hezi.spec.reference import Reference

    try:
        return str(Reference.parse(name).with_default_tag())
    except errors.Error:
        return name


def _between(connection: Connection, rows: list[ContainerRow], wanted: Mapping[str, list[str]]) -> list[ContainerRow]:
    """Leave those made before and since the named containers; rows are newest first."""
    if "before" in wanted:
        mark = find_container.find(connection, wanted["before"][-1]).id
        rows = rows[[row.id for row in rows].index(mark) + 1 :]
    if "since" in wanted:
        mark = find_container.find(connection, wanted["since"][-1]).id
        position = next((number for number, row in enumerate(rows) if row.id == mark), 0)
        rows = rows[:position]
    return rows


def _published(connection: Connection) -> dict[str, list[PortRow]]:
    found: dict[str, list[PortRow]] = {}
    for row in network_rows.leading_ports(connection):
        found.setdefault(row.container_id, []).append(row)
    return found


def _subject(row: ContainerRow, details: Details, state: State, published: list[PortRow]) -> filters.Subject:
    return filters.Subject(
        id=row.id,
        name=row.name,
        image_id=row.image_id,
        status=state.status,
        health=str(state.health["Status"]) if state.health else "none",
        started=bool(state.started_ns),
        running=state.running,
        exit_code=state.exit_code,
        labels=details.labels,
        network=network(details),
        mounts=details.mounts,
        published=tuple((row.host_port, row.protocol) for row in published),
        exposed=details.exposed,
    )


def network(details: Details) -> str:
    """Return the names of the container's networks, with commas between."""
    return ",".join(name_of(text) for text in networks(details) if not text.startswith("container:"))


def networks(details: Details) -> tuple[str, ...]:
    """Return what was said of each network that a container is connected to."""
    request = details.request
    if request.get("plugged") is not None:
        return record.texts(request, "plugged")
    return (str(request.get("network") or "bridge"), *record.texts(request, "networks"))


def name_of(text: str) -> str:
    """Return the name in what ``--network`` was given."""
    if "=" not in text:
        return "bridge" if text == "default" else text
    return next((part[5:] for part in text.split(",") if part.startswith("name=")), text)


def _summary(row: ContainerRow, details: Details, state: State, image: str, now: int) -> ContainerSummary:
    names = tuple(str(mount.get("Name") or mount["Source"]) for mount in details.mounts if mount["Type"] != "tmpfs")
    return ContainerSummary(
        id=row.id,
        name=row.name,
        image=image,
        image_id=row.image_id,
        command=command_line(details.args),
        created_ns=row.created_ns,
        state=state,
        status=states.describe(state, now),
        labels=details.labels,
        mounts=names,
        local_volumes=sum(mount["Type"] == "volume" for mount in details.mounts),
        network=network(details),
    )


def command_line(args: Iterable[str]) -> str:
    """Join a command as docker shows it: arguments with blanks in single quotes."""
    return " ".join(f"'{arg}'" if " " in arg else arg for arg in args)


def _with_sizes(paths: Paths, connection: Connection, one: ContainerSummary) -> ContainerSummary:
    own = disk.written(paths, one.id)
    image = image_rows.get(connection, one.image_id)
    return one._replace(size_rw=own, size_root=own + (image.size if image else 0))
