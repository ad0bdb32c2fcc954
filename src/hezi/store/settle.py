"""Settling a layer: what its tree must know of the layers below, once they are in place.

A layer is unpacked by itself (hezi.store.unpack). Stacked by overlayfs it must look as if it had been unpacked over the
layers below, as docker and umoci do it. Where that makes a difference:

- A directory that the archive did not mention but needed. overlayfs shows the uppermost layer's mode, owner, times and
  attributes of a directory: they are copied from below. Where the layers below have a *link* of that name, the files
  belong where it leads (``lib -> usr/lib`` below, ``lib/x`` here): they move there.
- A hard link to a file of a layer below: the file is copied up, and both names become links to the copy.
- A whiteout of something that is not below: overlayfs would show it in some directories. It goes.
- A root that hides everything below: overlayfs knows no such thing, each name below is hidden by itself.
"""

from __future__ import annotations

import os
import stat

from hezi._util import atomic
from hezi.linux import fd as linux_fd
from hezi.store.tree import DIR_FLAGS, Tree, corrupt, join, shown

_MOVING = "moving"
_CHUNK = 1 << 20


def settle(tree: Tree, lower_fd: int | None) -> bool:
    """Make ``tree`` ready to be stacked on ``lower_fd``, the root of the layers below; None for the lowest layer.

    :return: True when something was changed.

    :raises hezi.errors.Error: CORRUPT: a hard link leads nowhere.
    :raises OSError: the disk or the kernel refuses.
    """
    tree.lower_fd = -1 if lower_fd is None else lower_fd
    # Directories that change here keep the time the archive gave them.
    times: dict[bytes, int] = {}
    hides_all = b"" in tree.opaque and lower_fd is not None
    changed = bool(tree.pending or tree.whiteouts or hides_all or (tree.implicit and lower_fd is not None))
    try:
        _settle_links_on_the_way(tree, times)
        _settle_hardlinks(tree, times)
        for path in sorted(tree.whiteouts):
            below = tree.below(path)
            if below is not None:
                os.close(below)
                continue
            os.unlink(path.rpartition(b"/")[2], dir_fd=_touched(tree, times, path))
            tree.whiteouts.discard(path)
        _drop_empty(tree, times)
        if hides_all:
            _hide_all(tree, times)
        for path in sorted(tree.implicit, reverse=True):
            _copy_directory(tree, path)
        for path, mtime in times.items():
            if path not in tree.implicit:
                fd, _ = tree.directory(path)
                os.utime(fd, ns=(mtime, mtime))
    finally:
        tree.lower_fd = -1
    return changed


def _drop_empty(tree: Tree, times: dict[bytes, int]) -> None:
    """Remove the directories that were made for a whiteout, of something in a directory that does not exist."""
    for path in sorted(tree.implicit, reverse=True):
        below = tree.below(path)
        if below is not None:
            os.close(below)
            continue
        fd, _ = tree.directory(path)
        if path and not os.listdir(fd):
            times.pop(path, None)
            tree.clear(_touched(tree, times, path), path, path.rpartition(b"/")[2])


def _hide_all(tree: Tree, times: dict[bytes, int]) -> None:
    """Hide each name below by itself where the layer's root is opaque: overlayfs looks for that mark in no root."""
    lower = linux_fd.openat2(tree.lower_fd, ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        names = [os.fsencode(name) for name in os.listdir(lower)]
    finally:
        os.close(lower)
    for name in names:
        root = _touched(tree, times, name)
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=root)
        except FileExistsError:
            if stat.S_ISDIR(os.stat(name, dir_fd=root, follow_symlinks=False).st_mode):
                fd, _ = tree.directory(name)
                linux_fd.setxattr_fd(fd, "trusted.overlay.opaque", b"y")


def _touched(tree: Tree, times: dict[bytes, int], path: bytes) -> int:
    """Open the directory that holds the canonical ``path``, and remember its time."""
    above = path.rpartition(b"/")[0]
    fd, canonical = tree.directory(above)
    if canonical not in times:
        times[canonical] = os.fstat(fd).st_mtime_ns
    return fd


def _settle_links_on_the_way(tree: Tree, times: dict[bytes, int]) -> None:
    again = True
    while again:
        again = False
        for path in sorted(tree.implicit):
            below = tree.below(path) if path else None
            if below is None:
                continue
            try:
                is_link = stat.S_ISLNK(os.fstat(below).st_mode)
            finally:
                os.close(below)
            if is_link:
                _relocate(tree, times, path)
                again = True
                break


def _relocate(tree: Tree, times: dict[bytes, int], path: bytes) -> None:
    """Move what is in the directory ``path`` to where the link leads that the layers below have at ``path``."""
    parent = _touched(tree, times, path)
    os.rename(path.rpartition(b"/")[2], _MOVING, src_dir_fd=parent, dst_dir_fd=tree.aside_fd)
    tree.close_directories()
    # Forgotten as a directory of its own first: the walk shall find the link.
    marker = path + b"/"
    tree.rename_below(path, path)
    _, target = tree.directory(path)
    if target.startswith(marker):
        corrupt(f"{shown(path)} is a link into itself")
    pairs = [(_open(tree.aside_fd, _MOVING), target)]
    try:
        while pairs:
            source, into = pairs[-1]
            names = [os.fsencode(name) for name in os.listdir(source)]
            if not names:
                os.close(source)
                pairs.pop()
                continue
            deeper = _merge(tree, times, source, into, names)
            if deeper is not None:
                pairs.append((_open(source, deeper), join(into, deeper)))
    finally:
        for source, _ in pairs:
            os.close(source)
    atomic.remove_tree(tree.aside_fd, _MOVING)
    tree.rename_below(path, target)


