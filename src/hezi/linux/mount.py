"""Mounts: mount(2), umount2(2), pivot_root(2), and the new mount API by descriptors.

The new calls make a mount in steps: a file system context (``fsopen``), its parameters (``fsconfig_*``), a mount that
is attached nowhere (``fsmount`` or ``open_tree``), its place (``move_mount``). A detached mount is one descriptor;
closing it undoes everything. :func:`new_mount` does the first three steps.

What a file system has to say about a failure is not in errno but in the log of its context; it is put into the text of
the OSError here.
"""

from __future__ import annotations

import os

from hezi.linux import abi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_SYNCHRONOUS = 16
MS_REMOUNT = 32
MS_MANDLOCK = 64
MS_DIRSYNC = 128
MS_NOSYMFOLLOW = 256
MS_NOATIME = 1024
MS_NODIRATIME = 2048
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_SILENT = 32768
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_STRICTATIME = 1 << 24
MS_LAZYTIME = 1 << 25

MNT_FORCE = 1
MNT_DETACH = 2
MNT_EXPIRE = 4
UMOUNT_NOFOLLOW = 8

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
MOUNT_ATTR__ATIME = 0x70
MOUNT_ATTR_RELATIME = 0x0
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x100000
MOUNT_ATTR_NOSYMFOLLOW = 0x200000

OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
AT_RECURSIVE = abi.AT_RECURSIVE
AT_EMPTY_PATH = abi.AT_EMPTY_PATH
AT_SYMLINK_NOFOLLOW = abi.AT_SYMLINK_NOFOLLOW
AT_NO_AUTOMOUNT = abi.AT_NO_AUTOMOUNT
AT_FDCWD = abi.AT_FDCWD

MOVE_MOUNT_F_SYMLINKS = 0x1
MOVE_MOUNT_F_AUTOMOUNTS = 0x2
MOVE_MOUNT_F_EMPTY_PATH = 0x4
MOVE_MOUNT_T_SYMLINKS = 0x10
MOVE_MOUNT_T_AUTOMOUNTS = 0x20
MOVE_MOUNT_T_EMPTY_PATH = 0x40
MOVE_MOUNT_SET_GROUP = 0x100
MOVE_MOUNT_BENEATH = 0x200

_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_SET_PATH = 3
_FSCONFIG_SET_FD = 5
_FSCONFIG_CMD_CREATE = 6
_FSCONFIG_CMD_RECONFIGURE = 7

# The kernel keeps the last 8 messages of a context; each is read by one read(2).
_LOG_MESSAGES = 8
_LOG_MESSAGE_BYTES = 4096


def mount(
    source: str | bytes | None,
    target: str | bytes,
    fstype: str | bytes | None = None,
    flags: int = 0,
    data: str | bytes | None = None,
) -> None:
    """Attach, bind, move, remount or change the propagation of a mount, as mount(2) says.

    ``target`` is followed through symbolic links: for a path inside an untrusted tree give ``/proc/self/fd/N`` of a
    verified procfs, or use :func:`move_mount`.

    :param flags: ``MS_*``.
    :param data: the file system's options, comma separated, less than one page.
    """
    abi.mount(source, target, fstype, flags, data)


def umount2(target: str | bytes, flags: int = 0) -> None:
    """Detach a mount, as umount2(2) says; ``MNT_DETACH`` does it lazily, ``UMOUNT_NOFOLLOW`` refuses a link."""
    abi.umount2(target, flags)


def pivot_root(new_root: str | bytes, put_old: str | bytes) -> None:
    """Change the root mount of this mount namespace.

    With ``pivot_root(".", ".")`` in the new root the old one ends up stacked on the new, to be detached by
    ``umount2(".", MNT_DETACH)``; no directory for it is needed (pivot_root(2), NOTES).

    :raises OSError: EINVAL when the new root is no mount point, or either mount or its parent is shared, or the current
        root is the initramfs; EBUSY when they are the same.
    """
    abi.pivot_root(new_root, put_old)


