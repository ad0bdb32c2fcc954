"""A child process by its descriptor: what :func:`hezi.linux.namespaces.clone` returns."""

from __future__ import annotations

import errno
import os
import select

from hezi.linux import pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_SIGKILL = 9


class Process:
    """A child that has not been waited for, or its end.

    The descriptor means this process and no other for ever, so no signal hits a stranger. A context manager: leaving it
    kills the child if it still runs, and reaps it.

    :ivar pid: its number in this process's PID namespace.
    :ivar pidfd: the descriptor, close-on-exec, readable (poll) once the child has ended; -1 after :meth:`close`.
    """

    __slots__ = ("_status", "pid", "pidfd")

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self.pidfd = fd
        self._status: int | None = None

    def fileno(self) -> int:
        """Give the descriptor, for select and its kin."""
        return self.pidfd

    @property
    def code(self) -> int | None:
        """Its exit code, negative for the signal it died of; None while it has not been waited for."""
        return None if self._status is None else os.waitstatus_to_exitcode(self._status)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and reap it.

        :param timeout: seconds; None waits for ever.
        :return: the exit code, or the negative number of the signal it died of.
        :raises TimeoutError: it still runs.
        :raises OSError: ECHILD when somebody else has waited for it.
        """
        if self._status is None:
            if timeout is not None:
                poll = select.poll()
                poll.register(self.pidfd, select.POLLIN)
                if not poll.poll(timeout * 1000):
                    message = f"process {self.pid} did not end within {timeout:g} seconds"
                    raise TimeoutError(errno.ETIMEDOUT, message)
            self._status = pidfd.wait(self.pidfd)[1]
        return os.waitstatus_to_exitcode(self._status)

    def signal(self, number: int) -> None:
        """Send a signal.

        :raises OSError: ESRCH when it has been waited for, EPERM.
        """
        pidfd.pidfd_send_signal(self.pidfd, number)

    def kill(self) -> int:
        """Kill it with SIGKILL if it still runs, and give its exit code as :meth:`wait` does."""
        if self._status is None:
            self.signal(_SIGKILL)
        return self.wait()

    def close(self) -> None:
        """Close the descriptor; a child that was not waited for stays a zombie until somebody does."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.pidfd >= 0:
                self.kill()
        finally:
            self.close()

    def __repr__(self) -> str:
        return f"<Process {self.pid}{'' if self._status is None else f', ended with {self.code}'}>"
