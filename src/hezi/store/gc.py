"""Collecting what nobody needs and nobody removed: the remains of killed processes and broken-off pulls.

What a pull has completed before it was broken off is worth keeping for the next try, so blobs, layers and partial
downloads that no image needs are collected only when they are older than ``age_s``. Temporary directories of processes
that died go at once; those of living ones are locked. So does what an import or a commit has made that was killed: it
has the time in it, and is made anew.
"""

from __future__ import annotations

import fcntl
import os
import time

from hezi._util.record import NamedTuple
from hezi.db import images, layers, leases
from hezi.spec.digest import Digest
from hezi.store import lease, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.store.images import ImageStore

DAY_S = 86400.0


class Collected(NamedTuple):
    """What was removed: temporary directories, layers, blobs, partial downloads; and the bytes of the last three."""

    temporary: int
    layers: int
    blobs: int
    partial: int
    freed: int


def collect(store: ImageStore, age_s: float = DAY_S) -> Collected:
    """Remove everything that no image, container or lease needs and that is older than ``age_s`` seconds.

    :raises hezi.errors.Error: something cannot be removed.
    """
    driver, content = store.driver, store.content
    before = time.time() - age_s
    detached: list[str] = []
    freed = 0
    with paths.store_lock(store.root, shared=False):
        with store.database.removal() as connection:
            left = lease.end_dead(connection)
            rows = {row.chain_id: row for row in layers.list_all(connection)}
            unused = {value for value in layers.unused(connection) if rows[value].created_ns < before * 1e9}
            for value in unused:
                layers.delete(connection, value)
            kept = (rows.keys() - unused) | leases.items(connection, leases.LAYER)
            blobs = images.unused_blobs(connection, content.list())
        for chain_id in driver.list():
            old = chain_id in left.layers or driver.made_at(chain_id) < before
            if chain_id in unused or (chain_id not in kept and old):
                freed += driver.usage(chain_id)
                detached.append(driver.detach(chain_id))
        gone = [value for value in blobs if value in left.blobs or content.stored_at(Digest(value)) < before]
        for value in gone:
            freed += content.delete(Digest(value))
    for name in detached:
        driver.purge(name)
    partial, partial_bytes = _partial_downloads(store.root, before)
    temporary = driver.sweep()
    return Collected(temporary, len(detached), len(gone), partial, freed + partial_bytes)


def _partial_downloads(root: str, before: float) -> tuple[int, int]:
    directory = paths.open_directory(root, "ingest")
    count = freed = 0
    try:
        for name in os.listdir(directory):
            size = _drop_partial(directory, name, before)
            if size is not None:
                count, freed = count + 1, freed + size
    finally:
        os.close(directory)
    return count, freed


def _drop_partial(directory: int, name: str, before: float) -> int | None:
    """Remove one partial download if it is old and nobody goes on with it; give its size."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except FileNotFoundError:
        return None
    try:
        info = os.fstat(fd)
        if info.st_mtime >= before:
            return None
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=directory)
    except OSError:
        return None
    finally:
        os.close(fd)
    return info.st_size
