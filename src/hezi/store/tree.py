"""The tree of one layer while it is being written: directories by descriptor, resolved without following a link.

Names in a layer go through symbolic links of the same layer (``lib -> usr/lib``, then ``lib/x``), and those links may
say anything. So a path is walked here name by name, each step opened with O_NOFOLLOW from the descriptor of the one
before; a link is read and its target walked the same way, with the layer's root as the root and ".." answered by what
we know to be the parent. Nothing is ever resolved by the kernel twice, and nothing outside can be reached.

The walk also yields the *canonical* path of every directory, one without links. All records are keyed by it.

    implicit   directories made only because something below them was in the archive; what they are to look like the
               layers below know (see hezi.store.settle)
    explicit   directories of the archive, with the metadata they get when the layer is complete
    opaque     directories that hide what the layers below have at their place
    whiteouts  names that hide what the layers below have: overlayfs wants a character device 0:0
"""

from __future__ import annotations

import errno
import os
import stat

from hezi import errors
from hezi._util import atomic
from hezi.linux import fd as linux_fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from hezi.image.tarlayer import Entry

DIR_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PROBE = linux_fd.O_PATH | os.O_NOFOLLOW
_NO_LINKS = linux_fd.RESOLVE_BENEATH | linux_fd.RESOLVE_NO_SYMLINKS
# As many as the kernel follows (MAXSYMLINKS).
_MAX_LINKS = 40
# PATH_MAX: a tree deeper than this could not be used, and would cost us a descriptor for each level.
_MAX_PATH = 4095
_OPEN_DIRECTORIES = 200


def corrupt(message: str) -> NoReturn:
    """Raise the error for a layer whose entries make no sense.

    :raises hezi.errors.Error: CORRUPT.
    """
    message = f"layer is not valid: {message}"
    raise errors.Error(errors.CORRUPT, message)


def shown(path: bytes) -> str:
    """Return a path of the image for a message: printable and not too long."""
    text = path[:200].decode(errors="backslashreplace")
    return "/" + "".join(c if c.isprintable() else "?" for c in text)


def join(parent: bytes, name: bytes) -> bytes:
    """Return the canonical path of ``name`` in the canonical directory ``parent``; the root is ``b""``."""
    return parent + b"/" + name if parent else name


def is_whiteout(info: os.stat_result) -> bool:
    """Say whether this is overlayfs's sign for "removed"."""
    return stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


