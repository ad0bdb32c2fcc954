"""File systems that stand for volumes: mounted on ``volumes/NAME/_data`` when a container needs them.

Whose turn it is to unmount is for the engine, which knows the containers; a lock is held by it meanwhile.
"""

from __future__ import annotations

import errno
import os

from hezi import errors
from hezi.linux import mount, mountinfo
from hezi.volume import options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.volume.options import Wanted

_PLACE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def is_mounted(path: str) -> bool:
    """Whether something is mounted on the directory of a volume."""
    try:
        fd = os.open(path, _PLACE)
    except OSError:
        return False
    try:
        return mountinfo.entry_of(fd).mount_point == os.path.realpath(path)
    except OSError:
        return False
    finally:
        os.close(fd)


def attach(path: str, wanted: Wanted) -> None:
    """Mount what a volume is made of.

    :raises errors.Error: docker's text, with the kernel's reason.
    """
    data = wanted.data
    if options.is_network(wanted.fstype):
        data = _with_address(data)
    try:
        mount.mount(wanted.device, path, wanted.fstype, wanted.flags, data)
        if wanted.flags & mount.MS_BIND and wanted.flags & ~(mount.MS_BIND | mount.MS_REC):
            _remount(path, wanted)
    except OSError as error:
        told = (f", flags: {wanted.flags:#x}" if wanted.flags else "") + (f", data: {data}" if data else "")
        reason = os.strerror(error.errno or 0).lower()
        text = f"failed to mount local volume: mount {wanted.device}:{path}{told}: {reason}"
        raise errors.Error(_kind(error), text, hint=_hint(wanted, error)) from error


def _remount(path: str, wanted: Wanted) -> None:
    """A bind takes no flags of its own at once (mount(2))."""
    try:
        mount.mount(None, path, None, (wanted.flags & ~mount.MS_REC) | mount.MS_REMOUNT)
    except OSError:
        mount.umount2(path, mount.MNT_DETACH)
        raise


def _kind(error: OSError) -> str:
    return errors.from_os_error("", error).kind


def _hint(wanted: Wanted, error: OSError) -> str | None:
    if error.errno == errno.ENODEV:
        return f"this kernel does not have the file system {wanted.fstype}"
    if wanted.fstype.startswith("nfs") and "addr=" not in wanted.data:
        return "the kernel wants the server's address: o=addr=HOST"
    return None


def _with_address(data: str) -> str:
    """Replace the name of a host in ``addr=`` by its address, which is all that the kernel takes.

    :raises errors.Error: UNAVAILABLE: no such host.
    """
    import socket

    words = data.split(",")
    for number, word in enumerate(words):
        name, _, host = word.partition("=")
        if name != "addr" or not host:
            continue
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError as error:
            text = f"error resolving passed in network volume address: lookup {host}: {error.strerror}"
            raise errors.Error(errors.UNAVAILABLE, text) from error
        words[number] = f"addr={found[0][4][0]}"
    return ",".join(words)


def detach(path: str) -> None:
    """Unmount it, if it is mounted; containers that still have it keep it.

    :raises errors.Error: it cannot be unmounted.
    """
    try:
        while is_mounted(path):
            mount.umount2(path, mount.MNT_DETACH | mount.UMOUNT_NOFOLLOW)
    except OSError as error:
        doing = "cannot unmount the volume"
        raise errors.from_os_error(doing, error) from error
