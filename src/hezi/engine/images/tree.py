"""``image tree``: layers as they stand on each other, and which images share them; ``image ls --tree``."""

from __future__ import annotations

from hezi._util.record import NamedTuple
from hezi.db import containers, platforms
from hezi.db import images as tables
from hezi.db import layers as layer_rows
from hezi.engine.images import filters as rules
from hezi.engine.images import listing
from hezi.engine.images.familiar import familiar
from hezi.engine.images.opening import opened
from hezi.store import find
from hezi.store.platforms import of as stands_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from sqlite3 import Connection

    from hezi.engine.paths import Paths


class TreeLayer(NamedTuple):
    """One layer.

    :ivar depth: how many layers are below it.
    :ivar last: for it and each one below, whether it is the last of its parent's: what the lines of a drawing need.
    :ivar size: bytes in its files.
    :ivar images: names of the images of which it is the top, or short ids of those without a name.
    :ivar shared_by: how many images have it.
    """

    chain_id: str
    depth: int
    last: tuple[bool, ...]
    size: int
    images: tuple[str, ...]
    shared_by: int


class Footprint(NamedTuple):
    """What an image takes on the disk, in bytes.

    :ivar usage: its unpacked layers and its blobs.
    :ivar content: its blobs: what a registry has of it.
    :ivar in_use: a container has it.
    :ivar beside: what the same names have for other platforms; it is not counted in the image's own bytes.
    """

    names: tuple[str, ...]
    image_id: str
    platform: str
    usage: int
    content: int
    in_use: bool
    beside: tuple[Footprint, ...] = ()


def tree(paths: Paths, names: Sequence[str] = ()) -> tuple[TreeLayer, ...]:
    """See :meth:`hezi.engine.engine.Images.tree`."""
    with opened(paths) as store, store.database.read() as connection:
        wanted = {str(find.resolve(connection, name).id) for name in names}
        chains = {row.id: tables.chain_ids(connection, row.id) for row in tables.list_all(connection)}
        sizes = {row.chain_id: row.size for row in layer_rows.list_all(connection)}
        called = _called(connection)
    shown = {layer for image, chain in chains.items() if not wanted or image in wanted for layer in chain}
    children: dict[str, list[str]] = {}
    shared: dict[str, int] = {}
    tops: dict[str, list[str]] = {}
    for image, chain in chains.items():
        for below, layer in zip(("", *chain), chain, strict=False):
            shared[layer] = shared.get(layer, 0) + 1
            if layer in shown and layer not in children.setdefault(below, []):
                children[below].append(layer)
        if chain:
            tops.setdefault(chain[-1], []).extend(called.get(image, [image[7:19]]))
    found: list[TreeLayer] = []

    def visit(parent: str, last: tuple[bool, ...]) -> None:
        group = children.get(parent, [])
        for number, layer in enumerate(group):
            where = (*last, number == len(group) - 1)
            names_here = tuple(sorted(tops.get(layer, ())))
            found.append(TreeLayer(layer, len(last), where, sizes.get(layer, 0), names_here, shared[layer]))
            visit(layer, where)

    visit("", ())
    return tuple(found)


def _called(connection: Connection) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in tables.names(connection):
        name = f"{familiar(row.name)}:{row.tag}"
        found.setdefault(row.image_id, []).append(name)
        for one in platforms.of_name(connection, row.reference):
            image = tables.get(connection, one.image_id)
            if image is not None:
                found.setdefault(one.image_id, []).append(f"{name} ({stands_for(image)})")
    return found


def footprints(paths: Paths, name: str | None, *, intermediate: bool, filters: Iterable[str]) -> tuple[Footprint, ...]:
    """Return what the images of a listing take on the disk, newest first."""
    with opened(paths) as store, store.database.read() as connection:
        choice = rules.read(filters, rules.LIST_KEYS, name, connection)
        rows = listing.rows(connection, choice, intermediate=intermediate)
        names: dict[str, list[str]] = {}
        for row in rows:
            text = f"{row.repository}:{row.tag}" if row.tag != listing.NONE or not row.digest else ""
            names.setdefault(row.image_id, []).append(text or f"{row.repository}@{row.digest}")
        return tuple(_with_beside(connection, image_id, tuple(texts)) for image_id, texts in names.items())


def _with_beside(connection: Connection, image_id: str, names: tuple[str, ...]) -> Footprint:
    ids: dict[str, None] = {}
    for row in tables.names(connection, image_id):
        if f"{familiar(row.name)}:{row.tag}" in names:
            ids.update((one.image_id, None) for one in platforms.of_name(connection, row.reference))
    beside = tuple(_footprint(connection, one, ()) for one in ids)
    return _footprint(connection, image_id, names)._replace(beside=beside)


def _footprint(connection: Connection, image_id: str, names: tuple[str, ...]) -> Footprint:
    row = tables.get(connection, image_id)
    content = sum(blob.size for blob in tables.blobs(connection, image_id))
    if row is None:
        return Footprint(names, image_id, "", content, content, in_use=False)
    used = bool(containers.using_image(connection, image_id))
    return Footprint(names, image_id, str(stands_for(row)), row.size + content, content, used)
