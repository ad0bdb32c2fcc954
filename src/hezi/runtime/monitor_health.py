"""The health check of a container, as docker does it: a program in the container every now and then."""

from __future__ import annotations

import os
import time

from hezi.runtime import loop, monitor_files, signals
from hezi.runtime.ops_process import STDIO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hezi.runtime.monitor_child import Child, Failure
    from hezi.runtime.monitor_exec import Joiner

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
_KEPT = 5
_MOST_OUTPUT = 4096
_TIMED_OUT = -1
_NS = 1e9
# Docker's defaults in seconds.
_INTERVAL, _TIMEOUT, _START_INTERVAL, _RETRIES = 30.0, 30.0, 5.0, 3


class Health:
    """The check of one container.

    :param settings: interval, timeout, retries, start_period, start_interval (nanoseconds, 0 for the default), plan.
    :param target: gives a descriptor of the container's first process, -1 when it cannot be joined now.
    :param changed: called after each result with the status before.
    """

    __slots__ = (
        "_began",
        "_changed",
        "_child",
        "_interval",
        "_joiner",
        "_loop",
        "_output",
        "_plan",
        "_reading",
        "_retries",
        "_start_interval",
        "_start_ns",
        "_start_period",
        "_target",
        "_timed_out",
        "_timeout",
        "_timer",
        "log",
        "status",
        "streak",
    )

    def __init__(
        self,
        events: loop.Loop,
        settings: dict[str, Any],
        joiner: Joiner,
        target: Callable[[], int],
        changed: Callable[[str], None],
    ) -> None:
        self._loop = events
        self._plan = settings["plan"]
        self._interval = settings["interval"] / _NS or _INTERVAL
        self._timeout = settings["timeout"] / _NS or _TIMEOUT
        self._retries = settings["retries"] or _RETRIES
        self._start_period = settings["start_period"] / _NS
        self._start_interval = settings["start_interval"] / _NS or _START_INTERVAL
        self._joiner = joiner
        self._target = target
        self._changed = changed
        self._timer: loop.Timer | None = None
        self._child: Child | None = None
        self._reading = -1
        self._output = b""
        self._timed_out = False
        self._began = 0.0
        self._start_ns = 0
        self.status = STARTING
        self.streak = 0
        self.log: list[dict[str, Any]] = []

    def document(self) -> dict[str, Any]:
        """Give it as docker's inspect shows it."""
        return {"Status": self.status, "FailingStreak": self.streak, "Log": self.log}

    def start(self) -> None:
        """Begin, with the container."""
        self._began = loop.now()
        self.status, self.streak, self.log = STARTING, 0, []
        self._next()

    def stop(self) -> None:
        """End, with the container."""
        if self._timer is not None:
            self._timer.cancel()
        child, self._child = self._child, None
        if child is not None:
            child.signal(signals.SIGKILL)
        self._close()

    @property
    def _starting(self) -> bool:
        return self.status == STARTING and loop.now() - self._began < self._start_period

    def _next(self) -> None:
        self._timer = self._loop.after(self._start_interval if self._starting else self._interval, self._check)

    def _check(self) -> None:
        target = self._target()
        if target < 0:
            self._next()  # paused
            return
        self._output, self._timed_out = b"", False
        self._start_ns = time.time_ns()
        fds: list[int] = []
        try:
            self._reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            fds = [os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), writing, os.dup(writing)]
            os.set_blocking(writing, True)
            self._loop.watch(self._reading, loop.READ, self._read)
            child = self._child = self._joiner.new()
            child.on_failed = lambda failure: self._failed(child, failure)
            child.on_ended = lambda: self._ended(child)
            self._joiner.launch(child, self._plan, dict(zip(STDIO, fds, strict=True)), target)
            self._timer = self._loop.after(self._timeout, self._late)
        except OSError as error:
            self._close()
            self._child = None
            self._result(_TIMED_OUT, error.strerror or str(error))
        finally:
            for fd in fds:
                os.close(fd)

    def _read(self, _events: int = 0) -> None:
        while self._reading >= 0:
            try:
                data = os.read(self._reading, 1 << 16)
            except OSError:
                return
            if not data:
                self._close()
                return
            self._output = (self._output + data)[: _MOST_OUTPUT + 1]

    def _close(self) -> None:
        if self._reading >= 0:
            self._loop.forget(self._reading)
            os.close(self._reading)
            self._reading = -1

    def _late(self) -> None:
        self._timed_out = True
        if self._child is not None and not self._child.signal(signals.SIGKILL):
            # It is still on its way into the container: its end will be told by the line to it.
            self._timer = self._loop.after(1.0, self._late)

    def _failed(self, child: Child, failure: Failure) -> None:
        self._joiner.forget(child)
        if child is self._child:
            self._child = None
            self._close()
            self._result(_TIMED_OUT, failure[2])

    def _ended(self, child: Child) -> None:
        code = child.status[0] if child.status else _TIMED_OUT
        self._joiner.forget(child)
        if child is not self._child:
            return
        self._child = None
        # What it left running may hold the pipe for ever; what was written until now is enough.
        self._read()
        self._close()
        if self._timed_out:
            self._result(_TIMED_OUT, f"Health check exceeded timeout ({self._timeout:g}s)")
            return
        output = self._output
        if len(output) > _MOST_OUTPUT:
            output = output[:_MOST_OUTPUT] + b"..."
        self._result(code, output)

    def _result(self, code: int, output: str | bytes) -> None:
        if self._timer is not None:
            self._timer.cancel()
        entry = {
            "Start": monitor_files.rfc3339(self._start_ns),
            "End": monitor_files.rfc3339(time.time_ns()),
            "ExitCode": code,
            "Output": output,
        }
        self.log = [*self.log, entry][-_KEPT:]
        before = self.status
        if code == 0:
            self.streak, self.status = 0, HEALTHY
        elif not self._starting:
            self.streak += 1
            if self.streak >= self._retries:
                self.status = UNHEALTHY
        self._changed(before)
        self._next()
