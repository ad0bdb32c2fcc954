"""What killed imports and commits have left: it goes when somebody begins something new."""

from __future__ import annotations

from hezi.spec.digest import Digest
from hezi.store import lease, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.store.model import Store


def collect(store: Store) -> None:
    """Remove what killed imports and commits have left, as soon as somebody begins something new.

    :raises hezi.errors.Error: something cannot be removed.
    """
    with store.database.read() as connection:
        if not lease.any_abandoned(connection):
            return
    detached = []
    with paths.store_lock(store.root, shared=False):
        with store.database.removal() as connection:
            left = lease.end_dead(connection)
        detached = [store.driver.detach(Digest(value)) for value in left.layers]
        for value in left.blobs:
            store.content.delete(Digest(value))
    for name in detached:
        store.driver.purge(name)
