"""Local volumes: ``volumes/<name>/_data`` below the engine's root.

A volume is its directory; there is no second record of it. ``meta.json`` beside ``_data`` keeps labels and whether it
is anonymous. A volume whose ``_data`` is there is complete: it is made under another name and renamed. Whoever makes
one holds ``volumes.lock`` shared; what has a name of that kind when nobody does was left by a killed process.
"""

from __future__ import annotations

import errno
import os

from hezi import errors
from hezi._util import atomic
from hezi._util.lock import FileLock
from hezi._util.record import NamedTuple
from hezi.volume.names import check_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


# Beside meta.json: somebody else may have the volume, or it stands for something that is not its own.
KEPT = "kept"


class Volume(NamedTuple):
    """A volume of the host.

    :ivar path: its data directory.
    :ivar created: whether the call that returned this made it.
    """

    name: str
    path: str
    created: bool


def data_path(volumes: str, name: str) -> str:
    """Return where the data of a volume is or would be."""
    return f"{volumes}/{check_name(name)}/_data"


def ensure(
    volumes: str,
    name: str,
    *,
    anonymous: bool,
    labels: Iterable[tuple[str, str]] = (),
    options: Iterable[tuple[str, str]] = (),
) -> Volume:
    """Return the volume, made when it is missing.

    :param volumes: the directory of all volumes, made when it is missing.
    :param options: of the driver, checked by the caller; kept for :mod:`hezi.volume.catalog`.
    :raises errors.Error: a bad name, or the directory cannot be made.
    """
    path = data_path(volumes, name)
    if os.path.isdir(path):
        return Volume(name, path, created=False)
    try:
        atomic.make_private_dir(volumes)
        with FileLock(None, _lock_name(volumes), shared=True):
            return Volume(name, path, created=_make(volumes, name, anonymous, dict(labels), dict(options)))
    except OSError as error:
        doing = f"cannot create volume {name}"
        raise errors.from_os_error(doing, error) from error


def has_options(volumes: str, name: str) -> bool:
    """Whether a volume stands for something else than its own directory; costs one system call."""
    return os.path.lexists(f"{volumes}/{name}/{KEPT}")


def keep(volumes: str, name: str) -> None:
    """Mark a volume that is not to be removed without asking who else has it.

    :raises errors.Error: the mark cannot be made.
    """
    try:
        os.close(os.open(f"{volumes}/{check_name(name)}/{KEPT}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except FileNotFoundError:
        return  # it is not there yet, or not any more
    except OSError as error:
        doing = f"cannot mark volume {name}"
        raise errors.from_os_error(doing, error) from error


def _make(volumes: str, name: str, anonymous: bool, labels: dict[str, str], options: dict[str, str]) -> bool:
    import json

    parent = os.open(volumes, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    temporary = f".{name[:100]}.{os.urandom(4).hex()}"
    try:
        os.mkdir(temporary, 0o700, dir_fd=parent)
        own = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            meta: dict[str, object] = {"Name": name, "Anonymous": anonymous, "Labels": labels}
            if options:
                meta["Options"] = options
                os.close(os.open(KEPT, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=own))
            atomic.write_file(own, "meta.json", json.dumps(meta).encode())
            os.mkdir("_data", 0o755, dir_fd=own)
            os.chmod("_data", 0o755, dir_fd=own)  # noqa: S103 - as docker; the directory above is 0700
        finally:
            os.close(own)
        if not _put(parent, temporary, name, data_path(volumes, name)):
            return False
        os.fsync(parent)
    finally:
        atomic.remove_tree(parent, temporary)
        os.close(parent)
    return True


def _put(parent: int, temporary: str, name: str, path: str) -> bool:
    """Rename a volume into its place; False when somebody else's is there."""
    while True:
        try:
            # rename(2) puts a directory over an empty one only: a volume that somebody else has just made stays.
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except OSError as error:
            if os.path.isdir(path):
                return False
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            # It was there, and was removed before we looked.
            continue
        return True


def sweep(volumes: str) -> None:
    """Remove what killed processes left half-made; nothing while somebody makes a volume.

    :raises OSError: something cannot be removed.
    """
    try:
        parent = os.open(volumes, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    lock = FileLock(None, _lock_name(volumes), blocking=False)
    try:
        if lock.acquire():
            for name in os.listdir(parent):
                if name.startswith("."):  # no volume's name does
                    atomic.remove_tree(parent, name)
    finally:
        lock.release()
        os.close(parent)


def _lock_name(volumes: str) -> str:
    return f"{volumes}.lock"


def remove(volumes: str, name: str) -> None:
    """Remove a volume and all that is in it; a missing one is no error.

    :raises errors.Error: something cannot be removed.
    """
    check_name(name)
    try:
        parent = os.open(volumes, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if has_options(volumes, name):
            from hezi.volume import mounted

            # What stands for it is not its own.
            mounted.detach(f"{volumes}/{name}/_data")
        # First out of its place in one step: a volume is there whole or not at all.
        aside = f".rm-{os.urandom(8).hex()}"
        os.rename(name, aside, src_dir_fd=parent, dst_dir_fd=parent)
        atomic.remove_tree(parent, aside)
    except FileNotFoundError:
        return
    except OSError as error:
        doing = f"cannot remove volume {name}"
        raise errors.from_os_error(doing, error) from error
    finally:
        os.close(parent)
