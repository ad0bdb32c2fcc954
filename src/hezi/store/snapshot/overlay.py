"""The overlay driver: a layer is a directory tree, a container's root a stack of them (overlayfs).

    layers/<hex of chain id>/diff   the layer's tree
    layers/<hex of chain id>/size   bytes in its files, as text
    layers/.tmp-XXXX/               a layer under way; its directory is locked (flock) by the writer
    layers/.rm-XXXX/                a layer on its way out
    layers/.empty/{a,b}             what stands in where overlayfs wants more layers than an image has

layers/ is 0700, so are the temporary directories: whatever setuid programs and open modes an image brings, no other
user of the machine gets to them (CVE-2021-41091), and nobody can swap a name while we unpack.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress

from hezi import errors
from hezi._util import atomic
from hezi.linux import fd as linux_fd
from hezi.spec.digest import Digest
from hezi.store import paths
from hezi.store.snapshot import overlay_mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hezi.image.tarlayer import TarReader
    from hezi.store.snapshot.base import LayerWriter, Rootfs
    from hezi.store.tree import Tree

DIR_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_EMPTY = ".empty"
_TEMPORARY = ".tmp-"
_REMOVED = ".rm-"
_NOT_MAPPED = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_MAPPED_HINT = "it takes Linux 6.13 and a store on ext4, xfs, btrfs or the like; without it: --userns host"


class OverlayWriter:
    """A layer under way; see :class:`hezi.store.snapshot.base.LayerWriter`."""

    __slots__ = ("_driver", "_fd", "_name", "_tree")

    def __init__(self, driver: OverlayDriver, name: str, fd: int, tree: Tree) -> None:
        self._driver = driver
        self._name = name
        self._fd = fd
        self._tree = tree

    @property
    def size(self) -> int:
        """Bytes in the layer's files."""
        return self._tree.size

    def unpack(self, reader: TarReader) -> None:
        """Take all entries of the archive."""
        from hezi.store import unpack  # starting a container mounts, and needs none of this

        unpack.unpack(reader, self._tree)

    def settle(self, parents: Sequence[Digest]) -> bool:
        """Do what depends on the layers below."""
        from hezi.store import settle

        try:
            lower = self._driver.view(parents)
            try:
                return settle.settle(self._tree, lower)
            finally:
                if lower is not None:
                    os.close(lower)
        except OSError as error:
            doing = "cannot fit the layer to the layers below"
            raise errors.from_os_error(doing, error) from error

    def open_diff(self) -> int:
        """Open the tree as it is by now; the descriptor is the caller's."""
        return os.open("diff", DIR_FLAGS, dir_fd=self._fd)

    def sync(self) -> None:
        """Write everything to the disk: one syncfs, where fsync of each file would take minutes."""
        try:
            atomic.write_file(self._fd, "size", str(self.size).encode(), sync=False)
            linux_fd.syncfs(self._fd)
        except OSError as error:
            doing = "cannot write the layer to the disk"
            raise errors.from_os_error(doing, error) from error

    def commit(self, chain_id: Digest) -> None:
        """Put the layer in its place."""
        try:
            linux_fd.renameat2(self._driver.fd, self._name, self._driver.fd, chain_id.hex, linux_fd.RENAME_NOREPLACE)
            os.fsync(self._driver.fd)
        except FileExistsError:
            return  # another process was faster; discard() removes ours
        except OSError as error:
            doing = "cannot store the layer"
            raise errors.from_os_error(doing, error) from error
        self._name = ""
        self._close()

    def discard(self) -> None:
        """Remove everything that was not committed."""
        name, self._name = self._name, ""
        self._tree.close()
        if name:
            # The lock is given up after it: nobody else is to remove the same tree.
            with suppress(OSError):  # what is left is swept another time
                atomic.remove_tree(self._driver.fd, name)
        self._close()

    def _close(self) -> None:
        self._tree.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class OverlayDriver:
    """Layers below ``root/layers``; see :class:`hezi.store.snapshot.base.SnapshotDriver`."""

    name = "overlay"

    def __init__(self, root: str) -> None:
        self.fd = paths.open_directory(root, "layers")
        self._path = os.path.join(root, "layers")

    def close(self) -> None:
        """Close the descriptor of layers/."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def probe(self) -> str:
        """Say why overlayfs cannot be used here; empty when it can."""
        try:
            os.close(self.mount(overlay_mount.empty_rootfs()))
        except errors.Error as error:
            return str(error)
        return ""

    def prepare(self) -> OverlayWriter:
        """Begin a layer in a directory of its own."""
        from hezi.store.tree import Tree

        try:
            while True:
                name = _TEMPORARY + os.urandom(8).hex()
                os.mkdir(name, 0o700, dir_fd=self.fd)
                try:
                    fd = os.open(name, DIR_FLAGS, dir_fd=self.fd)
                except FileNotFoundError:
                    continue  # swept before it was locked
                try:
                    root = self._begin(fd)
                except FileNotFoundError:
                    os.close(fd)
                    continue
                except BaseException:
                    os.close(fd)
                    raise
                return OverlayWriter(self, name, fd, Tree(root, fd))
        except OSError as error:
            doing = "cannot begin the layer"
            raise errors.from_os_error(doing, error) from error

    @staticmethod
    def _begin(fd: int) -> int:
        fcntl.flock(fd, fcntl.LOCK_EX)
        # A sweep may have come first; then this fails, as the directory has no name any more.
        os.mkdir("diff", 0o755, dir_fd=fd)
        root = os.open("diff", DIR_FLAGS, dir_fd=fd)
        os.fchmod(root, 0o755)
        return root

    def has(self, chain_id: Digest) -> bool:
        """Say whether the layer is there."""
        try:
            os.stat(chain_id.hex, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def list(self) -> list[Digest]:
        """Return the chain ids of all layers."""
        return [Digest(f"sha256:{name}") for name in os.listdir(self.fd) if not name.startswith(".")]

    def usage(self, chain_id: Digest) -> int:
        """Return the bytes in the layer's files."""
        try:
            fd = os.open(f"{chain_id.hex}/size", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.fd)
        except FileNotFoundError:
            return 0
        try:
            text = os.read(fd, 24)
            return int(text) if text.isdigit() else 0
        finally:
            os.close(fd)

    def made_at(self, chain_id: Digest) -> float:
        """Return when the layer was made, in seconds since the epoch."""
        try:
            return os.stat(chain_id.hex, dir_fd=self.fd, follow_symlinks=False).st_mtime
        except FileNotFoundError:
            return 0.0

    def detach(self, chain_id: Digest) -> str:
        """Take a layer out of its place."""
        name = _REMOVED + os.urandom(8).hex()
        try:
            os.rename(chain_id.hex, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except FileNotFoundError:
            return ""
        except OSError as error:
            doing = f"cannot remove layer {chain_id.short}"
            raise errors.from_os_error(doing, error) from error
        return name

    def differs(self, chain_id: Digest, writer: LayerWriter) -> bytes | None:
        """Compare a layer with what a writer has unpacked."""
        from hezi.store import compare

        if not isinstance(writer, OverlayWriter):
            raise TypeError(writer)
        try:
            old = self._open_diff(chain_id)
            try:
                new = writer.open_diff()
                try:
                    return next((change.path for change in compare.compare(old, new, marks=True)), None)
                finally:
                    os.close(new)
            finally:
                os.close(old)
        except OSError as error:
            doing = f"cannot read layer {chain_id.short}"
            raise errors.from_os_error(doing, error) from error

    def purge(self, name: str) -> None:
        """Free the space of a detached layer."""
        if not name.startswith(_REMOVED):
            return
        try:
            self._remove_unlocked(name)
        except OSError as error:
            doing = "cannot remove a layer's files"
            raise errors.from_os_error(doing, error) from error

    def sweep(self) -> int:
        """Remove the directories of processes that died."""
        try:
            names = [name for name in os.listdir(self.fd) if name.startswith((_REMOVED, _TEMPORARY))]
            return sum(self._remove_unlocked(name) for name in names)
        except OSError as error:
            doing = "cannot remove what a killed process left"
            raise errors.from_os_error(doing, error) from error

    def _remove_unlocked(self, name: str) -> bool:
        """Remove a directory unless somebody holds its lock: who writes it, or who removes it already."""
        try:
            fd = os.open(name, DIR_FLAGS, dir_fd=self.fd)
        except FileNotFoundError:
            return False
        from hezi.store.snapshot import clearing  # starting a container removes nothing

        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            clearing.remove_tree(self.fd, name)
        except (BlockingIOError, FileNotFoundError):
            return False
        finally:
            os.close(fd)
        return True

    def diff_path(self, chain_id: Digest) -> str:
        """Return the path of a layer's tree."""
        return f"{self._path}/{chain_id.hex}/diff"

    def lower(self, chain_ids: Sequence[Digest]) -> tuple[str, ...]:
        """Return the directories of an image, the topmost first, for a read-only overlay, which wants two at least.

        :raises hezi.errors.Error: NOT_FOUND: a layer is missing.
        """
        for chain_id in chain_ids:
            os.close(self._open_diff(chain_id))
        found = [self.diff_path(chain_id) for chain_id in reversed(chain_ids)]
        for name in ("a", "b")[: 2 - len(found)] if len(found) < 2 else ():
            os.close(self._open_empty(name))
            found.append(f"{self._path}/{_EMPTY}/{name}")
        return tuple(found)

    def view(self, chain_ids: Sequence[Digest], upper: str | None = None) -> int | None:
        """Open the root of the given layers stacked; None when there are none. The descriptor is the caller's.

        :param upper: the changes of a container, which may be running: they are looked at as one more layer.
        """
        if not chain_ids and upper is None:
            return None
        if len(chain_ids) == 1 and upper is None:
            # overlayfs wants two layers or an upper directory; one alone has no whiteouts and is its own view.
            return os.open(f"{chain_ids[0].hex}/diff", DIR_FLAGS, dir_fd=self.fd)
        lower: list[int] = []
        try:
            if upper is not None:
                lower.append(os.open(upper, DIR_FLAGS))
            lower.extend(self._open_diff(chain_id) for chain_id in reversed(chain_ids))
            if len(lower) == 1:
                lower.append(self._open_empty("a"))
            return overlay_mount.mount(lower, None, None, readonly=True, scratch=self._path)
        finally:
            for fd in lower:
                os.close(fd)

    def _open_diff(self, chain_id: Digest) -> int:
        try:
            return os.open(f"{chain_id.hex}/diff", DIR_FLAGS, dir_fd=self.fd)
        except FileNotFoundError as error:
            message = f"layer {chain_id.short} is not in the store"
            raise errors.Error(errors.NOT_FOUND, message, hint="remove the image and pull it again") from error

    def _open_empty(self, name: str) -> int:
        path = f"{_EMPTY}/{name}"
        try:
            return os.open(path, DIR_FLAGS, dir_fd=self.fd)
        except FileNotFoundError:
            for part in (_EMPTY, path):
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=self.fd)
            return os.open(path, DIR_FLAGS, dir_fd=self.fd)

    def mount(self, rootfs: Rootfs) -> int:
        """Mount the layers, top first, with the upper directory over them; give the detached mount.

        :raises hezi.errors.Error: NOT_FOUND: a layer is missing; UNSUPPORTED, PERMISSION and others from the kernel.
        """
        fds: list[int] = []
        try:
            fds.extend(self._open_diff(chain_id) for chain_id in reversed(rootfs.layers))
            # Without an upper directory overlayfs wants two layers, different ones.
            for name in ("a", "b"):
                if len(fds) < (2 if rootfs.upper is None else 1):
                    fds.append(self._open_empty(name))
            if rootfs.mapped is not None:
                return overlay_mount.mount_mapped(fds, rootfs)
            return overlay_mount.mount(
                fds, rootfs.upper, rootfs.work, volatile=rootfs.volatile, readonly=rootfs.readonly, scratch=self._path
            )
        except OSError as error:
            if rootfs.mapped is not None and error.errno in _NOT_MAPPED:
                text = f"cannot show the image's layers by the container's own ids: {error.strerror}"
                raise errors.Error(errors.UNSUPPORTED, text, hint=_MAPPED_HINT) from error
            doing = "cannot mount the image's layers"
            raise errors.from_os_error(doing, error) from error
        finally:
            for fd in fds:
                os.close(fd)
