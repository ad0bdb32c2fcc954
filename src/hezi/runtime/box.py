"""A started container: its first process, its streams, how it ends; and :func:`start`, which makes one of a plan."""

from __future__ import annotations

import os
import select
from contextlib import suppress

from hezi import errors
from hezi._util.record import NamedTuple, Protocol
from hezi.linux import pidfd
from hezi.runtime import ops_process, ops_spaces, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from hezi.runtime.plan import Plan
    from hezi.runtime.spawn import Stage1

_SIGKILL = 9
_SHUT_WR = 1
# How long stage 1 may take to notice that it is not wanted any more, before it is killed.
_PATIENCE_MS = 1000
# What an operation says of the image or of the caller's values: EXDEV, ENOTDIR, EISDIR, EINVAL, ELOOP.
_KINDS = dict.fromkeys((18, 20, 21, 22, 40), errors.INVALID)
_ENOENT, _ENOEXEC, _EAGAIN, _EACCES, _ENODEV, _ENOTDIR, _EISDIR, _EROFS, _ELOOP = 2, 8, 11, 13, 19, 20, 21, 30, 40
_MISMATCH = "a directory cannot be mounted on a file, nor a file on a directory"
_NOT_MAPPED = (
    "not every file system can, and none that is mounted with other numbers already: mount something else there, "
    "or run the container with --userns host"
)
_EPERM, _EINVAL = 1, 22
_LINKED = "the image has a symbolic link in the place of a directory that hezi mounts on"
_HINTS = {
    ("AttachMount", _ENOTDIR): _MISMATCH,
    ("AttachMount", _EISDIR): _MISMATCH,
    ("AttachMount", _ELOOP): _LINKED,
    ("AttachMount", _EROFS): "the mount point does not exist, and cannot be made on a read-only file system",
    ("MountFilesystem", _ELOOP): _LINKED,
    ("MountFilesystem", _ENOTDIR): "a file of the image is in the place of a directory that hezi mounts on",
    ("MakeDirectory", _ELOOP): "the working directory leads through a link of /proc, or in a circle",
    ("MakeDirectory", _ENOTDIR): "the working directory, or one above it, is a file",
    ("ChangeDirectory", _EACCES): "the user of the container may not enter the working directory",
    ("MapToContainer", _EINVAL): _NOT_MAPPED,
    ("MapToContainer", _EPERM): _NOT_MAPPED,
    ("OpenSource", _ENOENT): "what is to be mounted does not exist on the host",
    ("CloneInit", _ENODEV): "a control group of the container was removed while it runs",
    ("CloneInit", _EAGAIN): "the container, or a group above it, has as many processes as it may have",
}


class Cgroup(Protocol):
    """What a start needs of a container's cgroup."""

    def add(self, pid: int) -> None:
        """Move the process in, in every hierarchy."""

    def join_fds(self, *, v2: bool) -> list[int]:
        """Descriptors that a process writes 0 to, to move itself in."""

    @property
    def cgroup_fd(self) -> int | None:
        """The directory in the v2 hierarchy, in which a child can be born."""

    def kill(self) -> object:
        """Kill every process in it."""


class Piped(Protocol):
    """What :func:`make_pipes` fills in."""

    stdin: int
    stdout: int
    stderr: int


class ExitStatus(NamedTuple):
    """How a container ended.

    :ivar code: what docker would exit with: the program's own code, or 128 and the signal.
    :ivar signal: the signal that killed it, else None.
    """

    code: int
    signal: int | None = None


