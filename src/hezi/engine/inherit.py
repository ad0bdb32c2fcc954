"""What a request names of other containers and images, looked up once, when the container is made.

``--volumes-from`` becomes the mounts themselves, and the name of an image that is mounted its id: a container that is
started again has the same, whatever became of the others.
"""

from __future__ import annotations

from hezi import errors
from hezi.engine import parse_mount, parse_volume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hezi.engine.parse_volume import MountAsk
    from hezi.engine.request import RunRequest
    from hezi.store.images import ImageStore


def resolve(store: ImageStore, request: RunRequest) -> RunRequest:
    """Return the request with other containers' mounts and ids of images in it.

    :raises errors.Error: docker's texts: no such container or image, a wrong mode.
    """
    if request.volumes_from:
        wanted = [parse_volume.parse_volumes_from(text) for text in request.volumes_from]
        found = [ask for name, readonly in wanted for ask in _mounts_of(store, name, readonly=readonly)]
        request = request._replace(inherited=tuple(map(parse_volume.dump, found)))
    if any("image" in text.lower() for text in request.mount):
        request = request._replace(mount=tuple(_with_id(store, text) for text in request.mount))
    return request


def _mounts_of(store: ImageStore, name: str, *, readonly: bool) -> list[MountAsk]:
    from hezi.engine import record
    from hezi.engine.rootfs import target

    details = record.decode(target.find(store, name).config)
    asks = [_ask(point, own=details.volumes) for point in details.mounts]
    return [ask._replace(readonly=ask.readonly or readonly) for ask in asks]


def _ask(point: Mapping[str, object], own: tuple[str, ...]) -> MountAsk:
    """Return the mount that a point of :mod:`hezi.engine.mount_points` tells of; it is filled from no image again."""
    more = point.get("Ask")
    name = str(point.get("Name") or "")
    ask = parse_volume.MountAsk(
        str(point["Type"]),
        name or str(point.get("Source") or ""),
        str(point["Destination"]),
        point.get("RW") is False,
        str(point.get("Propagation") or "") if point["Type"] == "bind" else "",
    )
    if isinstance(more, str):
        ask = parse_volume.load(more)._replace(source=ask.source)
    anonymous = ask.anonymous or name in own
    return ask._replace(copy=False, make_source=False, origin="--volumes-from", mode="", anonymous=anonymous)


def layers(store: ImageStore, asks: Sequence[MountAsk]) -> tuple[str, ...]:
    """Return the layers of images that are mounted, which must stay as long as the container does."""
    from hezi.spec.digest import Digest

    return tuple(layer for ask in asks if ask.type == "image" for layer in store.unpacked(Digest(ask.source)))


def keep(volumes: str, request: RunRequest) -> None:
    """Mark the anonymous volumes that were another container's: they must not go with that one any more."""
    from hezi.volume import local

    for ask in map(parse_volume.load, request.inherited):
        if ask.anonymous:
            local.keep(volumes, ask.source)


def _with_id(store: ImageStore, text: str) -> str:
    ask = parse_mount.parse_mount(text)
    if ask.type != "image":
        return text
    try:
        image_id = store.resolve(ask.source).id
    except errors.Error as error:
        if error.kind != errors.NOT_FOUND:
            raise
        hint = f"pull it first: hezi pull {ask.source}"
        raise errors.Error(errors.NOT_FOUND, f"No such image: {ask.source}", hint=hint) from error
    parts = parse_mount.fields(text)
    changed = [f"source={image_id}" if part.partition("=")[0].lower() in {"source", "src"} else part for part in parts]
    return parse_mount.joined(changed)
