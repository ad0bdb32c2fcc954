"""Another program in a container that runs: forked by its monitor, which is a sealed stage 1 already.

    engine ── EXEC: plan, stdin, stdout, stderr ──> monitor ── fork ──> joins the namespaces of the first process,
                                                        │               clone (CLONE_PARENT) ──> the program
       <── STARTED, pidfd, terminal ────────────────────┤                                          its child
       <── EXIT ────────────────────────────────────────┘

::

    plan = exec.plan(spec.process, options)                   # the container's own values, with what exec changes
    with exec.open_target(pid, start_time) as target:         # verified; target.root for /etc/passwd, cp, ...
        ...
    running = exec.start(f"{runroot}/containers/{id}", plan, stdin=True)      # Box-like
    running.pid, running.pidfd, running.master, running.stdin, running.stdout, running.stderr, running.warnings
    running.wait(timeout) -> ExitStatus | None; running.signal(n); running.resize(rows, columns); running.close()

With ``detached=True`` the program's streams are the null device, the monitor waits for it, and closing is all there is
left to do. A program that outlives its caller goes on; when the monitor ends all of them are killed.
"""

from __future__ import annotations

import marshal
import os
from contextlib import suppress

from hezi import errors
from hezi.linux import pidfd
from hezi.runtime import attach, ops, ops_join, ops_process, ops_spaces, protocol, signals
from hezi.runtime import box as boxes
from hezi.runtime import plan as plans

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from hezi.runtime.box import ExitStatus
    from hezi.runtime.plan import Options, Plan
    from hezi.spec.runtime import Process

# All but time namespaces, which hezi's containers share with the host, and those that come last: the cgroup namespace,
# and the user namespace, which few have. What a container shares of these is joined too, which changes nothing.
_KINDS = ("ipc", "uts", "net", "pid", "mnt")
_MAX_FDS = 2


class Target:
    """The first process of a container, held so that its number cannot become another's.

    :ivar root: its root directory, for ``openat2(RESOLVE_IN_ROOT)``.
    """

    __slots__ = ("pid", "pidfd", "root")

    def __init__(self, pid: int, handle: int, root: int) -> None:
        self.pid = pid
        self.pidfd = handle
        self.root = root

    def close(self) -> None:
        """Close the descriptors; again does nothing."""
        for name in ("pidfd", "root"):
            fd = getattr(self, name)
            if fd >= 0:
                setattr(self, name, -1)
                os.close(fd)

    def __enter__(self) -> Target:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_target(pid: int, start_time: int) -> Target:
    """Take hold of a process known by its number and start time.

    :raises hezi.errors.Error: NOT_FOUND when it has ended.
    """
    handle = root = -1
    try:
        handle = pidfd.pidfd_open(pid)
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        # Read after both are held: as long as the process lives the number means it, and what was opened was its root.
        if pidfd.start_time(pid) != start_time:
            raise ProcessLookupError
        pidfd.pidfd_send_signal(handle, 0)
    except OSError as error:
        for fd in {handle, root} - {-1}:
            os.close(fd)
        if isinstance(error, ProcessLookupError | FileNotFoundError):
            message = "the container is not running"
            raise errors.Error(errors.NOT_FOUND, message) from error
        doing = "cannot look into the container"
        raise errors.from_os_error(doing, error) from error
    return Target(pid, handle, root)


def plan(process: Process, options: Options | None = None) -> Plan:
    """Plan the execution of ``process`` (:class:`hezi.spec.runtime.Process`) in a container that runs.

    :param options: for ``seccomp``, ``seccomp_flags`` and ``owners``.
    :raises hezi.errors.Error: INVALID for a process that contradicts itself.
    """
    plans.check_process(process)
    chosen = (options or plans.Options())._replace(init=False)
    process, operations = _entering(process, chosen)
    chosen = chosen._replace(owners=None)
    if process.terminal:
        size = process.console_size
        rows, columns = (0, 0) if size is None else (size.height, size.width)
        operations.append(("terminal", ops_join.OpenTerminalInside(columns, rows, process.user.uid)))
    operations += plans.process_operations(process, chosen)
    entries = tuple(plans.Entry(operation, key, "") for key, operation in operations)
    return plans.Plan(entries, () if process.terminal else ops_process.STDIO)


