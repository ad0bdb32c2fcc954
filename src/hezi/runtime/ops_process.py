"""Operations on the process itself: limits, descriptors, ids, capabilities, filters, and the program at last."""

from __future__ import annotations

import errno
import os
import stat

from hezi.linux import caps, prctl, pty, rlimits
from hezi.linux import fd as _fd
from hezi.linux.seccomp import load
from hezi.runtime import init, ops, ops_mounts, ops_spaces, signals
from hezi.runtime.ops_devices import TERMINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    Environment = tuple[tuple[bytes, bytes], ...]

STDIO = ("stdin", "stdout", "stderr")


class NewSessionKeyring(ops.Operation):
    """Leave the session keyring of the caller; keyrings are no namespace."""

    __slots__ = ()

    def describe(self) -> str:
        return "a new, empty one"

    def execute(self, context: ops.Context) -> None:
        try:
            prctl.join_session_keyring()
        except OSError as error:
            # A kernel without keys has none to leak. The quota is per user and hit on hosts with many containers.
            if error.errno not in {errno.ENOSYS, errno.EDQUOT}:
                raise


class SetOomScoreAdj(ops.Operation):
    """Say how readily the kernel kills this process when memory runs out: -1000 to 1000."""

    __slots__ = ("value",)

    def __init__(self, value: int) -> None:
        self.value = value

    def describe(self) -> str:
        return str(self.value)

    def execute(self, context: ops.Context) -> None:
        try:
            # By number: "self" is a link, and links are not followed in there.
            ops_mounts.write_proc(context, b"%d/oom_score_adj" % os.getpid(), b"%d" % self.value)
        except PermissionError:
            # Lowering it below the caller's own needs CAP_SYS_RESOURCE.
            context.warn("not allowed here; the value stays as it is")


class SetRlimit(ops.Operation):
    """Set a resource limit; -1 is no limit."""

    __slots__ = ("hard", "name", "soft")

    def __init__(self, hard: int, name: str, soft: int) -> None:
        self.hard = hard
        self.name = name
        self.soft = soft

    def describe(self) -> str:
        return f"{self.name} {_limit(self.soft)}:{_limit(self.hard)}"

    def execute(self, context: ops.Context) -> None:
        resource = rlimits.RLIMITS[self.name]
        try:
            rlimits.setrlimit(resource, self.soft, self.hard)
        except PermissionError:
            # Above the caller's own hard limit and without CAP_SYS_RESOURCE: as much as there is.
            _, ceiling = rlimits.getrlimit(resource)
            soft = ceiling if self.soft == -1 or self.soft > ceiling >= 0 else self.soft
            rlimits.setrlimit(resource, soft, ceiling)
            context.warn("not allowed here; limited to what the caller may have")


def _limit(value: int) -> str:
    return "unlimited" if value == -1 else str(value)


class ConnectStreams(ops.Operation):
    """Become the leader of a new session, with the terminal or the streams that came with the plan as 0, 1 and 2."""

    __slots__ = ("terminal", "uid")

    def __init__(self, terminal: bool, uid: int) -> None:
        self.terminal = terminal
        self.uid = uid

    def describe(self) -> str:
        return "the terminal, controlling" if self.terminal else "the streams given"

    def execute(self, context: ops.Context) -> None:
        os.setsid()
        for number, name in enumerate(STDIO):
            stream = context.fds[TERMINAL if self.terminal else name]
            if number == 0 and self.terminal:
                pty.make_controlling(stream)
            elif not self.terminal and self.uid and is_pipe(stream):
                # The program may open /dev/stdout again, by its own rights.
                os.fchown(stream, self.uid, -1)
            os.dup2(stream, number, inheritable=True)


def is_pipe(stream: int) -> bool:
    """Whether a descriptor is a pipe's."""
    return stat.S_ISFIFO(os.fstat(stream).st_mode)


class CloseDescriptors(ops.Operation):
    """Close everything but 0, 1, 2 and the line to the engine, which execve closes (CVE-2024-21626)."""

    __slots__ = ()

    def describe(self) -> str:
        return "3 and up"

    def execute(self, context: ops.Context) -> None:
        line = context.channel.socket.fileno()
        os.set_inheritable(line, False)
        if line > 3:
            _fd.close_range(3, line - 1)
        _fd.close_range(line + 1, _fd.LAST_FD)
        context.fds.clear()


class SetNoNewPrivileges(ops.Operation):
    """Make execve(2) grant nothing any more: set-user-id programs run without it."""

    __slots__ = ()

    def describe(self) -> str:
        return "no_new_privs"

    def execute(self, context: ops.Context) -> None:
        prctl.set_no_new_privs()


class LoadSeccomp(ops.Operation):
    """Install the system call filter."""

    __slots__ = ("flags", "program")

    def __init__(self, flags: int, program: bytes) -> None:
        self.flags = flags
        self.program = program

    def describe(self) -> str:
        return f"{len(self.program) // 8} instructions"

    def execute(self, context: ops.Context) -> None:
        load.install(self.program, self.flags)


class LimitBoundingSet(ops.Operation):
    """Drop all other capabilities from the bounding set, while there is the right to."""

    __slots__ = ("bounding",)

    def __init__(self, bounding: int) -> None:
        self.bounding = bounding

    def describe(self) -> str:
        return _capabilities(self.bounding)

    def execute(self, context: ops.Context) -> None:
        caps.apply_bounding(self.bounding)


