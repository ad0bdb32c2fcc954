"""``system df``: what images, containers and volumes take on the disk, and what could be had back.

Images: unpacked layers and blobs, each counted once, and what broken-off pulls have left. Containers: all in their
directories: what they have written, their logs and records. Bytes are those in the files.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG

from hezi._util.record import NamedTuple
from hezi.db import containers
from hezi.db import images as tables
from hezi.db import layers as layer_rows
from hezi.engine.images import listing
from hezi.engine.images.opening import opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from sqlite3 import Connection

    from hezi.engine.containers.model import ContainerSummary
    from hezi.engine.paths import Paths
    from hezi.engine.results import ImageSummary
    from hezi.engine.volumes import Volume


_KEPT_LAYERS = """SELECT COALESCE(SUM(size), 0) FROM layers
    WHERE chain_id IN (SELECT chain_id FROM container_layers)
    OR chain_id IN (SELECT chain_id FROM image_layers WHERE image_id IN (SELECT image_id FROM containers))"""
_KEPT_BLOBS = """SELECT COALESCE(SUM(size), 0) FROM (SELECT DISTINCT digest, size FROM image_blobs
    WHERE image_id IN (SELECT image_id FROM containers))"""


class Part(NamedTuple):
    """A line of ``system df``.

    :ivar active: how many of them are in use.
    :ivar size: bytes of all.
    :ivar reclaimable: bytes that removing what is not in use would give back.
    """

    kind: str
    total: int
    active: int
    size: int
    reclaimable: int


class ImageUsage(NamedTuple):
    """One image. ``shared`` are the bytes of layers that other images have too."""

    image: ImageSummary
    shared: int
    unique: int
    containers: int


class ContainerUsage(NamedTuple):
    """One container, and the bytes in its directory: what it has written, and its logs."""

    container: ContainerSummary
    size: int
    logs: int


class VolumeUsage(NamedTuple):
    """One volume, and how many containers have it."""

    volume: Volume
    links: int
    size: int


class Usage(NamedTuple):
    """Everything. ``layers``, ``blobs`` and ``partial`` are (how many, bytes): what ``images`` consists of."""

    images: Part
    containers: Part
    volumes: Part
    build_cache: Part
    image_list: tuple[ImageUsage, ...]
    container_list: tuple[ContainerUsage, ...]
    volume_list: tuple[VolumeUsage, ...]
    layers: tuple[int, int]
    blobs: tuple[int, int]
    partial: tuple[int, int]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The lines, in docker's order."""
        return self.images, self.containers, self.volumes, self.build_cache


def usage(paths: Paths) -> Usage:
    """See :meth:`hezi.engine.engine.System.df`."""
    from hezi.engine.containers.api import Containers
    from hezi.engine.volumes import Volumes

    boxes = tuple(_container(paths, one) for one in Containers(paths).list(all=True))
    volumes = tuple(_volume(one, boxes) for one in Volumes(paths).list())
    with opened(paths) as store, store.database.read() as connection:
        images = _images(connection)
        layers = [store.driver.usage(chain_id) for chain_id in store.driver.list()]
        blobs = [store.content.size(digest) or 0 for digest in store.content.list()]
        kept = _kept(connection)
    partial = _partial(paths)
    total = sum(layers) + sum(blobs) + partial[1]
    running = [one for one in boxes if one.container.state.running]
    used = [one for one in volumes if one.links]
    in_use = sum(1 for one in images if one.containers)
    return Usage(
        Part("Images", len(images), in_use, total, max(total - kept, 0)),
        _part("Containers", [one.size for one in boxes], [one.size for one in running]),
        _part("Local Volumes", [one.size for one in volumes], [one.size for one in used]),
        Part("Build Cache", 0, 0, 0, 0),
        images,
        boxes,
        volumes,
        (len(layers), sum(layers)),
        (len(blobs), sum(blobs)),
        partial,
    )


def _part(kind: str, sizes: Iterable[int], active: Iterable[int]) -> Part:
    every, used = list(sizes), list(active)
    return Part(kind, len(every), len(used), sum(every), sum(every) - sum(used))


def _images(connection: Connection) -> tuple[ImageUsage, ...]:
    from hezi.engine.images.filters import Choice

    rows: dict[str, ImageSummary] = {}
    for row in listing.rows(connection, Choice(), intermediate=True):
        rows.setdefault(row.image_id, row)
    sizes = {row.chain_id: row.size for row in layer_rows.list_all(connection)}
    chains = {image_id: tables.chain_ids(connection, image_id) for image_id in rows}
    count: dict[str, int] = {}
    for chain in chains.values():
        for layer in chain:
            count[layer] = count.get(layer, 0) + 1
    found = []
    for image_id, row in rows.items():
        shared = sum(sizes.get(layer, 0) for layer in chains[image_id] if count[layer] > 1)
        users = len(containers.using_image(connection, image_id))
        found.append(ImageUsage(row, shared, row.size - shared, users))
    return tuple(found)


def _kept(connection: Connection) -> int:
    """The bytes that ``image prune -a`` would leave: those of images that containers have."""
    return sum(int(connection.execute(query).fetchone()[0]) for query in (_KEPT_LAYERS, _KEPT_BLOBS))


def _container(paths: Paths, one: ContainerSummary) -> ContainerUsage:
    size = logs = 0
    for name, info in _files(f"{paths.containers}/{one.id}"):
        size += info.st_size
        logs += info.st_size if ".log" in name else 0
    return ContainerUsage(one, size, logs)


def _volume(one: Volume, boxes: tuple[ContainerUsage, ...]) -> VolumeUsage:
    from hezi.volume import catalog

    links = sum(1 for box in boxes if one.name in box.container.mounts)
    return VolumeUsage(one, links, catalog.usage(one.path))


def _partial(paths: Paths) -> tuple[int, int]:
    sizes = [info.st_size for _, info in _files(f"{paths.root}/ingest")]
    return len(sizes), sum(sizes)


def _files(directory: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files and links below a directory, hard links once; no link is followed, what vanishes is left out.

    The name of one inside a container's own tree comes empty: it is the container's to choose.
    """
    seen: set[tuple[int, int]] = set()
    if not os.path.isdir(directory):
        return
    for place, _, files, fd in os.fwalk(directory, follow_symlinks=False):
        own = place == directory
        for name in files:
            try:
                info = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except OSError:
                continue
            if S_ISDIR(info.st_mode) or (info.st_dev, info.st_ino) in seen:
                continue
            if info.st_nlink > 1:
                seen.add((info.st_dev, info.st_ino))
            yield (name if own and S_ISREG(info.st_mode) else ""), info
