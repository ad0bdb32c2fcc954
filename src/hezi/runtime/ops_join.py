"""Operations of a program that joins a container which runs already."""

from __future__ import annotations

import os

from hezi.linux import fd as _fd
from hezi.linux import nscalls, pty
from hezi.runtime import ops
from hezi.runtime.ops_devices import TERMINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

# The descriptor of the container's first process, which comes beside the plan's.
TARGET = "target"
_ADJUSTMENT = "/proc/self/oom_score_adj"


class JoinContainer(ops.Operation):
    """Enter all namespaces of the container's first process at once, named by a descriptor of it (Linux 5.8).

    Its mount namespace too: the root and the working directory are the container's root from then on. But for those
    that :class:`JoinLast` enters when the program's process is there.
    """

    __slots__ = ("kinds", "oom_score_adj")
    where: ClassVar[str] = ops.OUTSIDE

    def __init__(self, kinds: tuple[str, ...], oom_score_adj: int | None) -> None:
        self.kinds = kinds
        self.oom_score_adj = oom_score_adj

    def describe(self) -> str:
        return f"{' '.join(self.kinds)} namespaces of its first process"

    def execute(self, context: ops.Context) -> None:
        if self.oom_score_adj is not None:
            adjust(context, self.oom_score_adj)
        flags = 0
        for kind in self.kinds:
            flags |= nscalls.KINDS[kind]
        nscalls.setns(context.fds[TARGET], flags)


class JoinLast(ops.Operation):
    """Enter the cgroup namespace of the container's first process, being in its groups already, and its user namespace.

    From within the first nobody can be born in a group while he is outside of them: where v2 is mounted with
    nsdelegate, as systemd does, that is ENOENT (cgroup_attach_permissions in kernel/cgroup/cgroup.c). From within the
    second nobody may enter a cgroup namespace that was made outside of it (cgroupns_install), so both come at once.
    """

    __slots__ = ("kinds",)

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds

    def describe(self) -> str:
        return f"{' '.join(self.kinds)} namespace of its first process"

    def execute(self, context: ops.Context) -> None:
        target = context.fds.pop(TARGET)
        flags = 0
        for kind in self.kinds:
            flags |= nscalls.KINDS[kind]
        try:
            nscalls.setns(target, flags)
        finally:
            os.close(target)


def adjust(context: ops.Context, value: int) -> None:
    """Set it while /proc is the host's; the child inherits it."""
    fd = os.open(_ADJUSTMENT, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, b"%d" % value)
    except PermissionError:
        context.warn("the OOM score adjustment is not allowed here; it stays as it is")
    finally:
        os.close(fd)


class OpenTerminalInside(ops.Operation):
    """Make a pseudo-terminal in the devpts that the container has on /dev/pts; the caller gets the master.

    What lies there is the container's to choose, so it is looked up without following magic links and believed only
    when it is a devpts; the slave comes from TIOCGPTPEER, not from a name (CVE-2025-52565).
    """

    __slots__ = ("columns", "rows", "uid")

    def __init__(self, columns: int, rows: int, uid: int) -> None:
        self.columns = columns
        self.rows = rows
        self.uid = uid

    def describe(self) -> str:
        size = f", {self.columns}x{self.rows}" if self.rows or self.columns else ""
        return f"a pseudo-terminal for user {self.uid}{size}"

    def execute(self, context: ops.Context) -> None:
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            devpts = _fd.open_in_root(root, "/dev/pts", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        finally:
            os.close(root)
        try:
            master, slave = pty.open_in_devpts(devpts)
        finally:
            os.close(devpts)
        if self.rows or self.columns:
            pty.set_winsize(slave, self.rows, self.columns)
        os.fchown(slave, self.uid, -1)
        context.channel.send(("console",), (master,))
        os.close(master)
        context.fds[TERMINAL] = slave