class SetIds(ops.Operation):
    """Take the groups, the group and the user of the program; capabilities survive until the next operation."""

    __slots__ = ("gid", "groups", "uid")

    def __init__(self, gid: int, groups: tuple[int, ...], uid: int) -> None:
        self.gid = gid
        self.groups = groups
        self.uid = uid

    def describe(self) -> str:
        groups = f", groups {' '.join(map(str, self.groups))}" if self.groups else ", no more groups"
        return f"user {self.uid}, group {self.gid}{groups}"

    def execute(self, context: ops.Context) -> None:
        caps.set_keepcaps(value=True)
        os.setgroups(self.groups)
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)


class SetCapabilities(ops.Operation):
    """Set the effective, permitted, inheritable and ambient sets."""

    __slots__ = ("ambient", "effective", "inheritable", "permitted")

    def __init__(self, ambient: int, effective: int, inheritable: int, permitted: int) -> None:
        self.ambient = ambient
        self.effective = effective
        self.inheritable = inheritable
        self.permitted = permitted

    def describe(self) -> str:
        sets = (
            ("effective", self.effective),
            ("permitted", self.permitted),
            ("inheritable", self.inheritable),
            ("ambient", self.ambient),
        )
        return "; ".join(f"{name} {_capabilities(value)}" for name, value in sets)

    def execute(self, context: ops.Context) -> None:
        caps.apply_sets(self.effective, self.permitted, self.inheritable, self.ambient)
        caps.set_keepcaps(value=False)
        # The change of credentials took both the protection and the death signal away.
        ops_spaces.protect(context.channel)


def _capabilities(value: int) -> str:
    return " ".join(name.removeprefix("CAP_") for name in caps.names(value)) or "none"


class SetUmask(ops.Operation):
    """Set the file mode creation mask."""

    __slots__ = ("mask",)

    def __init__(self, mask: int) -> None:
        self.mask = mask

    def describe(self) -> str:
        return f"{self.mask:04o}"

    def execute(self, context: ops.Context) -> None:
        os.umask(self.mask)


class EnterDirectory(ops.Operation):
    """Enter the working directory with root's rights, as Docker does: the user need not be able to reach it.

    Where root may not (a network file system that squashes it), the user's rights may do: ChangeDirectory tries.
    """

    __slots__ = ("path",)

    def __init__(self, path: bytes) -> None:
        self.path = path

    def describe(self) -> str:
        return ops.text(self.path)

    def execute(self, context: ops.Context) -> None:
        try:
            os.chdir(self.path)
        except PermissionError:
            return


class ChangeDirectory(ops.Operation):
    """Enter the working directory with the program's own rights if we are not there, and make sure it is inside."""

    __slots__ = ("path",)

    def __init__(self, path: bytes) -> None:
        self.path = path

    def describe(self) -> str:
        return ops.text(self.path)

    def execute(self, context: ops.Context) -> None:
        if os.getcwdb() == b"/":
            os.chdir(self.path)
        # The kernel says "(unreachable)" of a directory outside the root, which libc turns into ENOENT
        # (CVE-2024-21626).
        if not os.getcwdb().startswith(b"/"):
            raise OSError(errno.EXDEV, "getcwd: the working directory is outside the container", self.path)


class RunInit(ops.Operation):
    """Stay as the first process: fork, let the child go on, forward signals to it, reap orphans, end as it ends."""

    __slots__ = ("terminal",)

    def __init__(self, terminal: bool) -> None:
        self.terminal = terminal

    def describe(self) -> str:
        return "a first process that reaps and forwards signals"

    def execute(self, context: ops.Context) -> None:
        # Blocked before the fork: a signal that comes now is forwarded and not lost.
        signals.block_all()
        child = os.fork()
        if child:
            context.channel.close()
            _fd.close_range(0, _fd.LAST_FD)
            init.run(child)
        # The parent is process 1 now, with which the kernel ends all others of the process namespace.
        ops_spaces.protect(context.channel)
        if self.terminal:
            # A job of its own, in the foreground: Ctrl-C and Ctrl-Z mean the program and not us. SIGTTOU is blocked.
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpid())


class Exec(ops.Operation):
    """Become the program: the first of the candidates that exists, which PATH gave.

    Looked up by trying: what execve(2) says is the truth, with the program's own rights, inside.
    """

    __slots__ = ("args", "candidates", "env")

    def __init__(self, args: tuple[bytes, ...], candidates: tuple[bytes, ...], env: Environment) -> None:
        self.args = args
        self.candidates = candidates
        self.env = env

    def describe(self) -> str:
        return " ".join(map(ops.text, self.args))

    def execute(self, context: ops.Context) -> None:
        env = dict(self.env)
        signals.reset()
        searched = self.candidates != self.args[:1]
        _announce(context)
        for path in self.candidates:
            try:
                os.execve(path, self.args, env)  # noqa: S606 - that is what this is for
            except OSError as error:
                reason = _reason(path, error)
            # As Docker: in a search what cannot be executed is passed over; a broken program ends it.
            if not searched or reason.errno not in {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EISDIR}:
                raise reason
        raise OSError(errno.ENOENT, "executable file not found in $PATH", self.args[0])


def _announce(context: ops.Context) -> None:
    """Tell the engine that an end of file from now on means success and not a death on the way."""
    try:
        context.channel.send(("executing",))
    except OSError:
        # A filter of the user's that forbids sendto: then it stays unsaid.
        return


def _reason(path: bytes, error: OSError) -> OSError:
    """Say why a program was not executed, telling apart what execve(2) has one error number for."""
    number = error.errno or 0
    try:
        status = os.stat(path)
    except OSError:
        return OSError(number, os.strerror(number).lower(), path)
    if stat.S_ISDIR(status.st_mode):
        return OSError(errno.EISDIR, "is a directory", path)
    if number == errno.ENOENT:
        return OSError(errno.ENOEXEC, "its interpreter or dynamic loader is missing", path)
    return OSError(number, os.strerror(number).lower(), path)
