"""``export``: the whole root file system of a container as a tar archive, without volumes, as docker.

The layers and the changes are mounted once more, read-only and detached: what is mounted inside a running container is
not there, and nothing of the container has a part in it.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from hezi.engine.rootfs import target
from hezi.image import tarwrite
from hezi.image.treewalk import TreeSource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hezi.engine.paths import Paths


def export(paths: Paths, container: str) -> Iterator[bytes | memoryview]:
    """Yield the archive.

    :raises errors.Error: there is no such container, or it cannot be mounted.
    """
    from hezi.engine import container_events, rights
    from hezi.store.images import ImageStore

    rights.check()
    paths.make()
    with ExitStack() as stack:
        store = stack.enter_context(ImageStore(paths.root))
        row = target.find(store, container)
        root = store.driver.view(target.layers_of(store, row), f"{paths.containers}/{row.id}/upper")
        if root is None:
            raise AssertionError
        stack.callback(os.close, root)
        container_events.tell(paths, row, "export")
        yield from tarwrite.stream(TreeSource(root, b""), whole_seconds=True)