def fsopen(fstype: str | bytes) -> int:
    """Open a context for making a new file system of this type (Linux 5.2). Close-on-exec.

    :raises OSError: ENODEV for a type the kernel does not have, EPERM without CAP_SYS_ADMIN over the mount namespace.
    """
    return abi.fsopen(fstype, _FSOPEN_CLOEXEC)


def read_log(fs_fd: int) -> str:
    """Take the messages out of a file system context: "overlay: no upperdir", several joined by "; "."""
    errors: list[str] = []
    others: list[str] = []
    for _ in range(_LOG_MESSAGES):
        try:
            message = os.read(fs_fd, _LOG_MESSAGE_BYTES).decode(errors="replace").strip()
        except OSError:
            break  # ENODATA: the log is empty
        # "e fstype: text", with e, w or i for error, warning and information
        (errors if message.startswith("e ") else others).append(message[2:])
    return "; ".join(errors or others)


def _with_log(error: OSError, fs_fd: int, what: str) -> OSError:
    message = read_log(fs_fd)
    return abi.error(error.errno or 0, what, error.filename, message)


def fsconfig_set_flag(fs_fd: int, key: str | bytes) -> None:
    """Set a parameter that has no value, such as "ro" or "volatile"."""
    try:
        abi.fsconfig(fs_fd, _FSCONFIG_SET_FLAG, key, None, 0)
    except OSError as error:
        raise _with_log(error, fs_fd, "fsconfig") from None


def fsconfig_set_string(fs_fd: int, key: str | bytes, value: str | bytes) -> None:
    """Set a parameter to a string.

    :param value: at most 255 bytes, which is why long lower layer lists need overlay's ``lowerdir+`` (Linux 6.5), one
        layer a call. Longer gives EINVAL from the kernel, without a word why; here the error says it.
    """
    memory = abi.buffer(abi.encode_path(value) + b"\0")
    try:
        abi.fsconfig(fs_fd, _FSCONFIG_SET_STRING, key, abi.addressof(memory), 0)
    except OSError as error:
        if len(memory) > 256:
            raise abi.error(error.errno or 0, "fsconfig", key, "the kernel takes at most 255 bytes") from None
        raise _with_log(error, fs_fd, "fsconfig") from None


def fsconfig_set_fd(fs_fd: int, key: str | bytes, fd: int) -> None:
    """Set a parameter to an open file; overlay takes its layers so since Linux 6.13, proc its ``pidns`` since 6.17."""
    try:
        abi.fsconfig(fs_fd, _FSCONFIG_SET_FD, key, None, fd)
    except OSError as error:
        raise _with_log(error, fs_fd, "fsconfig") from None


def fsconfig_set_path(fs_fd: int, key: str | bytes, path: str | bytes, dir_fd: int = abi.AT_FDCWD) -> None:
    """Set a parameter to a path that the kernel resolves, relative to ``dir_fd``. Few file systems accept it."""
    memory = abi.buffer(abi.encode_path(path) + b"\0")
    try:
        abi.fsconfig(fs_fd, _FSCONFIG_SET_PATH, key, abi.addressof(memory), dir_fd)
    except OSError as error:
        raise _with_log(error, fs_fd, "fsconfig") from None


def fsconfig_create(fs_fd: int) -> None:
    """Make the superblock from the parameters given so far."""
    try:
        abi.fsconfig(fs_fd, _FSCONFIG_CMD_CREATE, None, None, 0)
    except OSError as error:
        raise _with_log(error, fs_fd, "fsconfig create") from None


def fsconfig_reconfigure(fs_fd: int) -> None:
    """Apply the parameters to the existing superblock of a context made by fspick(2) or after :func:`fsmount`."""
    try:
        abi.fsconfig(fs_fd, _FSCONFIG_CMD_RECONFIGURE, None, None, 0)
    except OSError as error:
        raise _with_log(error, fs_fd, "fsconfig reconfigure") from None


