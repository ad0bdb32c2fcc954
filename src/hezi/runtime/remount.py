"""Mounting a container's root again from its description, without the store that knows what it is made of."""

from __future__ import annotations

import errno
import os

from hezi.linux import mount

_FIXED = (("index", "off"), ("metacopy", "off"), ("redirect_dir", "off"))


def overlay(
    lower: tuple[str, ...], upper: str, work: str, readonly: bool, owner: tuple[int, int] | None, space: int = -1
) -> int:
    """Mount layers (absolute paths, the topmost first) with an upper directory; gives the detached mount.

    :param owner: of a container whose owners are seen through its user namespace ``space``, who is root in it.
    :raises OSError: what overlayfs says; a layer is gone.
    """
    attributes = mount.MOUNT_ATTR_RDONLY if readonly else 0
    if owner is not None:
        from hezi.linux import idmapped

        return idmapped.overlay(lower, (upper, work), space, owner, _FIXED, attributes)
    ends = (("upperdir", upper), ("workdir", work), *_FIXED)
    try:
        options = (("source", "overlay"), *(("lowerdir+", path) for path in lower), *ends)
        return mount.new_mount("overlay", options, attributes)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return _by_mount2(lower, ends, os.path.dirname(upper), attributes)


def layers(lower: tuple[bytes, ...], space: int = -1, owner: tuple[int, int] | None = None) -> int:
    """Mount layers (absolute paths, the topmost first, two at least) read-only; gives the detached mount.

    :raises OSError: what overlayfs says; a layer is gone.
    """
    names = tuple(map(os.fsdecode, lower))
    if owner is not None:
        from hezi.linux import idmapped

        return idmapped.overlay(names, None, space, owner, _FIXED, mount.MOUNT_ATTR_RDONLY)
    try:
        options = (("source", "overlay"), *(("lowerdir+", path) for path in names), *_FIXED)
        return mount.new_mount("overlay", options, mount.MOUNT_ATTR_RDONLY)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return _by_mount2(names, _FIXED, os.path.dirname(names[0]), mount.MOUNT_ATTR_RDONLY)


def _by_mount2(lower: tuple[str, ...], ends: tuple[tuple[str, str], ...], directory: str, attributes: int) -> int:
    """Before Linux 6.5: all layers in one page of options, named by short numbers."""
    fds = [os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for path in lower]
    place = os.path.join(directory, f".mount-{os.urandom(8).hex()}")
    os.mkdir(place, 0o700)
    try:
        layers = ":".join(f"/proc/self/fd/{fd}" for fd in fds)
        text = ",".join([f"lowerdir={layers}", *(f"{key}={value}" for key, value in ends)])
        mount.mount("overlay", place, "overlay", mount.MS_RDONLY if attributes else 0, text)
        try:
            return mount.open_tree(mount.AT_FDCWD, place, mount.OPEN_TREE_CLONE)
        finally:
            mount.umount2(place, mount.MNT_DETACH)
    finally:
        os.rmdir(place)
        for fd in fds:
            os.close(fd)
