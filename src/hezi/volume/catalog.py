"""Which volumes there are, and what is known of each: from their directories, which are the only record.

``meta.json`` is read with a limit and without following a link; a volume whose file is missing or damaged is a volume
all the same, named and without labels.
"""

from __future__ import annotations

import json
import os

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.volume import options as volume_options
from hezi.volume.names import check_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_META = 1 << 20


class Details(NamedTuple):
    """A volume.

    :ivar path: its data directory, where docker's users look for it.
    :ivar created_ns: nanoseconds since the epoch.
    :ivar options: of the driver: ``type``, ``o``, ``device``.
    """

    name: str
    path: str
    created_ns: int
    anonymous: bool
    labels: Mapping[str, str]
    options: Mapping[str, str]

    @property
    def source(self) -> str:
        """What containers get of it: the directory that its options name, or its own."""
        return self.wanted.directory or self.path

    @property
    def wanted(self) -> volume_options.Wanted:
        """What its options say; to be mounted on its own directory before that is used, if there is a type."""
        return volume_options.read(self.options)


def get(volumes: str, name: str) -> Details | None:
    """Return a volume, None when there is none.

    :raises errors.Error: no volume can be called so; it cannot be read.
    """
    check_name(name)
    try:
        fd = os.open(f"{volumes}/{name}", _DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        doing = f"cannot read volume {name}"
        raise errors.from_os_error(doing, error) from error
    try:
        info = os.stat("_data", dir_fd=fd, follow_symlinks=False)
        meta, made = _meta(fd)
    except FileNotFoundError:
        return None  # on its way out
    finally:
        os.close(fd)
    return Details(
        name,
        f"{volumes}/{name}/_data",
        made or info.st_ctime_ns,
        meta.get("Anonymous") is True,
        _texts(meta.get("Labels")),
        _texts(meta.get("Options")),
    )


def _meta(directory: int) -> tuple[dict[str, object], int]:
    try:
        fd = os.open("meta.json", _FILE, dir_fd=directory)
    except OSError:
        return {}, 0
    with open(fd, "rb") as file:
        made = os.fstat(fd).st_mtime_ns
        try:
            found = json.loads(file.read(_MAX_META))
        except (OSError, ValueError):
            return {}, made
    return (found, made) if isinstance(found, dict) else ({}, made)


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {key: text for key, text in value.items() if isinstance(text, str)}


def source_of(volumes: str, name: str) -> str:
    """Return the directory that is mounted for a volume, which need not exist yet.

    :raises errors.Error: the directory that its options name is not there.
    """
    found = get(volumes, name)
    if found is None:
        return f"{volumes}/{name}/_data"
    if found.source != found.path and not os.path.isdir(found.source):
        text = f"failed to mount local volume: mount {found.source}:{found.path}: no such directory"
        raise errors.Error(errors.NOT_FOUND, text)
    return found.source


def list_all(volumes: str) -> list[Details]:
    """Return all volumes by name."""
    try:
        names = sorted(os.listdir(volumes))
    except FileNotFoundError:
        return []
    except OSError as error:
        doing = "cannot list the volumes"
        raise errors.from_os_error(doing, error) from error
    found = []
    for name in names:
        try:
            one = get(volumes, name)
        except errors.Error:
            continue  # no volume of ours: another name is being made or removed
        if one is not None:
            found.append(one)
    return found


def usage(path: str) -> int:
    """Return the bytes in the files of a tree, each once; no link in it is followed."""
    total = 0
    seen: set[tuple[int, int]] = set()
    try:
        for _, _, names, fd in os.fwalk(path, follow_symlinks=False):
            for name in names:
                try:
                    info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if (info.st_dev, info.st_ino) not in seen:
                    seen.add((info.st_dev, info.st_ino))
                    total += info.st_size
    except OSError:
        return total  # it changed under our hands
    return total
