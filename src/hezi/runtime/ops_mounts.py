"""Operations on mounts: the root, file systems, binds, masks, the change of root.

Every mount is made detached and attached to a descriptor of its target, which :mod:`hezi.runtime.targets` resolved in
the tree: between the two there is no name an attacker could change.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

from hezi.linux import fd as _fd
from hezi.linux import mount
from hezi.runtime import ops, targets
from hezi.runtime.attributes import Change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    # (option, value); None for an option without a value
    Options = tuple[tuple[str, bytes | None], ...]

# Names of descriptors in the context that more than one operation knows.
ROOT = "rootfs"
PROC = "proc"
DEVPTS = "devpts"
READ_ONLY = mount.MOUNT_ATTR_RDONLY
_NULL = "null device"
_EMPTY = "empty directory"

_ATTRS = {
    mount.MOUNT_ATTR_RDONLY: "ro",
    mount.MOUNT_ATTR_NOSUID: "nosuid",
    mount.MOUNT_ATTR_NODEV: "nodev",
    mount.MOUNT_ATTR_NOEXEC: "noexec",
    mount.MOUNT_ATTR_NOATIME: "noatime",
    mount.MOUNT_ATTR_STRICTATIME: "strictatime",
    mount.MOUNT_ATTR_NODIRATIME: "nodiratime",
    mount.MOUNT_ATTR_NOSYMFOLLOW: "nosymfollow",
}


def attribute_words(attrs: int) -> list[str]:
    """Spell MOUNT_ATTR_* bits as mount options."""
    return [word for bit, word in _ATTRS.items() if attrs & bit]


def _attach(mount_fd: int, target: int) -> None:
    try:
        mount.move_mount(mount_fd, b"", target, b"")
    finally:
        os.close(target)


class OpenSource(ops.Operation):
    """Take a detached copy of a directory or file of the host, before any namespace is entered.

    As a copy made in the host's mount namespace it stays a peer or slave of the host's mount, which is what the
    propagation of a volume is about, although everything else in the container is cut off.
    """

    __slots__ = ("name", "path", "recursive")
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, name: str, path: bytes, recursive: bool) -> None:
        self.name = name
        self.path = path
        self.recursive = recursive

    def describe(self) -> str:
        return f"{self.name}{', with the mounts below' if self.recursive else ''}"

    def execute(self, context: ops.Context) -> None:
        flags = mount.OPEN_TREE_CLONE | (mount.AT_RECURSIVE if self.recursive else 0)
        context.fds[self.name] = mount.open_tree(mount.AT_FDCWD, self.path, flags)


class AttachRoot(ops.Operation):
    """Attach the container's root, which the engine mounted detached, on top of the host's.

    No directory is needed for it: absolute paths of this process go on meaning the root below until PivotRoot.
    """

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what

    def describe(self) -> str:
        return self.what

    def execute(self, context: ops.Context) -> None:
        root = context.fds[ROOT]
        # A new file system is private anyway; a copy of a mount of the host may not be.
        Change(propagation="rprivate").apply(root)
        mount.move_mount(root, b"", mount.AT_FDCWD, b"/")


class MountFilesystem(ops.Operation):
    """Make a new file system and attach it; under ``keep`` its mount stays known to later operations."""

    __slots__ = ("attrs", "destination", "fstype", "keep", "options")

    def __init__(self, attrs: int, destination: bytes, fstype: str, keep: str, options: Options) -> None:
        self.attrs = attrs
        self.destination = destination
        self.fstype = fstype
        self.keep = keep
        self.options = options

    def describe(self) -> str:
        words = attribute_words(self.attrs)
        words += [name if value is None else f"{name}={ops.text(value)}" for name, value in self.options]
        return f"{self.fstype} on {ops.text(self.destination)} ({','.join(words) or 'defaults'})"

    def execute(self, context: ops.Context) -> None:
        # A read-only tmpfs would not take its mode.
        later = self.attrs & READ_ONLY if self.fstype == "tmpfs" else 0
        made = mount.new_mount(self.fstype, self.options, self.attrs & ~later)
        self._over(context.fds[ROOT], made)
        if later:
            Change(later).apply_attached(made, context.fds[PROC])
        if self.keep:
            context.fds[self.keep] = made
        else:
            os.close(made)

    def _over(self, root: int, made: int) -> None:
        """Attach it; as runc does, a tmpfs over a directory of the image gets its mode, and a new one 1777."""
        if self.fstype == "tmpfs" and not any(name == "mode" for name, _ in self.options):
            try:
                there = targets.look_up(root, self.destination, os.O_DIRECTORY)
            except FileNotFoundError:
                there = -1
            if there >= 0:
                try:
                    _fd.chmod_fd(made, stat.S_IMODE(os.fstat(there).st_mode))
                finally:
                    os.close(there)
        _attach(made, targets.directory(root, self.destination))


class OpenProc(ops.Operation):
    """Mount procfs privately: what is written or read in it cannot be redirected by anything in the tree."""

    __slots__ = ("attrs", "options")

    def __init__(self, attrs: int, options: Options) -> None:
        self.attrs = attrs
        self.options = options

    def describe(self) -> str:
        return "proc, attached nowhere"

    def execute(self, context: ops.Context) -> None:
        made = mount.new_mount("proc", self.options, self.attrs)
        _fd.verify_procfs(made)
        context.fds[PROC] = made


class AttachMount(ops.Operation):
    """Attach a mount made by an earlier operation, directory on directory or file on file."""

    __slots__ = ("attrs_clear", "attrs_set", "destination", "name", "propagation", "recursive")

    def __init__(
        self, attrs_clear: int, attrs_set: int, destination: bytes, name: str, propagation: str, recursive: bool
    ) -> None:
        self.attrs_clear = attrs_clear
        self.attrs_set = attrs_set
        self.destination = destination
        self.name = name
        self.propagation = propagation
        self.recursive = recursive

    def describe(self) -> str:
        words = attribute_words(self.attrs_set)
        if self.recursive and words:
            words.append("with the mounts below")
        if self.propagation:
            words.append(self.propagation)
        how = f" ({', '.join(words)})" if words else ""
        return f"{self.name} on {ops.text(self.destination)}{how}"

    def execute(self, context: ops.Context) -> None:
        source = context.fds[self.name]
        change = Change(self.attrs_set, self.attrs_clear, self.propagation, recursive=self.recursive)
        changed = change.apply(source)
        make = targets.directory if stat.S_ISDIR(os.fstat(source).st_mode) else targets.file
        _attach(source, make(context.fds[ROOT], self.destination))
        if not changed:
            change.apply_attached(source, context.fds[PROC])
        if self.propagation not in {"", "rprivate"}:
            _verify_propagation(source, self.propagation, self.destination)
        if self.name != PROC:
            os.close(context.fds.pop(self.name))


def _verify_propagation(attached: int, wanted: str, destination: bytes) -> None:
    """Look whether the mount has become what was asked for: the kernel makes a slave of nobody private, silently."""
    # Still the host's files: the root changes later.
    from hezi.linux import mountinfo

    entry = mountinfo.entry_of(attached)
    kind = wanted.removeprefix("r")
    alone = not entry.peer_group and not entry.master
    kept = {
        "shared": entry.peer_group,
        "slave": entry.master,
        "private": alone,
        "unbindable": alone and entry.unbindable,
    }
    if not kept.get(kind, True):
        raise OSError(errno.EINVAL, f"mount propagation: it is {entry.propagation}, not {wanted}", destination)


class SetMountAttributes(ops.Operation):
    """Change the attributes of the mount at a path, as for a file system that had to be filled first."""

    __slots__ = ("attrs", "path")

    def __init__(self, attrs: int, path: bytes) -> None:
        self.attrs = attrs
        self.path = path

    def describe(self) -> str:
        return f"{ops.text(self.path)} ({','.join(attribute_words(self.attrs))})"

    def execute(self, context: ops.Context) -> None:
        target = targets.look_up(context.fds[ROOT], self.path)
        try:
            Change(self.attrs).apply_attached(target, context.fds[PROC])
        finally:
            os.close(target)


class WriteSysctl(ops.Operation):
    """Write a kernel parameter of the new namespaces, through the private procfs."""

    __slots__ = ("name", "path", "value")

    def __init__(self, name: str, path: bytes, value: bytes) -> None:
        self.name = name
        self.path = path
        self.value = value

    def describe(self) -> str:
        return f"{self.name}={ops.text(self.value)}"

    def execute(self, context: ops.Context) -> None:
        write_proc(context, b"sys/" + self.path, self.value)


def write_proc(context: ops.Context, path: bytes, value: bytes) -> None:
    """Write a file of the private procfs; nothing mounted over it is entered.

    :raises OSError: what open(2) or write(2) say; EXDEV when something is mounted there.
    """
    resolve = _fd.RESOLVE_BENEATH | _fd.RESOLVE_NO_SYMLINKS | _fd.RESOLVE_NO_XDEV
    fd = _fd.openat2(context.fds[PROC], path, os.O_WRONLY | os.O_CLOEXEC, resolve=resolve)
    try:
        os.write(fd, value)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(fd)


class MaskPath(ops.Operation):
    """Hide a path: a file behind the null device, a directory behind an empty read-only one.

    The null device is the host's, looked at through its descriptor: the container's /dev/null may be anything by now
    (CVE-2025-31133). Only a missing path is passed over.
    """

    __slots__ = ("path",)

    def __init__(self, path: bytes) -> None:
        self.path = path

    def describe(self) -> str:
        return ops.text(self.path)

    def execute(self, context: ops.Context) -> None:
        try:
            target = targets.look_up(context.fds[ROOT], self.path, links=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            mask = _empty_directory if stat.S_ISDIR(os.fstat(target).st_mode) else _null_device
            fd = mask(context)
            try:
                mount.move_mount(fd, b"", target, b"")
            finally:
                if fd != context.fds.get(_EMPTY):
                    os.close(fd)
        finally:
            os.close(target)


def _null_device(context: ops.Context) -> int:
    """Give a detached mount of the host's null device."""
    fd = context.fds.get(_NULL, -1)
    if fd < 0:
        # Still the host's: the root changes later.
        fd = os.open(b"/dev/null", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        status = os.fstat(fd)
        if not stat.S_ISCHR(status.st_mode) or status.st_rdev != os.makedev(1, 3):
            os.close(fd)
            raise OSError(errno.ENODEV, "open: not the null device", b"/dev/null")
        context.fds[_NULL] = fd
    return mount.open_tree(fd, b"", mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH)


def _empty_directory(context: ops.Context) -> int:
    """Give a detached mount of an empty read-only directory, one file system for all."""
    first = context.fds.get(_EMPTY, -1)
    if first >= 0:
        return mount.open_tree(first, b"", mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH)
    attrs = mount.MOUNT_ATTR_RDONLY | mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOEXEC
    # Only an attached mount can be copied before Linux 6.15, which the first one will be when the next is wanted.
    context.fds[_EMPTY] = mount.new_mount(
        "tmpfs", (("source", b"tmpfs"), ("size", b"4096"), ("nr_inodes", b"2"), ("mode", b"0555")), attrs
    )
    return context.fds[_EMPTY]


class ReadonlyPath(ops.Operation):
    """Make what is at a path read-only, with the mounts below; a missing path is passed over."""

    __slots__ = ("path",)

    def __init__(self, path: bytes) -> None:
        self.path = path

    def describe(self) -> str:
        return ops.text(self.path)

    def execute(self, context: ops.Context) -> None:
        try:
            target = targets.look_up(context.fds[ROOT], self.path, links=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        flags = mount.AT_EMPTY_PATH | mount.AT_RECURSIVE
        try:
            copy = mount.open_tree(target, b"", flags | mount.OPEN_TREE_CLONE)
            try:
                change = Change(READ_ONLY, recursive=True)
                changed = change.apply(copy)
                mount.move_mount(copy, b"", target, b"")
                if not changed:
                    change.apply_attached(copy, context.fds[PROC])
            finally:
                os.close(copy)
        finally:
            os.close(target)


class MakeDirectory(ops.Operation):
    """Make a directory with its parents where missing: the working directory."""

    __slots__ = ("path",)

    def __init__(self, path: bytes) -> None:
        self.path = path

    def describe(self) -> str:
        return ops.text(self.path)

    def execute(self, context: ops.Context) -> None:
        root = context.fds[ROOT]
        try:
            os.close(targets.look_up(root, self.path, os.O_DIRECTORY))
        except FileNotFoundError:
            os.close(_fd.mkdir_in_root(root, self.path))


class PivotRoot(ops.Operation):
    """Make the container's root the only one: the host's is detached and gone from this mount namespace."""

    __slots__ = ()

    def describe(self) -> str:
        return "the container's root becomes /, the host's is detached"

    def execute(self, context: ops.Context) -> None:
        # From here on names mean the image's files. Everything is imported; what is not must fail, not be searched.
        sys.meta_path.clear()
        sys.path.clear()
        os.fchdir(context.fds[ROOT])
        mount.pivot_root(b".", b".")
        # The old root is stacked on the new one now (pivot_root(2)).
        mount.umount2(b".", mount.MNT_DETACH)
        os.chdir(b"/")


class SetRootAttributes(ops.Operation):
    """Change the attributes or the propagation of the root mount, once nothing has to be made in it any more."""

    __slots__ = ("attrs", "propagation")

    def __init__(self, attrs: int, propagation: str) -> None:
        self.attrs = attrs
        self.propagation = propagation

    def describe(self) -> str:
        return " ".join(["/", *attribute_words(self.attrs), *([self.propagation] if self.propagation else ())])

    def execute(self, context: ops.Context) -> None:
        Change(self.attrs, 0, self.propagation).apply_attached(context.fds[ROOT], context.fds[PROC])