def _entering(process: Process, chosen: Options) -> tuple[Process, list[tuple[str, ops.Operation]]]:
    """Give what leads into the container, and the process without what is done on the way."""
    known = chosen.owners
    last = ("cgroup",) if known is None else ("user", "cgroup")
    made: list[tuple[str, ops.Operation]] = [
        ("namespaces", ops_join.JoinContainer(_KINDS, process.oom_score_adj)),
        ("namespaces", ops_spaces.CloneInit(())),
        ("namespaces", ops_join.JoinLast(last)),
    ]
    # The adjustment is made on the way, where /proc is the host's.
    process = process._replace(oom_score_adj=None)
    if known is not None:
        made = [*plans.outside_operations(process, known), *made, ("namespace:user", ops_spaces.BecomeRoot())]
    return process, [*made, ("keyring", ops_process.NewSessionKeyring())]


class Executed:
    """A program started by :func:`start`. Owns its descriptors; who closes one early puts -1 in its place."""

    __slots__ = ("_client", "_status", "master", "pid", "pidfd", "stderr", "stdin", "stdout", "warnings")

    def __init__(self, client: attach.MonitorClient) -> None:
        self._client = client
        self._status: ExitStatus | None = None
        self.pid = 0
        self.pidfd = self.master = -1
        self.stdin = self.stdout = self.stderr = -1
        self.warnings: list[str] = []

    def launch(self, wanted: Plan, payload: bytes, fds: tuple[int, ...]) -> None:
        """Have the monitor start it."""
        kind, answer, received = self._client.execute(payload, fds)
        if kind == protocol.FAILED:
            raise boxes.operation_failure(wanted, *marshal.loads(answer))  # noqa: S302 - from our own monitor
        self.pid = protocol.U32.unpack_from(answer)[0]
        self.pidfd, self.master = (*received, -1)[:_MAX_FDS]
        warnings = marshal.loads(answer[protocol.U32.size :])  # noqa: S302 - as above
        self.warnings = [boxes.warning(wanted, *one) for one in warnings]

    def wait(self, timeout: float | None = None) -> ExitStatus | None:
        """Wait until it has ended; None when ``timeout`` seconds have passed.

        :raises hezi.errors.Error: UNAVAILABLE when the monitor died, and with it the container.
        """
        if self._status is None:
            found = self._client.result(timeout)
            if found is None:
                return None
            self._status = boxes.ExitStatus(found["ExitCode"], found["Signal"])
        return self._status

    def signal(self, number: int) -> bool:
        """Send a signal; False when it has ended."""
        try:
            pidfd.pidfd_send_signal(self.pidfd, number)
        except (ProcessLookupError, OSError):
            return False
        return True

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of its terminal."""
        if self.master >= 0:
            from hezi.linux import pty

            with suppress(OSError):
                pty.set_winsize(self.master, rows, columns)

    def close(self) -> None:
        """Close all descriptors; the program goes on. Again does nothing."""
        self._client.close()
        for name in ("pidfd", "master", "stdin", "stdout", "stderr"):
            fd = getattr(self, name)
            if fd >= 0:
                setattr(self, name, -1)
                os.close(fd)

    def __enter__(self) -> Executed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start(
    directory: str, wanted: Plan, *, stdin: bool = False, stdio: Sequence[int] | None = None, detached: bool = False
) -> Executed:
    """Execute a plan of :func:`plan` in the container of this runtime directory; return once the program runs.

    :param stdin: make a pipe for standard input too; else it is the null device.
    :param stdio: three descriptors to use instead of pipes; the caller's.
    :raises hezi.errors.Error: COMMAND_NOT_FOUND, NOT_EXECUTABLE for the program; NOT_FOUND when nothing runs there;
        CONFLICT when it is paused.
    """
    running = Executed(attach.connect(directory))
    theirs: list[int] = []
    try:
        if wanted.fds and stdio is None and not detached:
            with signals.Held():
                boxes.make_pipes(running, theirs, stdin)
        payload = marshal.dumps((wanted.encode(), detached))
        fds = () if detached or not wanted.fds else tuple(stdio or theirs)
        running.launch(wanted, payload, fds)
    except BaseException:
        running.close()
        raise
    finally:
        for fd in theirs:
            os.close(fd)
    return running
