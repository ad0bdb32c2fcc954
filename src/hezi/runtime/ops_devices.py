"""Operations on /dev: a file system of our own, filled before anybody can see it, and the console.

Device nodes and links are made on the descriptor of a tmpfs that is attached nowhere yet, so nothing in the image can
redirect them (CVE-2026-41579, CVE-2026-47766).
"""

from __future__ import annotations

import errno
import os
import stat

from hezi.linux import fd as _fd
from hezi.linux import mount, pty
from hezi.runtime import ops, targets
from hezi.runtime.ops_mounts import DEVPTS, ROOT, attribute_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.runtime.ops_mounts import Options

    # (path, kind c|b|p, permissions, major, minor, uid, gid)
    Node = tuple[bytes, str, int, int, int, int, int]

DEV = "dev"
TERMINAL = "terminal"
_KINDS = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO, "u": stat.S_IFCHR}


class NewDev(ops.Operation):
    """Make the file system for /dev, attached nowhere yet."""

    __slots__ = ("attrs", "options")

    def __init__(self, attrs: int, options: Options) -> None:
        self.attrs = attrs
        self.options = options

    def describe(self) -> str:
        words = attribute_words(self.attrs)
        words += [name if value is None else f"{name}={ops.text(value)}" for name, value in self.options]
        return f"tmpfs for /dev ({','.join(words)})"

    def execute(self, context: ops.Context) -> None:
        context.fds[DEV] = mount.new_mount("tmpfs", self.options, self.attrs)


class MakeNodes(ops.Operation):
    """Make device nodes, in the new /dev (relative paths) or in the root (absolute ones)."""

    __slots__ = ("nodes",)

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self.nodes = nodes

    def describe(self) -> str:
        return ", ".join(
            f"{ops.text(path)} {kind} {major}:{minor} {mode:04o}" for path, kind, mode, major, minor, _, _ in self.nodes
        )

    def execute(self, context: ops.Context) -> None:
        for path, kind, mode, major, minor, uid, gid in self.nodes:
            base = context.fds[ROOT] if path.startswith(b"/") else context.fds[DEV]
            holder, name = targets.parent(base, path)
            try:
                device = 0 if kind == "p" else os.makedev(major, minor)
                os.mknod(name, _KINDS[kind], device, dir_fd=holder)
                _finish(holder, name, (_KINDS[kind], device), mode, (uid, gid))
            except OSError as error:
                error.filename = path
                raise
            finally:
                os.close(holder)


def _finish(holder: int, name: bytes, made: tuple[int, int], mode: int, owner: tuple[int, int]) -> None:
    resolve = _fd.RESOLVE_BENEATH | _fd.RESOLVE_NO_SYMLINKS
    node = _fd.openat2(holder, name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, resolve=resolve)
    try:
        status = os.fstat(node)
        if (stat.S_IFMT(status.st_mode), status.st_rdev) != made:
            # Outside /dev it may be a volume, where somebody put something else in its place meanwhile.
            raise OSError(errno.EEXIST, "mknod: replaced by something else", name)
        if owner != (0, 0):
            _fd.chown_fd(node, *owner)
        # Made without permissions: no umask gets in, and nobody opens it before its owner is set.
        _fd.chmod_fd(node, mode)
    finally:
        os.close(node)


class MakeLinks(ops.Operation):
    """Make symbolic links in the new /dev, or in a directory of the root that a mount of ours covers."""

    __slots__ = ("directory", "links")

    def __init__(self, directory: bytes, links: tuple[tuple[bytes, bytes], ...]) -> None:
        self.directory = directory
        self.links = links

    def describe(self) -> str:
        where = ops.text(self.directory) or "/dev"
        return f"in {where}: " + ", ".join(f"{ops.text(name)} -> {ops.text(to)}" for name, to in self.links)

    def execute(self, context: ops.Context) -> None:
        if not self.directory:
            self._make(context.fds[DEV])
            return
        fd = targets.look_up(context.fds[ROOT], self.directory, os.O_DIRECTORY)
        try:
            self._make(fd)
        finally:
            os.close(fd)

    def _make(self, directory: int) -> None:
        for name, to in self.links:
            # As runc does: no /dev/core where the kernel has no /proc/kcore.
            if name == b"core" and not os.path.exists(to):
                continue
            try:
                os.symlink(to, name, dir_fd=directory)
            except FileExistsError:
                continue


class OpenTerminal(ops.Operation):
    """Make a pseudo-terminal in the container's own devpts, of the right size, and put it on /dev/console.

    The slave comes from TIOCGPTPEER: /dev/pts/0 may be a link by now (CVE-2025-52565). The engine gets the master.
    """

    __slots__ = ("columns", "rows", "uid")

    def __init__(self, columns: int, rows: int, uid: int) -> None:
        self.columns = columns
        self.rows = rows
        self.uid = uid

    def describe(self) -> str:
        size = f", {self.columns}x{self.rows}" if self.rows or self.columns else ""
        return f"a pseudo-terminal for user {self.uid}{size}, also /dev/console"

    def execute(self, context: ops.Context) -> None:
        master, slave = pty.open_in_devpts(context.fds[DEVPTS])
        if self.rows or self.columns:
            pty.set_winsize(slave, self.rows, self.columns)
        os.fchown(slave, self.uid, -1)
        console = mount.open_tree(slave, b"", mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH)
        try:
            target = targets.file(context.fds[ROOT], b"/dev/console")
            try:
                mount.move_mount(console, b"", target, b"")
            finally:
                os.close(target)
        finally:
            os.close(console)
        context.channel.send(("console",), (master,))
        os.close(master)
        context.fds[TERMINAL] = slave