def fsmount(fs_fd: int, attr_flags: int = 0) -> int:
    """Make a detached mount of a created file system; close-on-exec.

    :param attr_flags: ``MOUNT_ATTR_*``.
    """
    try:
        return abi.fsmount(fs_fd, _FSMOUNT_CLOEXEC, attr_flags)
    except OSError as error:
        raise _with_log(error, fs_fd, "fsmount") from None


def open_tree(dir_fd: int, path: str | bytes, flags: int = 0) -> int:
    """Open a mount, or with ``OPEN_TREE_CLONE`` make a detached copy of it; always close-on-exec.

    :param flags: ``OPEN_TREE_CLONE``, ``AT_RECURSIVE`` (copy the mounts below too), ``AT_EMPTY_PATH``,
        ``AT_SYMLINK_NOFOLLOW``. Links are followed otherwise.
    :raises OSError: EINVAL for a copy of an unbindable mount.
    """
    return abi.open_tree(dir_fd, path, flags | OPEN_TREE_CLOEXEC)


def move_mount(
    from_fd: int, from_path: str | bytes, to_fd: int, to_path: str | bytes, flags: int | None = None
) -> None:
    """Attach a detached mount, or move an attached one.

    :param flags: ``MOVE_MOUNT_*``. When not given: an empty path means the descriptor itself, links are not followed.
    :raises OSError: EINVAL when the target is a detached tree or in another mount namespace, when a mount below a
        shared parent is moved, or when the source is a directory and the target is not.
    """
    if flags is None:
        flags = 0 if from_path else MOVE_MOUNT_F_EMPTY_PATH
        flags |= 0 if to_path else MOVE_MOUNT_T_EMPTY_PATH
    abi.move_mount(from_fd, from_path, to_fd, to_path, flags)


def mount_setattr(
    dir_fd: int,
    path: str | bytes,
    flags: int = 0,
    *,
    set: int = 0,  # noqa: A002 - struct mount_attr's words, attr_set and attr_clr
    clr: int = 0,
    propagation: int = 0,
    userns_fd: int | None = None,
) -> None:
    """Change the attributes of a mount, all at once or not at all (Linux 5.12).

    :param flags: ``AT_RECURSIVE``, ``AT_EMPTY_PATH``, ``AT_SYMLINK_NOFOLLOW``.
    :param set: ``MOUNT_ATTR_*`` to switch on. An access-time attribute needs ``MOUNT_ATTR__ATIME`` in ``clr``.
    :param clr: ``MOUNT_ATTR_*`` to switch off.
    :param propagation: one of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, or 0 to leave it.
    :param userns_fd: maps the owners of a detached mount through this user namespace (adds ``MOUNT_ATTR_IDMAP``).
    :raises OSError: EPERM for taking away a flag which a more privileged namespace has locked.
    """
    attr = abi.mount_attr(set, clr, propagation, 0)
    if userns_fd is not None:
        attr.attr_set |= MOUNT_ATTR_IDMAP
        attr.userns_fd = userns_fd
    abi.mount_setattr(dir_fd, path, flags, abi.byref(attr), abi.sizeof(attr))


def new_mount(
    fstype: str | bytes,
    options: Iterable[tuple[str, str | bytes | int | None]] = (),
    attr_flags: int = 0,
) -> int:
    """Make a file system and a detached mount of it; give the mount's descriptor, close-on-exec.

    :param options: pairs in the order to be given; the value is a string, a descriptor (int) or None for a flag. The
        device is the key "source".
    :param attr_flags: ``MOUNT_ATTR_*`` of the mount.
    :raises OSError: with what the file system said about it in the text; filename is the option at fault or the type.
    """
    fs_fd = fsopen(fstype)
    try:
        for key, value in options:
            if value is None:
                fsconfig_set_flag(fs_fd, key)
            elif isinstance(value, int):
                fsconfig_set_fd(fs_fd, key, value)
            else:
                fsconfig_set_string(fs_fd, key, value)
        try:
            fsconfig_create(fs_fd)
            return fsmount(fs_fd, attr_flags)
        except OSError as error:
            error.filename = fstype
            raise
    finally:
        os.close(fs_fd)