def _open(parent: int, name: str | bytes) -> int:
    return os.open(name, DIR_FLAGS, dir_fd=parent)


def _merge(tree: Tree, times: dict[bytes, int], source: int, into: bytes, names: list[bytes]) -> bytes | None:
    """Move ``names``; give the name of a directory that is on both sides, and not yet empty."""
    for name in names:
        child = join(into, name)
        parent = _touched(tree, times, child)
        try:
            linux_fd.renameat2(source, name, parent, name, linux_fd.RENAME_NOREPLACE)
        except FileExistsError:
            ours = os.stat(name, dir_fd=source, follow_symlinks=False)
            theirs = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(ours.st_mode) and stat.S_ISDIR(theirs.st_mode):
                if _has_entries(source, name):
                    return name
                os.rmdir(name, dir_fd=source)
                continue
            tree.clear(parent, child, name)
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=parent)
    return None


def _has_entries(parent: int, name: bytes) -> bool:
    fd = _open(parent, name)
    try:
        return bool(os.listdir(fd))
    finally:
        os.close(fd)


def _settle_hardlinks(tree: Tree, times: dict[bytes, int]) -> None:
    groups: dict[bytes, list[bytes]] = {}
    for name, target in tree.pending.items():
        groups.setdefault(target, []).append(name)
    for target, names in groups.items():
        above, _, last = target.rpartition(b"/")
        _, canonical = tree.directory(above)
        source = join(canonical, last)
        below = tree.below(source, hidden=True)
        if below is None:
            corrupt(f"{shown(names[0])} is a hard link to {shown(target)}, which does not exist")
        try:
            _copy_file(tree, times, below, names[0], source)
        finally:
            os.close(below)
        first = os.dup(_touched(tree, times, names[0]))
        try:
            for name in [*names[1:], *([] if _is_hidden(tree, source) else [source])]:
                _link(tree, times, first, names[0].rpartition(b"/")[2], name, replace=name != source)
        finally:
            os.close(first)
    tree.pending.clear()


def _is_hidden(tree: Tree, path: bytes) -> bool:
    """Say whether this layer hides what the layers below have at ``path``: then nothing of it may come up again."""
    below = tree.below(path)
    if below is None:
        return True
    os.close(below)
    return False


def _link(tree: Tree, times: dict[bytes, int], first: int, own: bytes, name: bytes, *, replace: bool) -> None:
    last = name.rpartition(b"/")[2]
    parent = _touched(tree, times, name)
    if replace:
        os.unlink(last, dir_fd=parent)
    try:
        os.link(own, last, src_dir_fd=first, dst_dir_fd=parent, follow_symlinks=False)
    except FileExistsError:
        return  # a later entry of this layer, or its whiteout, has taken the target's name


def _copy_file(tree: Tree, times: dict[bytes, int], below: int, name: bytes, source: bytes) -> None:
    """Put a copy of the file ``below`` in the place of the placeholder ``name``."""
    info = os.fstat(below)
    last = name.rpartition(b"/")[2]
    parent = _touched(tree, times, name)
    if stat.S_ISDIR(info.st_mode):
        corrupt(f"{shown(name)} is a hard link to a directory")
    if stat.S_ISREG(info.st_mode):
        fd = os.open(last, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            reader = linux_fd.openat2(tree.lower_fd, source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                while chunk := os.read(reader, _CHUNK):
                    atomic.write_all(fd, chunk)
                os.fchown(fd, info.st_uid, info.st_gid)
                os.fchmod(fd, stat.S_IMODE(info.st_mode))
                _copy_xattrs(reader, fd)
            finally:
                os.close(reader)
            os.utime(fd, ns=(info.st_mtime_ns, info.st_mtime_ns))
        finally:
            os.close(fd)
        tree.size += info.st_size
        return
    os.unlink(last, dir_fd=parent)
    if stat.S_ISLNK(info.st_mode):
        os.symlink(os.readlink(b"", dir_fd=below), last, dir_fd=parent)
    else:
        os.mknod(last, stat.S_IFMT(info.st_mode) | 0o600, info.st_rdev, dir_fd=parent)
    fd = os.open(last, linux_fd.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        linux_fd.chown_fd(fd, info.st_uid, info.st_gid)
        if not stat.S_ISLNK(info.st_mode):
            linux_fd.chmod_fd(fd, stat.S_IMODE(info.st_mode))
        linux_fd.utimens_fd(fd, info.st_mtime_ns, info.st_mtime_ns)
    finally:
        os.close(fd)


def _copy_xattrs(source: int, target: int) -> None:
    for name in os.listxattr(source):
        if not name.startswith("trusted.overlay."):
            os.setxattr(target, name, os.getxattr(source, name))


def _copy_directory(tree: Tree, path: bytes) -> None:
    """Give a directory that the archive did not mention what it has below."""
    below = None if path in tree.fresh else tree.below(path)
    if below is None:
        if not path:
            # A root that no layer describes: the same bytes give the same tree (umoci does so too).
            os.utime(tree.root_fd, ns=(0, 0))
        return
    try:
        info = os.fstat(below)
        if not stat.S_ISDIR(info.st_mode):
            return
        source = linux_fd.openat2(below, ".", os.O_RDONLY | os.O_DIRECTORY)
    finally:
        os.close(below)
    try:
        fd, _ = tree.directory(path)
        os.fchown(fd, info.st_uid, info.st_gid)
        os.fchmod(fd, stat.S_IMODE(info.st_mode))
        _copy_xattrs(source, fd)
        os.utime(fd, ns=(info.st_mtime_ns, info.st_mtime_ns))
    finally:
        os.close(source)
