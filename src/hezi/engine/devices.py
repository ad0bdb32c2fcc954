"""Devices of the host that a container is to have: what ``--device`` and ``--privileged`` come to on this machine."""

from __future__ import annotations

import os
import stat

from hezi import errors
from hezi.spec import runtime as rt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hezi.engine.parse_device import DeviceAsk

# runc's list: what a container has of its own, and what is no device of the machine.
_SKIPPED_DIRECTORIES = frozenset({"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"})
_SKIPPED = frozenset({"/dev/console", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"})
_MAX_DEPTH = 16


def gather(asks: Iterable[DeviceAsk], *, privileged: bool) -> list[rt.Device]:
    """Return the nodes to make, each destination once.

    :raises errors.Error: a device is not there, or is none.
    """
    found = {device.path: device for device in _tree("/dev", "/dev", 0)} if privileged else {}
    for ask in asks:
        found.update({device.path: device for device in _asked(ask)})
    return list(found.values())


def _asked(ask: DeviceAsk) -> Iterator[rt.Device]:
    doing = f'error gathering device information while adding custom device "{ask.source}"'
    try:
        # The name may be a link (/dev/disk/by-id/...): the device behind it is what is meant.
        info = os.stat(ask.source)
    except OSError as error:
        raise errors.Error(errors.INVALID, f"{doing}: {(error.strerror or '').lower()}") from error
    if stat.S_ISDIR(info.st_mode):
        # Elsewhere in the host a tree may hold any number of nodes, made by anybody: a layer's own, for one.
        if not f"{os.path.realpath(ask.source)}/".startswith("/dev/"):
            raise errors.Error(errors.INVALID, f"{doing}: a directory of devices must be in /dev")
        found = list(_tree(ask.source, ask.destination, 0))
        if not found:
            raise errors.Error(errors.INVALID, f"{doing}: not a device node")
        yield from found
        return
    device = _device(ask.destination, info)
    if device is None:
        raise errors.Error(errors.INVALID, f"{doing}: not a device node")
    yield device


def _tree(source: str, destination: str, depth: int) -> Iterator[rt.Device]:
    try:
        names = sorted(os.listdir(source))
    except OSError:
        return
    for name in names:
        path, inside = f"{source}/{name}", f"{destination}/{name}"
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(info.st_mode):
            if name not in _SKIPPED_DIRECTORIES and depth < _MAX_DEPTH:
                yield from _tree(path, inside, depth + 1)
        elif inside not in _SKIPPED and (device := _device(inside, info)) is not None:
            yield device


def _device(path: str, info: os.stat_result) -> rt.Device | None:
    kind = "c" if stat.S_ISCHR(info.st_mode) else "b" if stat.S_ISBLK(info.st_mode) else ""
    if not kind:
        return None
    numbers = os.major(info.st_rdev), os.minor(info.st_rdev)
    return rt.Device(path, kind, *numbers, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)