class Box:
    """A running container, owned by the thread that started it: when that ends, the kernel kills the container.

    But for one whose program is set-user-id or has file capabilities: its execution takes the signal away. And of a
    container that shares the host's process namespace only the first process is killed so. What is left then is found
    by its cgroup.

    :ivar pid: the first process, in our process namespace.
    :ivar master: our side of the terminal, -1 without one.
    :ivar stdin: the writing end of the pipe it reads, -1 when there is none; ``stdout`` and ``stderr`` reading ends.
    :ivar warnings: what it goes without, for the user.

    The descriptors are the box's; who closes one early puts -1 in its place.
    """

    __slots__ = ("_cgroup", "_status", "master", "pid", "pidfd", "stderr", "stdin", "stdout", "warnings")

    def __init__(self, cgroup: Cgroup | None) -> None:
        self.pid = 0
        self.pidfd = -1
        self.master = -1
        self.stdin = self.stdout = self.stderr = -1
        self.warnings: list[str] = []
        self._cgroup = cgroup
        self._status: ExitStatus | None = None

    def wait(self, timeout: float | None = None) -> ExitStatus | None:
        """Wait until the first process has ended; the same answer ever after.

        :param timeout: seconds; None waits for ever.
        :return: None when the time was up.
        :raises hezi.errors.Error: INTERNAL when somebody else in this program waited for it.
        """
        if self._status is None:
            poll = select.poll()
            poll.register(self.pidfd, select.POLLIN)
            if not poll.poll(None if timeout is None else max(0, round(timeout * 1000))):
                return None
            try:
                _, status = pidfd.wait(self.pidfd)
            except ChildProcessError as error:
                message = "the exit status of the container was taken by another part of this program"
                raise errors.Error(errors.INTERNAL, message) from error
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
            self._status = ExitStatus(os.WEXITSTATUS(status) if number is None else 128 + number, number)
        return self._status

    def signal(self, number: int) -> bool:
        """Send a signal to the first process; False when it has ended.

        As the first of its namespace it gets only what it handles, but for SIGKILL and SIGSTOP (pid_namespaces(7)).
        """
        if self._status is not None or self.pidfd < 0:
            return False
        try:
            pidfd.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return False
        return True

    def kill_all(self) -> None:
        """Kill every process of the container. Those of a process namespace of its own die with the first one."""
        self.signal(_SIGKILL)
        if self._cgroup is not None:
            self._cgroup.kill()

    def close(self) -> None:
        """Kill what still runs, wait for it, close all descriptors. Again does nothing."""
        if self.pidfd >= 0:
            if self._status is None:
                self.kill_all()
                try:
                    self.wait()
                except errors.Error:
                    self._status = ExitStatus(128 + _SIGKILL, _SIGKILL)
            os.close(self.pidfd)
            self.pidfd = -1
        for name in ("master", "stdin", "stdout", "stderr"):
            fd = getattr(self, name)
            if fd >= 0:
                setattr(self, name, -1)
                os.close(fd)

    def __enter__(self) -> Box:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start(
    stage: Stage1,
    plan: Plan,
    rootfs: int,
    *,
    cgroup: Cgroup | None = None,
    join_late: bool = False,
    stdin: bool = False,
    stdio: Sequence[int] | None = None,
) -> Box:
    """Execute a plan; return once the program runs.

    :param stage: consumed: closed at the end, whatever happens.
    :param rootfs: detached mount of the container's root. The caller's; close it afterwards.
    :param cgroup: joined before anything of the container exists.
    :param join_late: join when only the first process is left; for a cgroup that has room for no more than that one.
    :param stdin: make a pipe for standard input too; else it is the null device.
    :param stdio: three descriptors to use instead of pipes; the caller's. A plan with a terminal takes neither.
    :raises hezi.errors.Error: COMMAND_NOT_FOUND or NOT_EXECUTABLE for the program, else what failed, by operation.
        Nothing is left then: no process, no mount, no descriptor.
    """
    box = Box(cgroup)
    theirs: list[int] = []
    try:
        if len(plan.fds) > 1 and stdio is None:
            with signals.Held():
                make_pipes(box, theirs, stdin)
        joins = {} if cgroup is None or join_late else join_names(cgroup)
        fds = [rootfs, *(stdio or theirs)][: len(plan.fds)]
        stage.channel.send(("plan", plan.encode(), (*plan.fds, *joins)), [*fds, *joins.values()])
        while theirs:
            os.close(theirs.pop())
        _follow(stage, plan, box, cgroup if join_late else None)
        stage.reap()
        with signals.Held():
            stage.close()
    except BaseException as error:
        failure = broken_line(stage, error) if isinstance(error, OSError) else None
        with signals.Held():
            _abandon(stage, box, theirs)
        if failure is None:
            raise
        raise failure from error
    return box


def join_names(cgroup: Cgroup) -> dict[str, int]:
    """Name the descriptors by which stage 1 and its child get in themselves.

    Moved from outside, by cgroup.procs, a process waits 5-15 ms for an RCU grace period; so it waits for nothing.
    """
    joins = {f"{ops_spaces.JOIN}{number}": fd for number, fd in enumerate(cgroup.join_fds(v2=False))}
    if cgroup.cgroup_fd is not None:
        joins[ops_spaces.BORN_IN] = cgroup.cgroup_fd
    return joins


def make_pipes(box: Piped, theirs: list[int], stdin: bool) -> None:
    """Make the streams: our ends go to the box, those of the program to ``theirs``."""
    if stdin:
        reading, box.stdin = os.pipe2(os.O_CLOEXEC)
    else:
        reading = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    theirs.append(reading)
    box.stdout, writing = os.pipe2(os.O_CLOEXEC)
    theirs.append(writing)
    box.stderr, writing = os.pipe2(os.O_CLOEXEC)
    theirs.append(writing)


