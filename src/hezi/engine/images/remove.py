"""``rmi`` and ``tag``."""

from __future__ import annotations

from hezi import errors
from hezi.engine.images.opening import opened
from hezi.engine.results import RemovedImages
from hezi.spec.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from hezi.engine.paths import Paths
    from hezi.store.model import Removed


def remove(paths: Paths, name: str, *, force: bool, parents: bool = True, platform: str | None = None) -> RemovedImages:
    """See :meth:`hezi.engine.engine.Images.remove`."""
    from hezi.engine import recover
    from hezi.spec.platform import Platform
    from hezi.store import removal

    if not name:
        raise errors.Error(errors.NOT_FOUND, "no image is called ''")
    if not name.strip():
        raise errors.Error(errors.INVALID, "image name cannot be blank")
    with opened(paths) as store:
        # A container of a killed run must not hold its image for ever.
        recover.sweep(paths, store.database)
        wanted = Platform.parse(platform) if platform else None
        done = removal.remove(store, name, force=force, parents=parents, platform=wanted)
    result = as_result(done)
    tell(paths, result)
    return result


def tell(paths: Paths, done: RemovedImages) -> None:
    """Record what was removed, as docker does: by the id of the image, whatever names went."""
    from hezi.engine import events

    for _ in done.untagged:
        events.tell(paths, events.IMAGE, "untag", done.id, {"name": done.id})
    if done.deleted:
        events.tell(paths, events.IMAGE, "delete", done.deleted[0], {"name": done.deleted[0]})


def as_result(done: Removed) -> RemovedImages:
    """Return what the store has done as the engine's callers see it."""
    return RemovedImages(done.untagged, tuple(str(digest) for digest in done.deleted), done.freed, done.id)


def tag(paths: Paths, source: str, target: str) -> None:
    """See :meth:`hezi.engine.engine.Images.tag`."""
    reference = _target(target)
    if not source:
        _refuse(source, "invalid reference format")
    with opened(paths) as store:
        image = store.resolve(source)
        store.tag(image, reference, source)
        labels = store.config(image.id).config.labels
    from hezi.engine import events

    events.tell(paths, events.IMAGE, "tag", str(image.id), {**dict(labels), "name": reference.familiar})


def _target(text: str) -> Reference:
    try:
        reference = Reference.parse(text)
    except errors.Error as error:
        _refuse(text, error.message)
    if reference.digest is not None:
        raise errors.Error(errors.INVALID, "refusing to create a tag with a digest reference")
    reference.refuse_ambiguous()
    return reference.with_default_tag()


def _refuse(text: str, why: str) -> NoReturn:
    raise errors.Error(errors.INVALID, f'"{text}" is not a valid repository/tag: {why}')