class Tree:
    """A layer's tree below ``root_fd``, which it owns.

    :param aside_fd: a private directory on the same file system, for what has to move.
    """

    __slots__ = (
        "_aliases", "_open", "aside_fd", "explicit", "fresh", "implicit", "lower_fd", "opaque", "pending", "root_fd",
        "size", "whiteouts",
    )  # fmt: skip

    def __init__(self, root_fd: int, aside_fd: int = -1) -> None:
        self.root_fd = root_fd
        self.aside_fd = aside_fd
        self.lower_fd = -1
        """The root of what the layers below look like together; -1 when there are none or while they do not matter."""
        self._open: dict[bytes, int] = {}
        self._aliases: dict[bytes, bytes] = {}
        self.implicit: dict[bytes, None] = {b"": None}
        self.explicit: dict[bytes, Entry] = {}
        self.opaque: set[bytes] = set()
        self.whiteouts: set[bytes] = set()
        self.fresh: set[bytes] = set()
        """Implicit directories whose namesakes below this layer has removed."""
        self.pending: dict[bytes, bytes] = {}
        """Canonical name of a hard link -> its target, which no entry of this layer has made."""
        self.size = 0
        """Bytes in regular files."""

    def close(self) -> None:
        """Close all descriptors."""
        self.close_directories()
        if self.root_fd >= 0:
            os.close(self.root_fd)
            self.root_fd = -1

    def close_directories(self) -> None:
        """Close all descriptors but the root's."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()

    def directory(self, path: bytes) -> tuple[int, bytes]:
        """Return (descriptor, canonical path) of the directory ``path``, made with its parents if missing.

        The descriptor stays the tree's own and is good until another directory is asked for: duplicate it to hold two.

        :param path: clean: without empty, "." and ".." components.
        :raises hezi.errors.Error: CORRUPT: a file is in the way, or there are too many links or levels.
        """
        canonical = self._aliases.get(path, path)
        fd = self._open.pop(canonical, None)
        if fd is not None:
            self._open[canonical] = fd  # to the end: the first one is closed first
            return fd, canonical
        if not path:
            return self.root_fd, path
        return self._walk(path)

    def _walk(self, path: bytes) -> tuple[int, bytes]:
        above, _, last = path.rpartition(b"/")
        start = self._aliases.get(above, above)
        if start in self._open:
            fd, canonical, todo = self._open[start], start, [last]
        else:
            fd, canonical, todo = self.root_fd, b"", path.split(b"/")[::-1]
        links = 0
        while todo:
            name = todo.pop()
            if name in {b"", b"."}:
                continue
            if name == b"..":
                # A canonical path has no links: its parent is what stands before the last slash.
                todo += canonical.split(b"/")[:-1][::-1]
                fd, canonical = self.root_fd, b""
                continue
            step = self._step(fd, canonical, name)
            if isinstance(step, int):
                fd, canonical = step, join(canonical, name)
                continue
            links += 1
            if links > _MAX_LINKS or len(todo) > _MAX_PATH:
                corrupt(f"too many symbolic links on the way to {shown(path)}")
            if step.startswith(b"/"):
                fd, canonical = self.root_fd, b""
            todo += step.split(b"/")[::-1]
        if canonical != path:
            self._aliases[path] = canonical
        return fd, canonical

    def _step(self, parent: int, canonical: bytes, name: bytes) -> int | bytes:
        """Open ``name`` in ``parent``: its descriptor, or the target when it is a link."""
        child = join(canonical, name)
        fd = self._open.pop(child, None)
        if fd is not None:
            self._open[child] = fd
            return fd
        if len(child) > _MAX_PATH:
            corrupt(f"{shown(child)} is nested too deep")
        try:
            fd = os.open(name, DIR_FLAGS, dir_fd=parent)
        except FileNotFoundError:
            target = self._link_below(child)
            if target is not None:
                return target
            fd = self._make_implicit(parent, child, name)
        except NotADirectoryError:
            info = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISLNK(info.st_mode):
                return os.readlink(name, dir_fd=parent)
            if not is_whiteout(info):
                corrupt(f"{shown(child)} is not a directory, but something is to be in it")
            self.clear(parent, child, name)
            fd = self._make_implicit(parent, child, name)
            self.opaque.add(child)
            self.fresh.add(child)
        self._keep(child, fd)
        return fd

    def below(self, path: bytes, *, hidden: bool = False) -> int | None:
        """Open (O_PATH) what the layers below have at the canonical ``path``; None when they have nothing there.

        :param hidden: even if this layer hides it: a hard link may have come before the whiteout.

        Something below a link or a file of theirs is not at that path: this layer's directory hides it.
        """
        if self.lower_fd < 0:
            return None
        # An opaque directory hides what is in it, not itself.
        if path and self.opaque and not hidden:
            parts = path.split(b"/")[:-1]
            if any(b"/".join(parts[:count]) in self.opaque for count in range(len(parts) + 1)):
                return None
        try:
            return linux_fd.openat2(self.lower_fd, path or b".", _PROBE, 0, _NO_LINKS)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                return None
            raise

    def _link_below(self, child: bytes) -> bytes | None:
        """The target when the layers below have a link there: docker and umoci follow it when they apply a layer."""
        fd = self.below(child)
        if fd is None:
            return None
        try:
            return os.readlink(b"", dir_fd=fd) if stat.S_ISLNK(os.fstat(fd).st_mode) else None
        finally:
            os.close(fd)

    def _make_implicit(self, parent: int, child: bytes, name: bytes) -> int:
        os.mkdir(name, 0o755, dir_fd=parent)
        fd = os.open(name, DIR_FLAGS, dir_fd=parent)
        os.fchmod(fd, 0o755)
        self.implicit[child] = None
        return fd

    def _keep(self, canonical: bytes, fd: int) -> None:
        if len(self._open) >= _OPEN_DIRECTORIES:
            # Not only the oldest: the walk from the root that follows would throw out one for one.
            for old in list(self._open)[: _OPEN_DIRECTORIES // 2]:
                os.close(self._open.pop(old))
        self._open[canonical] = fd

    def make_directory(self, path: bytes, entry: Entry) -> None:
        """Make a directory of the archive, or take the one that is there; its metadata comes at the end."""
        above, _, name = path.rpartition(b"/")
        parent, canonical = self.directory(above)
        child = join(canonical, name)
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            info = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(info.st_mode):
                self.clear(parent, child, name)
                os.mkdir(name, 0o700, dir_fd=parent)
                # What was here has already replaced what the layers below have.
                self.opaque.add(child)
        self.implicit.pop(child, None)
        self.explicit.pop(child, None)
        self.explicit[child] = entry

    def clear(self, parent: int, child: bytes, name: bytes) -> None:
        """Remove what is at ``name``, so that a later entry of the archive can take its place."""
        info = os.stat(name, dir_fd=parent, follow_symlinks=False)
        self.whiteouts.discard(child)
        self.pending.pop(child, None)
        if stat.S_ISDIR(info.st_mode):
            self._forget_below(child)
            atomic.remove_tree(parent, name)
            return
        if (stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)) and info.st_nlink == 1:
            self.size -= info.st_size
        os.unlink(name, dir_fd=parent)
        if stat.S_ISLNK(info.st_mode):
            self._aliases.clear()

    def _forget_below(self, child: bytes) -> None:
        below = child + b"/"
        for fd in [self._open.pop(key) for key in list(self._open) if key == child or key.startswith(below)]:
            os.close(fd)
        self._aliases.clear()
        for records in (self.implicit, self.explicit, self.pending):
            for key in [key for key in records if key == child or key.startswith(below)]:
                del records[key]
        for names in (self.opaque, self.whiteouts, self.fresh):
            names.difference_update([key for key in names if key == child or key.startswith(below)])

    def rename_below(self, old: bytes, new: bytes) -> None:
        """Tell the records that the directory ``old`` was moved to ``new`` (both canonical)."""
        self.close_directories()
        self._aliases.clear()
        below = old + b"/"

        def moved(key: bytes) -> bytes:
            return join(new, key[len(below) :]) if key.startswith(below) else key

        self.implicit = {moved(key): None for key in self.implicit if key != old}
        self.explicit = {moved(key): entry for key, entry in self.explicit.items()}
        self.pending = {moved(key): target for key, target in self.pending.items()}
        self.opaque = {moved(key) for key in self.opaque if key != old}
        self.whiteouts = {moved(key) for key in self.whiteouts}
        self.fresh = {moved(key) for key in self.fresh}

    def whiteout(self, parent: int, canonical: bytes, name: bytes) -> None:
        """Hide ``name`` of the layers below; what this layer itself has there stays (OCI image-spec, layer.md)."""
        child = join(canonical, name)
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent)
        except FileExistsError:
            info = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                self.opaque.add(child)
                self.fresh.add(child)
            elif not is_whiteout(info):
                return
            else:
                self.whiteouts.add(child)
        else:
            self.whiteouts.add(child)


def is_content_error(error: OSError) -> bool:
    """Say whether the kernel refused what an entry asks for, rather than the disk or the machine failing."""
    return error.errno in {
        errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.EEXIST, errno.ENOENT,
        errno.EOVERFLOW, errno.EFBIG, errno.E2BIG, errno.ERANGE,
    }  # fmt: skip
