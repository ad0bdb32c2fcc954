"""Operations on namespaces: making and joining them, and what belongs to one as a whole."""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import fcntl
import os
import struct

from hezi.linux import mount, nscalls, prctl
from hezi.runtime import ops, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from hezi.runtime.channel import Channel

# Names of descriptors that come beside the plan's: v1 files by which to join the container's cgroups, and the
# directory in the v2 tree that the first process is to be born in.
JOIN = "join cgroup "
BORN_IN = "cgroup"
# The container's own user namespace, where it has one.
SPACE = "user namespace"

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


class JoinNamespace(ops.Operation):
    """Enter an existing namespace; its handle came with the plan or is opened by its path."""

    __slots__ = ("kind", "path")
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, kind: str, path: bytes) -> None:
        self.kind = kind
        self.path = path

    def describe(self) -> str:
        return f"{self.kind} namespace of {ops.text(self.path)}"

    def execute(self, context: ops.Context) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            nscalls.setns(fd, nscalls.KINDS[self.kind])
        finally:
            os.close(fd)


class CloneInit(ops.Operation):
    """Fork the container's first process into new namespaces.

    It becomes a child of the engine, which alone may wait for it (CLONE_PARENT); this process reports it and ends. The
    child waits until the engine says go: the engine knows every process before it does anything, so nothing is left
    behind when the engine gives up, and it can still move it to another cgroup.
    """

    __slots__ = ("kinds",)
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds

    def describe(self) -> str:
        return f"new {' '.join(self.kinds)} namespaces" if self.kinds else "no new namespaces"

    def execute(self, context: ops.Context) -> None:
        flags = nscalls.CLONE_PARENT
        for kind in self.kinds:
            flags |= nscalls.KINDS[kind] if kind != "user" else 0
        joins = [context.fds.pop(name) for name in list(context.fds) if name.startswith(JOIN)]
        born_in = context.fds.pop(BORN_IN, None)
        for fd in joins:
            # This process is its only thread, and so may move itself by v1's tasks file, which waits for nothing.
            os.write(fd, b"0")
        if "user" in self.kinds:
            # It is there already, and owns the network. What is cloned from inside it belongs to it too.
            nscalls.setns(context.fds.pop(SPACE), nscalls.CLONE_NEWUSER)
        pid, pidfd = nscalls.clone3(flags, cgroup_fd=born_in)
        if pid:
            context.channel.send(("init", pid), (pidfd,))
            os._exit(0)
        for fd in joins if born_in is None else (*joins, born_in):
            os.close(fd)
        _arm()
        message, _ = context.channel.receive()
        if message is None:
            os._exit(1)  # the engine gave up
        protect(context.channel)


def _arm() -> None:
    prctl.set_dumpable(value=False)
    prctl.set_pdeathsig(signals.SIGKILL)


def protect(channel: Channel) -> None:
    """Close this process to others: not dumpable (no ptrace, no /proc/self of it), killed with its parent.

    Both are gone after a change of credentials. The death signal never comes when the parent died before it was armed;
    then the line to it is closed, as a process closes its files before its children learn of its end. Its number does
    not tell: from another process namespace a parent is 0, dead or alive.
    """
    _arm()
    try:
        channel.expect_silence()
    except OSError:
        os._exit(1)


class BecomeRoot(ops.Operation):
    """Be root of the user namespace: who came from outside is nobody in it, and owns nothing of what it makes."""

    __slots__ = ()

    def describe(self) -> str:
        return "user 0, group 0 of the user namespace"

    def execute(self, context: ops.Context) -> None:
        os.setgroups(())
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        # The change of credentials took both the protection and the death signal away.
        protect(context.channel)


class NewCgroupNamespace(ops.Operation):
    """Make the cgroups this process is in now the roots of all it will see.

    Not part of the clone: the engine may have moved the process meanwhile.
    """

    __slots__ = ()

    def describe(self) -> str:
        return "rooted in the cgroups joined so far"

    def execute(self, context: ops.Context) -> None:
        nscalls.unshare(nscalls.CLONE_NEWCGROUP)


class IsolatePropagation(ops.Operation):
    """Have mounts of the host arrive in the new mount namespace (or not), and none go back."""

    __slots__ = ("propagation",)

    def __init__(self, propagation: str) -> None:
        self.propagation = propagation

    def describe(self) -> str:
        return f"/ {self.propagation}"

    def execute(self, context: ops.Context) -> None:
        kind = mount.MS_PRIVATE if self.propagation == "rprivate" else mount.MS_SLAVE
        mount.mount(None, b"/", None, mount.MS_REC | kind)


class SetHostname(ops.Operation):
    """Name the UTS namespace."""

    __slots__ = ("name",)

    def __init__(self, name: bytes) -> None:
        self.name = name

    def describe(self) -> str:
        return ops.text(self.name)

    def execute(self, context: ops.Context) -> None:
        nscalls.sethostname(self.name)


class SetDomainname(ops.Operation):
    """Set the NIS domain of the UTS namespace."""

    __slots__ = ("name",)

    def __init__(self, name: bytes) -> None:
        self.name = name

    def describe(self) -> str:
        return ops.text(self.name)

    def execute(self, context: ops.Context) -> None:
        nscalls.setdomainname(self.name)


class LoopbackUp(ops.Operation):
    """Switch on the interface ``lo``, which a new network namespace has and leaves down."""

    __slots__ = ()

    def describe(self) -> str:
        return "lo"

    def execute(self, context: ops.Context) -> None:
        # netdevice(7): struct ifreq is the name in 16 bytes and a union of 24, here the flags as a short.
        sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        try:
            request = struct.pack("16sh22x", b"lo", 0)
            flags = struct.unpack_from("16sh", fcntl.ioctl(sock.fileno(), _SIOCGIFFLAGS, request))[1]
            fcntl.ioctl(sock.fileno(), _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))
        finally:
            sock.close()