def _follow(stage: Stage1, plan: Plan, box: Box, join: Cgroup | None) -> None:
    """Take stage 1's reports until the line ends, which it does when the program is executed."""
    poll = select.poll()
    poll.register(stage.channel.socket, select.POLLIN)
    executing = False
    while True:
        poll.poll()
        with signals.Held():
            message, fds = stage.channel.receive()
            if message is not None and message[0] == "init":
                box.pid, box.pidfd = message[1], fds[0]
            elif message is not None and message[0] == "console":
                box.master = fds[0]
        if message is None:
            break
        kind = message[0]
        if kind == "init":
            if join is not None:
                join.add(box.pid)
            stage.channel.send(("go",))
        elif kind == "warning":
            box.warnings.append(warning(plan, *message[1:]))
        elif kind == "executing":
            executing = True
        elif kind == "failed":
            raise operation_failure(plan, *message[1:])
    if not box.pid or not executing:
        raise _death(stage, box)


def _death(stage: Stage1, box: Box) -> errors.Error:
    if box.pid:
        status = box.wait(timeout=1.0)
        how = f"killed by signal {status.signal}" if status and status.signal else "ended"
        message = f"the container's first process was {how} before it could execute the program"
        return errors.Error(errors.INTERNAL, message, hint="a seccomp profile without the calls of a start does this")
    complaint = stage.complaint()
    message = "the process that starts the container died" + (f": {complaint.splitlines()[-1]}" if complaint else "")
    return errors.Error(errors.INTERNAL, message)


def warning(plan: Plan, index: int, text: str) -> str:
    """Say what the container goes without."""
    operation = plan.entries[index].operation
    return f"{type(operation).__name__} {operation.describe()}: {text}"


def broken_line(stage: Stage1, error: OSError) -> errors.Error:
    """Say what a broken line means: mostly that the other side is dead, which knows better why."""
    complaint = stage.complaint() if stage.trouble >= 0 else ""
    if complaint:
        message = f"the process that starts the container died: {complaint.splitlines()[-1]}"
        return errors.Error(errors.INTERNAL, message)
    return errors.from_os_error("cannot start the container", error)


def _abandon(stage: Stage1, box: Box, theirs: list[int]) -> None:
    """Take back a start: first let stage 1 end by itself, which tells of a first process we have not heard of yet."""
    while theirs:
        os.close(theirs.pop())
    if not box.pid and stage.pidfd >= 0:
        with suppress(OSError):
            _hear_of_init(stage, box)
    box.close()
    stage.close()


def _hear_of_init(stage: Stage1, box: Box) -> None:
    stage.channel.socket.shutdown(_SHUT_WR)
    poll = select.poll()
    poll.register(stage.pidfd, select.POLLIN)
    poll.poll(_PATIENCE_MS)
    stage.channel.socket.setblocking(False)
    while not box.pid:
        message, fds = stage.channel.receive()
        if message is None:
            break
        if message[0] == "init":
            box.pid, box.pidfd = message[1], fds[0]


def operation_failure(plan: Plan, index: int, number: int, text: str, path: object) -> errors.Error:
    """Say what failed, by the operation with this index; -1 for none of the plan's."""
    if index < 0:
        where = os.fsdecode(path) if isinstance(path, str | bytes) else None
        doing = "cannot start the container"
        return errors.from_os_error(doing, OSError(number, text, where))
    operation = plan.entries[index].operation
    where = os.fsdecode(path) if isinstance(path, str | bytes) else None
    if isinstance(operation, ops_process.Exec):
        return _not_executed(number, text, where or os.fsdecode(operation.args[0]))
    failed = _KINDS.get(number) or errors.from_os_error("", OSError(number, text)).kind
    kind = type(operation).__name__
    message = f"{kind} ({operation.describe()}) failed: {text}"
    return errors.Error(failed, message, path=where, hint=_HINTS.get((kind, number)))


def _not_executed(number: int, text: str, name: str) -> errors.Error:
    """Docker's words and codes: 127 for a program that is not there, 126 for one that cannot be executed."""
    message = f'exec: "{name}": {text}'
    if number in {_ENOENT, _ENOTDIR}:
        return errors.Error(errors.COMMAND_NOT_FOUND, message)
    hint = None
    if number == _ENOEXEC and "loader" not in text:
        hint = "it is no program for this machine: another architecture, or a script without #! in its first line"
    return errors.Error(errors.NOT_EXECUTABLE, message, hint=hint)
