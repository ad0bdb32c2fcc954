"""Operations on what is mounted: a part of a volume, the layers of an image, other owners.

They run outside, before any namespace is entered, and again each time that the container is started again.
"""

from __future__ import annotations

import errno
import os

from hezi.linux import fd as _fd
from hezi.linux import mount, nscalls
from hezi.runtime import ops, remount
from hezi.runtime.ops_spaces import SPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

# Relative links that stay inside are followed; absolute ones, .. above the top and those of /proc are refused (EXDEV,
# ELOOP): what is in a volume was put there by containers.
_INSIDE = _fd.RESOLVE_BENEATH | _fd.RESOLVE_NO_MAGICLINKS


def _copy_below(top: int, below: bytes, flags: int) -> int:
    """Take a detached copy of what is at ``below`` under the descriptor ``top``.

    :raises OSError: ENOENT; EXDEV for a way that leads out.
    """
    try:
        inner = _fd.openat2(top, below, os.O_PATH | os.O_CLOEXEC, resolve=_INSIDE)
    except OSError as error:
        text = "subpath: it leads out of what it is in" if error.errno == errno.EXDEV else f"subpath: {error.strerror}"
        raise OSError(error.errno or 0, text, below) from None
    try:
        return mount.open_tree(inner, b"", flags | mount.AT_EMPTY_PATH)
    finally:
        os.close(inner)


class OpenBelow(ops.Operation):
    """Take a detached copy of a directory or file inside a volume, whose content is not to be trusted."""

    __slots__ = ("below", "name", "path", "recursive")
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, below: bytes, name: str, path: bytes, recursive: bool) -> None:
        self.name = name
        self.path = path
        self.below = below
        self.recursive = recursive

    def describe(self) -> str:
        return f"{ops.text(self.below)} in {self.name}{', with the mounts below' if self.recursive else ''}"

    def execute(self, context: ops.Context) -> None:
        flags = mount.OPEN_TREE_CLONE | (mount.AT_RECURSIVE if self.recursive else 0)
        top = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            context.fds[self.name] = _copy_below(top, self.below, flags)
        finally:
            os.close(top)


class OpenElsewhere(ops.Operation):
    """Take a detached copy of a mount in another container: goes into its mount namespace for it, and comes back.

    Only a mount of one's own namespace can be copied. What is there is the other container's to arrange, so no link is
    followed, and nothing is done in there but the two calls.
    """

    __slots__ = ("name", "path", "space")
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, name: str, path: bytes, space: bytes) -> None:
        self.name = name
        self.path = path
        self.space = space

    def describe(self) -> str:
        return f"{ops.text(self.path)} of {ops.text(self.space)}"

    def execute(self, context: ops.Context) -> None:
        opened = [os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)]
        try:
            opened += (os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for name in ("/", "."))
            opened.append(os.open(self.space, os.O_RDONLY | os.O_CLOEXEC))
            own, root, here, theirs = opened
            nscalls.setns(theirs, nscalls.CLONE_NEWNS)
            try:
                context.fds[self.name] = self._copy()
            finally:
                nscalls.setns(own, nscalls.CLONE_NEWNS)
                os.fchdir(root)
                os.chroot(".")
                os.fchdir(here)
        finally:
            for fd in opened:
                os.close(fd)

    def _copy(self) -> int:
        flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        place = _fd.openat2(mount.AT_FDCWD, self.path, flags, resolve=_fd.RESOLVE_NO_SYMLINKS)
        try:
            return mount.open_tree(place, b"", mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH)
        finally:
            os.close(place)


class OpenLayers(ops.Operation):
    """Mount the layers of an image, attached nowhere, read-only; of it all, or what is at ``below``."""

    __slots__ = ("below", "lower", "name", "owner")
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, below: bytes, lower: tuple[bytes, ...], name: str, owner: tuple[int, int] | None) -> None:
        self.name = name
        self.lower = lower
        self.below = below
        self.owner = owner

    def describe(self) -> str:
        part = f"{ops.text(self.below)} in " if self.below else ""
        return f"{part}{self.name}: overlay of {len(self.lower)}"

    def execute(self, context: ops.Context) -> None:
        made = remount.layers(self.lower, context.fds.get(SPACE, -1), self.owner)
        if not self.below:
            context.fds[self.name] = made
            return
        try:
            # Only an attached mount can be copied before Linux 6.15.
            context.fds[self.name] = _copy_below(made, self.below, mount.OPEN_TREE_CLONE)
        finally:
            os.close(made)


class MapOwners(ops.Operation):
    """Show the owners of a mount's files by other numbers (Linux 5.12, and a file system that takes part)."""

    __slots__ = ("gids", "name", "uids")

    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, gids: bytes, name: str, uids: bytes) -> None:
        self.gids = gids
        self.name = name
        self.uids = uids

    def describe(self) -> str:
        return f"{self.name}: uids {_shown(self.uids)}, gids {_shown(self.gids)}"

    def execute(self, context: ops.Context) -> None:
        from hezi.linux import idmapped

        space = idmapped.user_namespace(self.uids, self.gids)
        try:
            mount.mount_setattr(context.fds[self.name], b"", mount.AT_EMPTY_PATH, userns_fd=space)
        except OSError as error:
            raise OSError(error.errno or 0, f"idmap: {error.strerror}", ops.text(self.name.encode())) from None
        finally:
            os.close(space)


def _shown(ranges: bytes) -> str:
    return ops.text(ranges).replace(" ", "-").replace("\n", "#")
