"""A child of the monitor: the container's first process, or a program that joins it.

    monitor ── clone ──> outer: executes a plan's first half ── clone (CLONE_PARENT) ──> inner: the second half, execve
       │                   (ends)                                                          │
       └──<── Channel: init, console, warning, executing, failed, end of file ────────────┘

The monitor is a bare, sealed interpreter already, so that its fork is a stage 1 without an interpreter's start. What is
the container's to delay (a file system of its own behind execve) delays only the child: its reports come by the loop.
"""

from __future__ import annotations

import _socket  # noqa: PLC2701 - the socket module imports selectors, enum and more
import gc
import os

from hezi.linux import fd as _fd
from hezi.linux import nscalls, pidfd, prctl
from hezi.runtime import execute, loop, signals
from hezi.runtime.channel import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    # (index of the operation, errno, text, path)
    Failure = tuple[int, int, str, bytes | str | None]
    Encoded = tuple[tuple[Any, ...], ...]

HANDLED = (signals.SIGTERM, signals.SIGCHLD)
_DIED: Failure = (-1, 0, "the process that starts the container died", None)


class Child:
    """One child, from its launch to its end.

    :ivar pid: 0 until it is known; ``pidfd`` -1 before and after.
    :ivar join: called with the number of the inner process before it does anything.
    :ivar master: of its terminal; -1 without one, or when somebody took it.
    :ivar owner: whoever it was started for.
    :ivar status: (exit code, signal or 0) when it has ended.
    """

    __slots__ = (
        "_channel",
        "_executing",
        "_failure",
        "_loop",
        "_outer",
        "join",
        "master",
        "on_ended",
        "on_failed",
        "on_started",
        "owner",
        "pid",
        "pidfd",
        "status",
        "warnings",
    )

    def __init__(self, events: loop.Loop, join: Callable[[int], None] | None = None) -> None:
        self._loop = events
        self.join = join
        self._channel: Channel | None = None
        self._outer = -1
        self._executing = False
        self._failure: Failure | None = None
        self.pid = 0
        self.pidfd = self.master = -1
        self.warnings: list[tuple[int, str]] = []
        self.status: tuple[int, int] | None = None
        self.owner: object = None
        self.on_started: Callable[[], None] = _nothing
        self.on_failed: Callable[[Failure], None] = _nothing_failed
        self.on_ended: Callable[[], None] = _nothing

    def fork(self, score: bytes = b"") -> None:
        """Fork: the child waits for its plan.

        :param score: the OOM score adjustment to begin with, where that is not the monitor's own.
        :raises OSError: the fork failed.
        """
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC, 0)
        monitor = os.getpid()
        try:
            pid, self._outer = nscalls.clone3()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if pid == 0:
            ours.detach()
            _become(theirs, score, monitor)
        theirs.close()
        self._channel = Channel(ours)

    def launch(self, encoded: Encoded, fds: dict[str, int], score: bytes) -> None:
        """Have the plan executed, by a child that waits for it already or by one that is forked now.

        :param fds: what the plan names; they stay the caller's.
        :param score: see :meth:`fork`.
        :raises OSError: the fork failed.
        """
        if self._channel is None:
            self.fork(score)
        channel = self._channel
        if channel is not None:
            try:
                channel.send(("plan", encoded, tuple(fds)), list(fds.values()))
            except OSError:
                pass  # it died: the end of its line says so
            self._loop.watch(channel.socket.fileno(), loop.READ, self._hear)

    def _hear(self, _events: int) -> None:
        channel = self._channel
        if channel is None:
            return
        try:
            message, fds = channel.receive()
        except OSError:
            message, fds = None, []
        if message is None:
            self._silence(channel)
            return
        kind = message[0]
        if kind == "init":
            self.pid, self.pidfd = message[1], fds[0]
            self._let_go(channel)
        elif kind == "console":
            self.master = fds[0]
        elif kind == "warning":
            self.warnings.append(message[1:])
        elif kind == "executing":
            self._executing = True
        elif kind == "failed":
            self._failure = message[1:]

    def _let_go(self, channel: Channel) -> None:
        try:
            if self.join is not None:
                self.join(self.pid)
            channel.send(("go",))
        except OSError as error:
            self._failure = (-1, error.errno or 0, error.strerror or str(error), None)

    def _silence(self, channel: Channel) -> None:
        """The line ends when the program is executed, or when somebody died on the way."""
        self._loop.forget(channel.socket.fileno())
        channel.close()
        self._channel = None
        _reap(self._outer)
        os.close(self._outer)
        self._outer = -1
        if self._executing and self.pid and self._failure is None:
            self._loop.watch(self.pidfd, loop.READ, self._end)
            self.on_started()
            return
        if self.pidfd >= 0:
            self.signal(signals.SIGKILL)
            _reap(self.pidfd)
        self.close()
        self.on_failed(self._failure or _DIED)

    def _end(self, _events: int) -> None:
        try:
            _, status = pidfd.wait(self.pidfd)
        except ChildProcessError:
            status = signals.SIGKILL  # nobody else waits for our children
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        self.status = (128 + number if number else os.WEXITSTATUS(status), number)
        self._loop.forget(self.pidfd)
        os.close(self.pidfd)
        self.pidfd = -1
        self.on_ended()

    @property
    def launching(self) -> bool:
        """Whether it is on its way."""
        return self._channel is not None

    @property
    def alive(self) -> bool:
        """Whether it has been launched and has not ended."""
        return self._channel is not None or self.pidfd >= 0

    def signal(self, number: int) -> bool:
        """Send a signal; False when there is nobody to get it."""
        if self.pidfd < 0:
            return False
        try:
            pidfd.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """Close the descriptors; the process is not touched."""
        for name in ("pidfd", "master"):
            fd = getattr(self, name)
            if fd >= 0:
                self._loop.forget(fd)
                os.close(fd)
                setattr(self, name, -1)


def _nothing() -> None:
    """Nobody wants to know."""


def _nothing_failed(_failure: Failure) -> None:
    """Nobody wants to know."""


def _reap(handle: int) -> None:
    try:
        pidfd.wait(handle)
    except ChildProcessError:
        return


def _become(theirs: _socket.socket, score: bytes, monitor: int) -> NoReturn:
    """Be stage 1: nothing of the monitor's stays but the line to it."""
    try:
        prctl.set_pdeathsig(signals.SIGKILL)
        if os.getppid() != monitor:
            os._exit(1)
        signals.wake_no_more(*HANDLED)
        gc.disable()
        number = theirs.fileno()
        if number > 3:
            _fd.close_range(3, number - 1)
        _fd.close_range(number + 1, _fd.LAST_FD)
        if score:
            set_score(score)
        channel = Channel(theirs)
        message, fds = channel.receive()
        if message is not None:
            _, encoded, names = message
            execute.run(channel, encoded, dict(zip(names, fds, strict=True)))
    finally:
        os._exit(1)


def set_score(value: bytes) -> None:
    """Set this process's OOM score adjustment, as far as that is allowed."""
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value)
        finally:
            os.close(fd)
    except OSError:
        return
