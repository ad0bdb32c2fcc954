"""What ``images`` and ``rmi`` show and do."""

from __future__ import annotations

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.paths import Paths
    from hezi.engine.results import ImageSummary, RemovedImages


def summaries(paths: Paths, name: str | None, *, all_names: bool) -> tuple[ImageSummary, ...]:
    """See :meth:`hezi.engine.engine.Images.list`."""
    raise errors.Error(errors.UNSUPPORTED, "the image list comes with the next commit")


def get(paths: Paths, name: str) -> ImageSummary:
    """See :meth:`hezi.engine.engine.Images.get`."""
    raise errors.Error(errors.UNSUPPORTED, "the image list comes with the next commit")


def remove(paths: Paths, name: str, *, force: bool) -> RemovedImages:
    """See :meth:`hezi.engine.engine.Images.remove`."""
    raise errors.Error(errors.UNSUPPORTED, "removing images comes with the next commit")
