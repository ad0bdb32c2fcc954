"""The store, opened for one call."""

from __future__ import annotations

from contextlib import closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.paths import Paths
    from hezi.store.images import ImageStore


def opened(paths: Paths) -> closing[ImageStore]:
    """Give the store; a context manager."""
    from hezi.store.images import ImageStore

    paths.make()
    return closing(ImageStore(paths.root))
