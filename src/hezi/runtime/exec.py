"""Another program in a container that runs: forked by its monitor, which is a sealed stage 1 already.

    engine ── EXEC: plan, stdin, stdout, stderr ──> monitor ── fork ──> joins the namespaces of the first process,
                                                        │               clone (CLONE_PARENT) ──> the program
       <── STARTED, pidfd, terminal ────────────────────┤                                          its child
       <── EXIT ────────────────────────────────────────┘

::

    plan = exec.plan(spec.process, options)                   # the container's own values, with what exec changes
    with exec.open_target(pid, start_time) as target:         # verified; target.root for /etc/passwd, target.cgroup...
        ...
    running = exec.start(f"{runroot}/containers/{id}", plan, stdin=True)      # Box-like
    running.pid, running.pidfd, running.master, running.stdin, running.stdout, running.stderr, running.warnings
    running.wait(timeout) -> ExitStatus | None; running.signal(n); running.resize(rows, columns); running.close()

With ``detached=True`` the program's streams are the null device, the monitor waits for it, and closing is all there is
left to do. A program that outlives its caller goes on; when the monitor ends all of them are killed.
"""

from __future__ import annotations

from hezi import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from hezi.runtime.box import ExitStatus
    from hezi.runtime.plan import Options, Plan
    from hezi.spec.runtime import Process

_NOT_YET = "exec comes with a later version"


class Target:
    """The first process of a container, held so that its number cannot become another's.

    :ivar root: its root directory, for ``openat2(RESOLVE_IN_ROOT)``.
    """

    __slots__ = ("pid", "pidfd", "root")

    def __init__(self, pid: int, pidfd: int, root: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.root = root

    def close(self) -> None:
        """Close the descriptors."""

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
    raise errors.Error(errors.UNSUPPORTED, _NOT_YET)


def plan(process: Process, options: Options | None = None) -> Plan:
    """Plan the execution of ``process`` (:class:`hezi.spec.runtime.Process`) in a container that runs.

    :param options: for ``seccomp`` and ``seccomp_flags``.
    :raises hezi.errors.Error: INVALID for a process that contradicts itself.
    """
    raise errors.Error(errors.UNSUPPORTED, _NOT_YET)


class Executed:
    """A program started by :func:`start`. Owns its descriptors; who closes one early puts -1 in its place."""

    __slots__ = ("master", "pid", "pidfd", "stderr", "stdin", "stdout", "warnings")

    def wait(self, timeout: float | None = None) -> ExitStatus | None:
        """Wait until it has ended; None when ``timeout`` seconds have passed."""
        raise errors.Error(errors.UNSUPPORTED, _NOT_YET)

    def signal(self, number: int) -> bool:
        """Send a signal; False when it has ended."""
        raise errors.Error(errors.UNSUPPORTED, _NOT_YET)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of its terminal."""

    def close(self) -> None:
        """Close all descriptors; the program goes on. Again does nothing."""


def start(
    directory: str, wanted: Plan, *, stdin: bool = False, stdio: Sequence[int] | None = None, detached: bool = False
) -> Executed:
    """Execute a plan of :func:`plan` in the container of this runtime directory; return once the program runs.

    :param stdin: make a pipe for standard input too; else it is the null device.
    :param stdio: three descriptors to use instead of pipes; the caller's.
    :raises hezi.errors.Error: COMMAND_NOT_FOUND, NOT_EXECUTABLE for the program; NOT_FOUND when nothing runs there.
    """
    raise errors.Error(errors.UNSUPPORTED, _NOT_YET)
