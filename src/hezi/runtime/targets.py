"""Mount points and other places inside the container's tree, resolved fd by fd.

The tree belongs to the image and, through volumes, to other containers that run right now: every name in it is
resolved once, by openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, and what is done is done on the descriptor
(CVE-2021-30465, CVE-2024-45310). Nothing is ever mounted inside procfs but on the few files that exist for it
(CVE-2019-16884, CVE-2023-27561), and neither /proc, /sys nor /dev may be reached through a link (CVE-2026-41579).
"""

from __future__ import annotations

import errno
import os
import stat

from hezi.linux import fd as _fd

# Mount points in procfs that cannot change what a later write to /proc means; the list is runc's (lxcfs needs it).
PROC_TARGETS = frozenset(
    b"/proc/" + name
    for name in (
        b"cpuinfo",
        b"diskstats",
        b"loadavg",
        b"meminfo",
        b"net/dev",
        b"slabinfo",
        b"stat",
        b"swaps",
        b"uptime",
        b"sys/kernel/ns_last_pid",
        b"sys/crypto/fips_enabled",
    )
)
# The tops of these trees are where hezi itself puts things: a link there means an image that wants to redirect it.
LINKLESS = frozenset((b"/proc", b"/sys", b"/dev"))

_IN_ROOT = _fd.RESOLVE_IN_ROOT | _fd.RESOLVE_NO_MAGICLINKS
_MAX_LINKS = 40
_PROC_SUPER_MAGIC = 0x9FA0


def look_up(root: int, path: bytes, flags: int = 0, *, links: bool = True) -> int:
    """Open what is at ``path`` in the tree, without opening its content (O_PATH).

    :param links: False refuses symbolic links anywhere on the way and at the end.
    :raises OSError: ENOENT; ELOOP for a link where none is allowed.
    """
    resolve = _IN_ROOT if links else _IN_ROOT | _fd.RESOLVE_NO_SYMLINKS
    return _fd.openat2(root, path, os.O_PATH | os.O_CLOEXEC | flags, resolve=resolve)


def directory(root: int, path: bytes) -> int:
    """Open the directory at ``path``, made with its parents (root's, 0755) where missing.

    :raises OSError: ELOOP for /proc, /sys or /dev being a link, ENOTDIR, EPERM for a place inside procfs.
    """
    links = path not in LINKLESS
    try:
        target = look_up(root, path, os.O_DIRECTORY, links=links)
    except FileNotFoundError:
        target = _fd.mkdir_in_root(root, path)
    return _checked(target, path)


def file(root: int, path: bytes) -> int:
    """Open the file at ``path`` (O_PATH), an empty one being made where there is none.

    :raises OSError: as for :func:`directory`; EISDIR when a directory is there.
    """
    try:
        target = look_up(root, path)
    except FileNotFoundError:
        target = _make_file(root, path)
    if stat.S_ISDIR(os.fstat(target).st_mode):
        os.close(target)
        raise OSError(errno.EISDIR, "mount: a file cannot be mounted on a directory", path)
    return _checked(target, path)


def parent(root: int, path: bytes) -> tuple[int, bytes]:
    """Open the directory that holds ``path``, made where missing, and give the last name."""
    try:
        return _fd.open_parent_in_root(root, path)
    except FileNotFoundError:
        os.close(_fd.mkdir_in_root(root, os.path.dirname(path) or b"/"))
        return _fd.open_parent_in_root(root, path)


def _checked(target: int, path: bytes) -> int:
    # By what was reached and not by how it was spelt: /a/attr with /a -> /proc/self is inside procfs as well.
    if path != b"/proc" and path not in PROC_TARGETS and _fd.fs_magic(target) == _PROC_SUPER_MAGIC:
        os.close(target)
        raise OSError(errno.EPERM, "mount: nothing may be mounted inside /proc", path)
    return target


def _make_file(root: int, path: bytes) -> int:
    """Make an empty file, where a possibly dangling link at the end of ``path`` points to.

    Images have such links and expect them to work: /etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf.
    """
    for _ in range(_MAX_LINKS):
        holder, name = parent(root, path)
        try:
            link = _link(holder, name)
            if link is None:
                return _create(holder, name)
        finally:
            os.close(holder)
        path = link if link.startswith(b"/") else os.path.dirname(path) + b"/" + link
    raise OSError(errno.ELOOP, "mount: too many symbolic links", path)


def _link(holder: int, name: bytes) -> bytes | None:
    try:
        return os.readlink(name, dir_fd=holder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return None  # somebody was faster, and it is no link


def _create(holder: int, name: bytes) -> int:
    try:
        os.mknod(name, stat.S_IFREG | 0o644, dir_fd=holder)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        # Somebody was faster; what is there is judged by its descriptor.
    flags = os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW
    return _fd.openat2(holder, name, flags, resolve=_fd.RESOLVE_BENEATH | _fd.RESOLVE_NO_SYMLINKS)
