"""Unpacking: the entries of a layer become a tree that overlayfs can stack. The safe extractor.

Sequential semantics: a later entry wins, a file takes the place of a tree and the reverse, whiteouts act on the layers
below only. A layer is unpacked without looking at those below, so that layers can be unpacked at the same time and in
any order; what depends on them is written down in the :class:`~hezi.store.tree.Tree` and done by hezi.store.settle.

What an image can never do here: write outside the tree (see hezi.store.tree), turn the root into something else, set
overlayfs's own attributes, or follow a link with chmod, chown, utimes or setxattr: these act on descriptors of what was
just made, or on the link itself.
"""

from __future__ import annotations

import errno
import os
import stat

from hezi import errors
from hezi._util import atomic
from hezi.image import tarlayer
from hezi.linux import fd as linux_fd
from hezi.store.tree import Tree, corrupt, is_content_error, is_whiteout, join, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.image.tarlayer import Entry, TarReader

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"
_AUFS = b".wh..wh."
# overlayfs's own attributes are refused silently, as umoci and docker do: images that were made on an overlay by
# careless tools carry them. SELinux labels and NFS ACLs are the host's business, never the image's.
_NOT_FROM_IMAGES = (b"trusted.overlay.", b"user.overlay.", b"security.selinux", b"system.nfs4_acl")
_DEVICES = {tarlayer.CHAR: stat.S_IFCHR, tarlayer.BLOCK: stat.S_IFBLK, tarlayer.FIFO: stat.S_IFIFO}


def unpack(reader: TarReader, tree: Tree) -> None:
    """Write all entries of ``reader`` into ``tree``, and give its directories their metadata.

    :raises hezi.errors.Error: CORRUPT: an entry makes no sense or leaves the tree; NO_SPACE, PERMISSION: the disk or
        the kernel refuses.
    """
    name = b""
    try:
        for entry in reader:
            name = entry.name
            _apply(tree, reader, entry)
        _finish_directories(tree)
    except OSError as error:
        if is_content_error(error):
            message = f"layer is not valid: {shown(name)}: {error.strerror}"
            raise errors.Error(errors.CORRUPT, message) from error
        doing = f"cannot unpack {shown(name)} of the layer"
        raise errors.from_os_error(doing, error) from error


def clean(name: bytes) -> bytes:
    """Return a name of the archive relative to the root: ``./a//b/`` is ``a/b``, ``/`` and ``.`` are empty.

    ".." is taken away with the name before it, as docker does; an absolute name cannot leave its root that way, a
    relative one that would is refused.

    :raises hezi.errors.Error: CORRUPT: it leaves the tree.
    """
    if b"/." not in name and b"//" not in name and name[:1] not in {b"/", b".", b""}:
        return name[:-1] if name.endswith(b"/") else name
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if parts:
                parts.pop()
            elif not name.startswith(b"/"):
                corrupt(f"{shown(name)} would leave the image's root")
        elif part not in {b"", b"."}:
            parts.append(part)
    return b"/".join(parts)


def _apply(tree: Tree, reader: TarReader, entry: Entry) -> None:
    path = clean(entry.name)
    kind = entry.kind
    if not path:
        if kind != tarlayer.DIRECTORY:
            corrupt("the root of the image must be a directory")
        tree.implicit.pop(b"", None)
        tree.explicit[b""] = entry
        return
    if _WHITEOUT in path and _is_whiteout_name(tree, path):
        return
    if kind == tarlayer.DIRECTORY:
        tree.make_directory(path, entry)
        return
    above, _, name = path.rpartition(b"/")
    parent, canonical = tree.directory(above)
    if kind == tarlayer.REGULAR:
        _regular(tree, reader, entry, parent, join(canonical, name))
    elif kind == tarlayer.HARDLINK:
        _hardlink(tree, entry, path)
    elif kind == tarlayer.SYMLINK:
        _symlink(tree, entry, parent, join(canonical, name))
    else:
        _device(tree, entry, parent, join(canonical, name))


def _is_whiteout_name(tree: Tree, path: bytes) -> bool:
    """Handle the names that stand for something else; True when ``path`` was one."""
    above, _, name = path.rpartition(b"/")
    if path.startswith(_AUFS) and path != _OPAQUE:
        return True  # what aufs kept at the root of a layer: .wh..wh.plnk, .wh..wh.aufs
    if not name.startswith(_WHITEOUT):
        return False
    parent, canonical = tree.directory(above)
    if name == _OPAQUE:
        tree.opaque.add(canonical)
        return True
    hidden = name[len(_WHITEOUT) :]
    if hidden.startswith(_WHITEOUT):
        return True
    if hidden in {b"", b".", b".."}:
        corrupt(f"{shown(path)} hides no name")
    tree.whiteout(parent, canonical, hidden)
    return True


def _regular(tree: Tree, reader: TarReader, entry: Entry, parent: int, child: bytes) -> None:
    name = child.rpartition(b"/")[2]
    try:
        fd = os.open(name, _CREATE, 0o600, dir_fd=parent)
    except FileExistsError:
        tree.clear(parent, child, name)
        fd = os.open(name, _CREATE, 0o600, dir_fd=parent)
    try:
        if entry.sparse is not None:
            _write_sparse(fd, reader, entry)
        elif entry.size:
            for view in reader.data():
                done = os.write(fd, view)
                if done != len(view):
                    atomic.write_all(fd, view[done:])
        os.fchown(fd, entry.uid, entry.gid)
        os.fchmod(fd, entry.mode)  # after chown, which takes setuid away
        if entry.xattrs:
            _set_xattrs(fd, entry)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
    finally:
        os.close(fd)
    tree.size += entry.size


