"""``history``: how an image was made, step by step, newest first."""

from __future__ import annotations

from hezi import errors
from hezi._util import clock
from hezi._util.record import NamedTuple
from hezi.engine.images import inspect
from hezi.engine.images.opening import opened
from hezi.spec.digest import Digest
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.paths import Paths

MISSING = "<missing>"


class Step(NamedTuple):
    """One step.

    :ivar image_id: of the image that it made, ``<missing>`` when that is not here.
    :ivar created: nanoseconds since the epoch, 0 when the image does not say.
    :ivar size: bytes in the files of its layer, 0 for a step without one.
    :ivar tags: names of that image.
    """

    image_id: str
    created: int
    created_by: str
    size: int
    comment: str
    tags: tuple[str, ...] = ()


def history(paths: Paths, name: str, *, platform: str | None = None) -> tuple[Step, ...]:
    """See :meth:`hezi.engine.engine.Images.history`."""
    with opened(paths) as store:
        image = inspect.resolve(store, name, platform)
        config, chain = store.config(image.id), list(store.chain_ids(image.id))
        steps = []
        for entry in config.history:
            if not entry.empty_layer and not chain:
                text = f"image {image.id.short} has more steps in its history than layers"
                raise errors.Error(errors.CORRUPT, text)
            size = 0 if entry.empty_layer else store.driver.usage(chain.pop(0))
            created = clock.parse_rfc3339(entry.created)
            steps.append(Step(MISSING, created, entry.created_by, size, entry.comment))
        steps.reverse()
        # Ours is the newest; what it was made from made the step before, and so on.
        known = image
        for number, step in enumerate(steps):
            tags = tuple(Reference.parse(text).familiar for text in known.names)
            steps[number] = step._replace(image_id=str(known.id), tags=tags)
            parent = store.by_id(Digest(known.parent)) if known.parent else None
            if parent is None:
                break
            known = parent
    return tuple(steps)
