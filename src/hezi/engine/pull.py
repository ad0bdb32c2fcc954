"""Pull: from a registry into the store."""

from __future__ import annotations

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.paths import Paths
    from hezi.engine.results import ProgressCallback, PulledImage


def pull(paths: Paths, name: str, *, platform: str | None, progress: ProgressCallback | None) -> PulledImage:
    """See :meth:`hezi.engine.engine.Images.pull`."""
    raise errors.Error(errors.UNSUPPORTED, "pulling comes with the next commit")


def pull_all(
    paths: Paths, name: str, *, platform: str | None, progress: ProgressCallback | None
) -> tuple[PulledImage, ...]:
    """See :meth:`hezi.engine.engine.Images.pull_all`."""
    raise errors.Error(errors.UNSUPPORTED, "pulling comes with the next commit")
