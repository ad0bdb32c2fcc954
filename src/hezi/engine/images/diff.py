"""``image diff``: what of the files of one image is otherwise in another.

Both are looked at through read-only views of their stacked layers. A file that is the same inode in both comes from a
layer that they share, so images made from one another are compared as fast as their trees can be walked.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from hezi import errors
from hezi.engine.images.opening import opened
from hezi.store import compare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hezi.engine.paths import Paths
    from hezi.spec.digest import Digest
    from hezi.store.compare import FileChange
    from hezi.store.images import ImageStore


def diff(paths: Paths, first: str, second: str) -> Iterator[FileChange]:
    """See :meth:`hezi.engine.engine.Images.diff`."""
    from hezi.engine import rights

    rights.check()
    with ExitStack() as stack:
        store = stack.enter_context(opened(paths))
        lease = stack.enter_context(store.lease(f"diff {first} {second}"))
        chains = [store.unpacked(store.resolve(name).id) for name in (first, second)]
        lease.protect([], [layer for chain in chains for layer in chain])
        try:
            old, new = (_open(store, chain, stack) for chain in chains)
            yield from compare.compare(old, new)
        except OSError as error:
            doing = "cannot compare the images"
            raise errors.from_os_error(doing, error) from error


def _open(store: ImageStore, chain: tuple[Digest, ...], stack: ExitStack) -> int | None:
    """The root of an image; None for one without layers."""
    fd = store.driver.view(chain)
    if fd is None:
        return None
    stack.callback(os.close, fd)
    # A detached mount is a place, not yet a directory to read.
    root = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
    stack.callback(os.close, root)
    return root
