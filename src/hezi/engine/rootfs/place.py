"""Where a copy goes: entries become files below one directory, by descriptor, whatever happens to the names meanwhile.

Names below the directory are resolved from its descriptor without any link. In a container a name may go through a
link that was there before (``var/run -> /run``): it is then resolved once more with the container's root as the root;
on the host it never may, since the entries come from a container.

Existing files are replaced, existing directories are kept; neither takes the other's place (as docker).
"""

from __future__ import annotations

import errno
import os
import stat

from hezi import errors
from hezi._util import atomic
from hezi._util.record import NamedTuple
from hezi.image import tarlayer
from hezi.linux import fd as linux_fd
from hezi.linux import idmapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.rootfs.side import Side
    from hezi.image.tarlayer import Entry, EntrySource

_BENEATH = linux_fd.RESOLVE_BENEATH | linux_fd.RESOLVE_NO_SYMLINKS
_DIRECTORY = linux_fd.O_PATH | os.O_DIRECTORY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PROBE = linux_fd.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_NODES = {tarlayer.CHAR: stat.S_IFCHR, tarlayer.BLOCK: stat.S_IFBLK, tarlayer.FIFO: stat.S_IFIFO}
_OPEN_PARENTS = 32
_NOT_COPIED = (b"trusted.", b"user.overlay.", b"security.selinux", b"system.")


class _Made(NamedTuple):
    """A directory that gets its mode and times at the end, if it still is the one that was made."""

    path: bytes
    identity: tuple[int, int]
    entry: Entry


