"""``system prune``: containers, networks, volumes, images, and what broken-off pulls have left."""

from __future__ import annotations

from hezi import errors
from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hezi.engine.paths import Paths
    from hezi.engine.results import RemovedImages

_KEYS = ("label", "label!", "until")


class SystemPruned(NamedTuple):
    """What was removed: ids of containers, names of networks and volumes, images; and the bytes that gave back."""

    containers: tuple[str, ...]
    networks: tuple[str, ...]
    volumes: tuple[str, ...]
    images: tuple[RemovedImages, ...]
    space: int


def prune(
    paths: Paths,
    *,
    all_images: bool,
    volumes: bool,
    filters: Sequence[str],
    notice: Callable[[str], None] | None,
) -> SystemPruned:
    """See :meth:`hezi.engine.engine.System.prune`."""
    from hezi.engine.containers import filters as rules
    from hezi.engine.containers.api import Containers
    from hezi.engine.images import prune as images
    from hezi.engine.networks import Networks
    from hezi.engine.volumes import Volumes

    wanted = rules.read(filters, _KEYS)
    check_filters(filters, volumes=volumes)
    for text in wanted.get("until", ()):
        rules.until(text)
    # Containers first: what they alone have had is nobody's then.
    boxes = Containers(paths).prune(filters=filters, notice=notice)
    networks = Networks(paths).prune(filters=filters)
    gone: tuple[str, ...] = ()
    space = boxes.space
    if volumes:
        done = Volumes(paths).prune(filters=filters)
        gone, space = done.deleted, space + done.space
    # Nothing that is under way loses anything, whatever its age: it is leased or locked.
    request = images.PruneRequest(all=all_images, filters=tuple(filters))
    removed = images.prune(paths, request, leftovers_s=0.0)
    return SystemPruned(boxes.deleted, networks, gone, removed.images, space + removed.freed)


def check_filters(filters: Sequence[str], *, volumes: bool) -> None:
    """Refuse what cannot go together.

    :raises errors.Error: INVALID, with docker's words.
    """
    if volumes and any(text.partition("=")[0] == "until" for text in filters):
        raise errors.Error(errors.INVALID, 'the "until" filter is not supported with "--volumes"')
