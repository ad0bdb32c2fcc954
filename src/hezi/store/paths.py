"""Where things are below the root, and the lock that orders removal against everything else.

root/store.lock   held shared while a blob, a layer or an image is put in place or found present and leased,
                  exclusively while unused ones are looked up and taken out of their places
root/content/     an OCI image layout               hezi.store.content
root/ingest/      downloads under way               hezi.store.ingest
root/layers/      unpacked layers by chain id       hezi.store.snapshot
"""

from __future__ import annotations

import os

from hezi import errors
from hezi._util import atomic
from hezi._util.lock import FileLock

_LOCK = "store.lock"


def open_directory(root: str, name: str) -> int:
    """Open ``root/name``, made with mode 0700 if missing.

    :raises hezi.errors.Error: it cannot be made or opened.
    """
    path = os.path.join(root, name)
    try:
        try:
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            atomic.make_private_dir(path)
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        doing = "cannot open the store"
        raise errors.from_os_error(doing, error, hint="run as root, or set HEZI_ROOT") from error


def store_lock(root: str, *, shared: bool) -> FileLock:
    """Return the lock of the store, not yet held; hold it for renames and transactions, never for a transfer."""
    return FileLock(None, os.path.join(root, _LOCK), shared=shared)
