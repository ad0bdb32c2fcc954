"""What is done with the host's rights for a container in a user namespace of its own, before it is entered.

Inside, its root may not make device nodes, raise limits, or have anything that belongs to the host's root.
"""

from __future__ import annotations

import os

from hezi.linux import mount, rlimits
from hezi.runtime import ops, ops_devices, ops_join, ops_process, ops_spaces
from hezi.runtime.ops_mounts import attribute_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from hezi.runtime.ops_devices import Node
    from hezi.runtime.ops_mounts import Options


class MakeDev(ops.Operation):
    """Make the file system for /dev with all that is in it, owned by the container's root, attached nowhere yet.

    Made by the host's root its nodes can be opened; by the container's they could not be made.
    """

    __slots__ = ("attrs", "links", "nodes", "options", "owner")
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(
        self,
        attrs: int,
        links: tuple[tuple[bytes, bytes], ...],
        nodes: tuple[Node, ...],
        options: Options,
        owner: tuple[int, int],
    ) -> None:
        self.attrs = attrs
        self.options = options
        self.nodes = nodes
        self.links = links
        self.owner = owner

    def describe(self) -> str:
        words = attribute_words(self.attrs)
        words += [name if value is None else f"{name}={ops.text(value)}" for name, value in self.options]
        nodes = ops_devices.MakeNodes(self.nodes).describe()
        return f"tmpfs for /dev ({','.join(words)}), of user {self.owner[0]}; {nodes}"

    def execute(self, context: ops.Context) -> None:
        ops_devices.NewDev(self.attrs, self.options).execute(context)
        ops_devices.MakeNodes(self.nodes).execute(context)
        ops_devices.MakeLinks(b"", self.links).execute(context)
        top = context.fds[ops_devices.DEV]
        for name, _ in self.links:
            try:
                os.chown(name, *self.owner, dir_fd=top, follow_symlinks=False)
            except FileNotFoundError:
                continue  # no /dev/core, as the kernel has no /proc/kcore
        os.chown(b".", *self.owner, dir_fd=top)


class RaiseLimit(ops.Operation):
    """Raise a hard limit to what it is to be; inside it can only be lowered."""

    __slots__ = ("hard", "name")
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, hard: int, name: str) -> None:
        self.hard = hard
        self.name = name

    def describe(self) -> str:
        return f"{self.name} up to {'unlimited' if self.hard == -1 else self.hard}"

    def execute(self, context: ops.Context) -> None:
        resource = rlimits.RLIMITS[self.name]
        soft, hard = rlimits.getrlimit(resource)
        if hard != -1 and (self.hard == -1 or self.hard > hard):
            try:
                rlimits.setrlimit(resource, soft, self.hard)
            except PermissionError:
                return  # SetRlimit says so


class AdjustScore(ops.Operation):
    """Say how readily the kernel kills the container's processes when memory runs out; they inherit it."""

    __slots__ = ("value",)
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, value: int) -> None:
        self.value = value

    def describe(self) -> str:
        return str(self.value)

    def execute(self, context: ops.Context) -> None:
        ops_join.adjust(context, self.value)


class OwnStreams(ops.Operation):
    """Give the pipes to the program's user, which may open /dev/stdout again; inside nobody could."""

    __slots__ = ("gid", "uid")
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, gid: int, uid: int) -> None:
        self.uid = uid
        self.gid = gid

    def describe(self) -> str:
        return f"to user {self.uid} of the host"

    def execute(self, context: ops.Context) -> None:
        for name in ops_process.STDIO:
            if ops_process.is_pipe(context.fds[name]):
                os.fchown(context.fds[name], self.uid, self.gid)


class MapToContainer(ops.Operation):
    """Show the owners of a mount's files, and of those below, by the numbers they have in the user namespace."""

    __slots__ = ("name", "recursive")
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, name: str, recursive: bool) -> None:
        self.name = name
        self.recursive = recursive

    def describe(self) -> str:
        return f"{self.name}, by the container's user namespace"

    def execute(self, context: ops.Context) -> None:
        flags = mount.AT_EMPTY_PATH | (mount.AT_RECURSIVE if self.recursive else 0)
        try:
            mount.mount_setattr(context.fds[self.name], b"", flags, userns_fd=context.fds[ops_spaces.SPACE])
        except OSError as error:
            text = "idmap: owners cannot be shown by other numbers on the file system there, or on one mounted below"
            raise OSError(error.errno or 0, text, self.name.partition(": ")[2]) from None