def _write_sparse(fd: int, reader: TarReader, entry: Entry) -> None:
    data = reader.data()
    view = memoryview(b"")
    for offset, length in entry.sparse or ():
        os.lseek(fd, offset, os.SEEK_SET)
        left = length
        while left:
            if not view:
                view = next(data)
            part = view[:left]
            atomic.write_all(fd, part)
            left -= len(part)
            view = view[len(part) :]
    os.ftruncate(fd, entry.size)


def _hardlink(tree: Tree, entry: Entry, path: bytes) -> None:
    target = clean(entry.linkname)
    if not target:
        corrupt(f"{shown(path)} is a hard link to the root")
    target_above, _, target_name = target.rpartition(b"/")
    found, target_canonical = tree.directory(target_above)
    source = join(target_canonical, target_name)
    target_parent = os.dup(found)
    try:
        above, _, name = path.rpartition(b"/")
        parent, canonical = tree.directory(above)
        child = join(canonical, name)
        missing = not _exists(target_parent, target_name)
        if child == source:
            if missing:
                _placeholder(tree, parent, child, source)
            return
        known = tree.pending.get(source, source if missing else None)
        if _exists(parent, name, whiteout=True):
            tree.clear(parent, child, name)
        if known is not None:
            _placeholder(tree, parent, child, known)
            return
        info = os.stat(target_name, dir_fd=target_parent, follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode):
            corrupt(f"{shown(path)} is a hard link to a directory")
        os.link(target_name, name, src_dir_fd=target_parent, dst_dir_fd=parent, follow_symlinks=False)
    finally:
        os.close(target_parent)


def _exists(parent: int, name: bytes, *, whiteout: bool = False) -> bool:
    try:
        info = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return whiteout or not is_whiteout(info)


def _placeholder(tree: Tree, parent: int, child: bytes, target: bytes) -> None:
    """Take the name, so that the entries to come find something there; settling the layer fills it."""
    os.close(os.open(child.rpartition(b"/")[2], _CREATE, 0o600, dir_fd=parent))
    tree.pending[child] = target


def _symlink(tree: Tree, entry: Entry, parent: int, child: bytes) -> None:
    name = child.rpartition(b"/")[2]
    target = entry.linkname
    if not target:
        corrupt(f"{shown(child)} is a symbolic link to nothing")
    try:
        os.symlink(target, name, dir_fd=parent)
    except FileExistsError:
        tree.clear(parent, child, name)
        os.symlink(target, name, dir_fd=parent)
    # Docker counts the texts of links too.
    tree.size += len(target)
    if entry.uid or entry.gid or os.geteuid():
        os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
    if entry.xattrs:
        _set_xattrs_by_name(parent, name, entry)
    os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent, follow_symlinks=False)


def _device(tree: Tree, entry: Entry, parent: int, child: bytes) -> None:
    name = child.rpartition(b"/")[2]
    if _exists(parent, name, whiteout=True):
        tree.clear(parent, child, name)
    if entry.kind == tarlayer.CHAR and not entry.devmajor and not entry.devminor:
        # overlayfs can show no such device: it is its sign for "removed".
        tree.whiteout(parent, child.rpartition(b"/")[0], name)
        return
    os.mknod(name, _DEVICES[entry.kind] | 0o600, os.makedev(entry.devmajor, entry.devminor), dir_fd=parent)
    os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
    fd = os.open(name, linux_fd.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        linux_fd.chmod_fd(fd, entry.mode)
    finally:
        os.close(fd)
    if entry.xattrs:
        _set_xattrs_by_name(parent, name, entry)
    os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent, follow_symlinks=False)


def _set_xattrs_by_name(parent: int, name: bytes, entry: Entry) -> None:
    fd = os.open(name, linux_fd.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        _set_xattrs(fd, entry)
    finally:
        os.close(fd)


def _set_xattrs(fd: int, entry: Entry) -> None:
    for key, value in entry.xattrs:
        if key.startswith(_NOT_FROM_IMAGES) or not key or b"\0" in key:
            continue
        try:
            linux_fd.setxattr_fd(fd, key, value)
        except OSError as error:
            # The file system does not do this kind, or (EPERM) not on this type of file: as docker, go without.
            if error.errno == errno.EOPNOTSUPP or (error.errno == errno.EPERM and key.startswith(b"user.")):
                continue
            _refuse_large_xattr(fd, entry, key, value)
            raise


def _refuse_large_xattr(fd: int, entry: Entry, key: bytes, value: bytes) -> None:
    """Say it when the attribute is too large: ext4 says ENOSPC, which would send people looking for space."""
    free = os.fstatvfs(fd)
    # One, or all of them together.
    size = max(len(value), sum(len(one) + len(name) for name, one in entry.xattrs))
    if size > 1024 and free.f_bavail * free.f_frsize > 1 << 20:
        message = (
            f"the file system of the store cannot hold attribute {key.decode(errors='replace')} of"
            f" {shown(entry.name)}, which has {len(value)} bytes (all its attributes: {size})"
        )
        raise errors.Error(errors.UNSUPPORTED, message, hint="put the store on a file system like xfs or btrfs")


def _finish_directories(tree: Tree) -> None:
    """Owner, mode, attributes and times of the directories, deepest first: a mode may forbid to get below."""
    for path in sorted(tree.explicit, reverse=True):
        fd, _ = tree.directory(path)
        set_directory(fd, tree.explicit[path])
    for path in tree.opaque:
        fd, _ = tree.directory(path)
        linux_fd.setxattr_fd(fd, "trusted.overlay.opaque", b"y")


def set_directory(fd: int, entry: Entry) -> None:
    """Give an open directory the metadata of its entry."""
    os.fchown(fd, entry.uid, entry.gid)
    os.fchmod(fd, entry.mode)
    if entry.xattrs:
        _set_xattrs(fd, entry)
    os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))