class Place:
    """A directory that a copy goes to.

    :param top: its descriptor (O_PATH will do), not closed.
    :param path: its path on the side, for links on the way and for messages.
    :param owner: (uid, gid) of everything that is made; None keeps what the entries say.
    """

    def __init__(self, side: Side, top: int, path: bytes, owner: tuple[int, int] | None) -> None:
        self._side = side
        self._top = top
        self._path = path
        self._owner = owner
        self._parents: dict[bytes, int] = {}
        self._made: list[_Made] = []
        self.transferred = 0
        """Bytes that an archive of the entries so far would have."""

    def close(self) -> None:
        """Close the descriptors."""
        for fd in self._parents.values():
            os.close(fd)
        self._parents.clear()

    def take(self, source: EntrySource) -> None:
        """Make all entries.

        :raises errors.Error: a file is in a directory's way or the reverse; and what the kernel refuses.
        """
        owners = self._side.owners
        if owners is None:
            self._take(source)
            return
        # The host's root has no number on what the container is shown: it can make nothing there.
        with idmapped.acting(*owners.root):
            self._take(source)

    def _take(self, source: EntrySource) -> None:
        name = b""
        try:
            for entry in source:
                name = entry.name
                self._entry(source, entry)
                self.transferred += 512 + (entry.size + 511) // 512 * 512
            self._finish()
            self.transferred += 1024
        except OSError as error:
            raise self._failed(error, name) from error

    def _failed(self, error: OSError, name: bytes) -> errors.Error:
        if error.errno == errno.EROFS and self._side.inside:
            on_root = linux_fd.mount_id(self._top) == linux_fd.mount_id(self._side.root)
            what = "container rootfs" if on_root else "mounted volume"
            return errors.Error(errors.PERMISSION, f"{what} is marked read-only")
        shown = os.fsdecode(self._path.rstrip(b"/") + b"/" + name)
        return errors.from_os_error(f"cannot copy to {self._side.label}{shown}", OSError(error.errno, error.strerror))

    def _entry(self, source: EntrySource, entry: Entry) -> None:
        path = _clean(entry.name)
        if not path:
            return  # the directory itself: it stays as it is
        above, _, name = path.rpartition(b"/")
        parent = self._parent(above)
        if entry.kind == tarlayer.DIRECTORY:
            self._directory(parent, name, path, entry)
            return
        self._make_way(parent, name, path)
        if entry.kind == tarlayer.REGULAR:
            self._regular(source, entry, parent, name)
        elif entry.kind == tarlayer.HARDLINK:
            self._hardlink(entry, parent, name)
        elif entry.kind == tarlayer.SYMLINK:
            os.symlink(entry.linkname, name, dir_fd=parent)
            fd = os.open(name, _PROBE, dir_fd=parent)
            try:
                self._attributes(fd, entry, is_link=True)
            finally:
                os.close(fd)
        else:
            self._node(entry, parent, name)

    def _parent(self, above: bytes) -> int:
        if not above:
            return self._top
        fd = self._parents.pop(above, -1)
        if fd < 0:
            fd = self._resolve(above)
            while len(self._parents) >= _OPEN_PARENTS:
                os.close(self._parents.pop(next(iter(self._parents))))
        self._parents[above] = fd
        return fd

    def _resolve(self, path: bytes) -> int:
        try:
            return linux_fd.openat2(self._top, path, _DIRECTORY, 0, _BENEATH)
        except OSError as error:
            if not self._side.inside or error.errno not in {errno.ELOOP, errno.ENOENT}:
                raise
        # A link of the container's own, or a directory that an archive takes for granted.
        return linux_fd.mkdir_in_root(self._side.root, self._path + b"/" + path, 0o755)

    def _make_way(self, parent: int, name: bytes, path: bytes) -> None:
        try:
            info = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(info.st_mode):
            shown = os.fsdecode(self._path)
            text = f'cannot overwrite directory "{shown}/{os.fsdecode(path)}" with non-directory "{shown or "/"}"'
            raise errors.Error(errors.INVALID, text)
        os.unlink(name, dir_fd=parent)

    def _directory(self, parent: int, name: bytes, path: bytes, entry: Entry) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            info = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(info.st_mode):
                shown = os.fsdecode(self._path)
                text = f'cannot overwrite non-directory "{shown}/{os.fsdecode(path)}" with directory "{shown or "/"}"'
                raise errors.Error(errors.INVALID, text) from None
        else:
            info = os.stat(name, dir_fd=parent, follow_symlinks=False)
        self._made.append(_Made(path, (info.st_dev, info.st_ino), entry))

    def _finish(self) -> None:
        """Owner, mode and times of the directories, deepest first: what is made in them changes the times."""
        for made in reversed(self._made):
            try:
                fd = linux_fd.openat2(
                    self._parent(made.path.rpartition(b"/")[0]), made.path.rpartition(b"/")[2], _PROBE, 0, _BENEATH
                )
            except FileNotFoundError:
                continue
            try:
                info = os.fstat(fd)
                # Another directory in its place is none of ours: its mode is not ours to give.
                if (info.st_dev, info.st_ino) == made.identity:
                    self._attributes(fd, made.entry)
            finally:
                os.close(fd)
        self._made.clear()

    def _regular(self, source: EntrySource, entry: Entry, parent: int, name: bytes) -> None:
        fd = os.open(name, _CREATE, 0o600, dir_fd=parent)
        try:
            if entry.sparse is not None:
                _write_sparse(fd, source, entry)
            elif entry.size:
                for view in source.data():
                    atomic.write_all(fd, view)
            self._attributes(fd, entry)
        finally:
            os.close(fd)

    def _hardlink(self, entry: Entry, parent: int, name: bytes) -> None:
        target = _clean(entry.linkname)
        if not target:
            raise errors.Error(errors.INVALID, f'invalid hardlink "{os.fsdecode(entry.name)}"')
        kept = os.dup(parent)
        try:
            above, _, first = target.rpartition(b"/")
            os.link(first, name, src_dir_fd=self._parent(above), dst_dir_fd=kept, follow_symlinks=False)
        finally:
            os.close(kept)

    def _node(self, entry: Entry, parent: int, name: bytes) -> None:
        os.mknod(name, _NODES[entry.kind] | 0o600, os.makedev(entry.devmajor, entry.devminor), dir_fd=parent)
        fd = os.open(name, _PROBE, dir_fd=parent)
        try:
            # A racer's file in its place would get the mode of a device.
            if stat.S_IFMT(os.fstat(fd).st_mode) == _NODES[entry.kind]:
                self._attributes(fd, entry)
        finally:
            os.close(fd)

    def _attributes(self, fd: int, entry: Entry, *, is_link: bool = False) -> None:
        """Owner first: chown clears setuid bits and capabilities. Times last: everything else changes them."""
        uid, gid = self._owner if self._owner is not None else (entry.uid, entry.gid)
        owners = self._side.owners
        if owners is not None:
            uid, gid = owners.outer_uid(uid), owners.outer_gid(gid)
        info = os.fstat(fd)
        if (info.st_uid, info.st_gid) != (uid, gid):
            linux_fd.chown_fd(fd, uid, gid)
        if not is_link:
            for key, value in entry.xattrs:
                if not key.startswith(_NOT_COPIED):
                    _set_attribute(fd, key, value)
            linux_fd.chmod_fd(fd, entry.mode)
        linux_fd.utimens_fd(fd, entry.mtime_ns, entry.mtime_ns)


def _set_attribute(fd: int, key: bytes, value: bytes) -> None:
    try:
        linux_fd.setxattr_fd(fd, key, value)
    except OSError as error:
        # The file system there does not have this kind, or not on this type of file: docker goes without, too.
        if error.errno not in {errno.EOPNOTSUPP, errno.EPERM}:
            raise


def _write_sparse(fd: int, source: EntrySource, entry: Entry) -> None:
    views = source.data()
    view: bytes | memoryview = b""
    for offset, length in entry.sparse or ():
        os.lseek(fd, offset, os.SEEK_SET)
        left = length
        while left:
            view = view or next(views, b"")
            if not view:
                break
            part = view[:left]
            atomic.write_all(fd, part)
            left -= len(part)
            view = view[len(part) :]
    os.ftruncate(fd, entry.size)


def _clean(name: bytes) -> bytes:
    """Return a name relative to the top, without "." and ".."; what would lead above it is refused.

    :raises errors.Error: INVALID.
    """
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts and not name.startswith(b"/"):
                text = f'"{os.fsdecode(name)}" is outside of the directory it is to go to'
                raise errors.Error(errors.INVALID, text)
            parts = parts[:-1]
        elif part not in {b"", b"."}:
            parts.append(part)
    return b"/".join(parts)
