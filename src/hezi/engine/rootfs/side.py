"""One side of a copy: the host, or a container; paths on it are resolved by the rules of ``docker cp``.

A path is cleaned as text first (``/a/../b`` is ``/b``), then its directory is resolved with all links, then its last
name without. A trailing ``/`` or ``/.`` says that a directory is meant, and follows a link to one. In a container the
kernel resolves with the container's root as the root, each time anew and never outside; what was found is acted on by
its descriptor.
"""

from __future__ import annotations

import os
import posixpath
import stat

from hezi import errors
from hezi._util.record import NamedTuple
from hezi.linux import fd as linux_fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from hezi.runtime.owners import Owners

_DIRECTORY = linux_fd.O_PATH | os.O_DIRECTORY
_PROBE = linux_fd.O_PATH | os.O_NOFOLLOW
_MAX_LINKS = 40


class Side:
    """Where paths start.

    :param root: descriptor of the root directory, not closed.
    :param label: what messages put in front of a path: ``""`` or ``"NAME:"``.
    :param inside: the tree is a container's and not to be left.
    :param hidden: devices of file systems that are not copied: their places are empty directories.
    :param owners: the ids of the user namespace that it is in; None where the numbers are what they seem.
    """

    __slots__ = ("hidden", "inside", "label", "owners", "root")

    def __init__(
        self,
        root: int,
        label: str = "",
        *,
        inside: bool,
        owners: Owners | None = None,
        hidden: frozenset[int] = frozenset(),
    ) -> None:
        self.root = root
        self.label = label
        self.inside = inside
        self.owners = owners
        self.hidden = hidden

    @property
    def shown_as(self) -> Callable[[int, int], tuple[int, int]] | None:
        """What gives the owners inside of those outside."""
        owners = self.owners
        return None if owners is None else lambda uid, gid: (owners.inner_uid(uid), owners.inner_gid(gid))

    def open(self, path: bytes, flags: int) -> int:
        """Open an absolute path, following all links.

        :raises OSError: as openat2(2).
        """
        if self.inside:
            return linux_fd.open_in_root(self.root, path, flags)
        return os.open(path, flags | os.O_CLOEXEC)

    def missing(self, path: str) -> errors.Error:
        """Return the error for a path that is not there, in docker's words."""
        if self.inside:
            text = f"Could not find the file {path} in container {self.label.removesuffix(':')}"
        else:
            text = f"lstat {path}: no such file or directory"
        return errors.Error(errors.NOT_FOUND, text)


class Node(NamedTuple):
    """A place on a side: the directory, the name in it, and what is there.

    parent: O_PATH descriptor, the caller's to close.
    base: empty when the directory itself is meant.
    probe: O_PATH descriptor of what is there, -1 for nothing; the caller's to close.
    path: absolute, cleaned.
    """

    parent: int
    base: bytes
    probe: int
    path: bytes

    @property
    def mode(self) -> int:
        """The file's mode; 0 when there is none."""
        return os.fstat(self.probe).st_mode if self.probe >= 0 else 0

    @property
    def is_directory(self) -> bool:
        """Whether it is there and a directory."""
        return stat.S_ISDIR(self.mode)

    def close(self) -> None:
        """Close both descriptors."""
        for fd in (self.parent, self.probe):
            if fd >= 0:
                os.close(fd)


def contents_meant(path: str) -> bool:
    """Say whether a path names what is in a directory rather than the directory (``DIR/.``)."""
    return posixpath.basename(path) == "."


def directory_meant(path: str) -> bool:
    """Say whether a path can only be a directory: it ends with ``/`` or ``/.``."""
    return path.endswith("/") or contents_meant(path)


def absolute(path: str, *, inside: bool) -> bytes:
    """Return the path from the root, without "." and ".."; the end that says "directory" is kept."""
    start = "/" if inside else os.getcwd()
    clean = posixpath.normpath("/" + posixpath.join(start, path).lstrip("/"))
    if directory_meant(path) and clean != "/":
        clean += "/." if contents_meant(path) else "/"
    return os.fsencode(clean)


def bare(path: bytes) -> bytes:
    """Return an absolute path without an end that says "directory"."""
    return path.removesuffix(b"/.").rstrip(b"/")


def look(side: Side, path: bytes) -> Node:
    """Find a path whose last name is not followed; nothing there is no error.

    :param path: of :func:`absolute`.
    :raises OSError: ENOENT: not even its directory is there; ENOTDIR, ELOOP, EACCES ...
    """
    above, _, base = path.rpartition(b"/")
    if base in {b".", b".."}:
        above, base = path, b""
    parent = side.open(above or b"/", _DIRECTORY)
    try:
        if not base:
            return Node(parent, base, os.dup(parent), path)
        try:
            probe = os.open(base, _PROBE | os.O_CLOEXEC, dir_fd=parent)
        except FileNotFoundError:
            probe = -1
    except BaseException:
        os.close(parent)
        raise
    return Node(parent, base, probe, path)


def follow(side: Side, path: bytes) -> Node:
    """Find a path, following links also where the last one leads to nothing: that is where a file would be made.

    :raises OSError: as :func:`look`; ELOOP after 40 links.
    """
    first = path
    for _ in range(_MAX_LINKS):
        node = look(side, path)
        if not stat.S_ISLNK(node.mode):
            return node
        try:
            target = os.readlink(b"", dir_fd=node.probe)
        finally:
            node.close()
        # Not cleaned as text: what ".." means behind a link only the kernel knows.
        path = os.path.join(os.path.dirname(path), target)
    # As docker: a link that leads nowhere but to links is itself what is there; what is copied to it takes its place.
    return look(side, first)
