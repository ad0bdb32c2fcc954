"""The image to run: from the store, or pulled first, as ``--pull`` says."""

from __future__ import annotations

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.paths import Paths
    from hezi.engine.request import RunRequest
    from hezi.engine.results import ProgressCallback
    from hezi.store.images import ImageStore
    from hezi.store.model import Image

POLICIES = ("always", "missing", "never")


def find(
    paths: Paths,
    store: ImageStore,
    request: RunRequest,
    progress: ProgressCallback | None,
) -> Image:
    """Return the image.

    :raises errors.Error: there is none, none for the platform, or the pull failed.
    """
    if request.pull not in POLICIES:
        text = f'invalid pull option: \'{request.pull}\': must be one of "always", "missing" or "never"'
        raise errors.Error(errors.INVALID, text)
    found = None if request.pull == "always" else _local(store, request)
    if found is not None:
        return found
    if request.pull == "never":
        text = f"No such image: {_familiar(request.image)}"
        raise errors.Error(errors.NOT_FOUND, text, hint="--pull never was given: pull it first, or leave that out")
    from hezi.engine import pull

    if request.pull == "missing" and not request.quiet and progress is not None:
        progress(pull.step(f"Unable to find image '{_familiar(request.image)}' locally"))
    done = pull.pull(paths, request.image, platform=request.platform, progress=progress, store=store)
    if request.pull == "missing" and not request.quiet and progress is not None:
        progress(pull.step(f"Digest: {done.digest}"))
        progress(pull.step(done.status))
    image = store.by_id(pull.image_id(done))
    if image is None:
        text = f"image {request.image} was removed while it was pulled"
        raise errors.Error(errors.CONFLICT, text)
    return image


def _familiar(name: str) -> str:
    from hezi.spec.reference import Reference

    return Reference.parse(name).with_default_tag().familiar


def _local(store: ImageStore, request: RunRequest) -> Image | None:
    try:
        found = store.resolve(request.image)
    except errors.Error as error:
        if error.kind == errors.NOT_FOUND:
            return None
        raise
    if not request.platform:
        return found  # any will do, as with docker
    from hezi.spec.platform import Platform

    return store.for_platform(found, Platform.parse(request.platform), request.image)
