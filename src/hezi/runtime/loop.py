"""A monitor's loop: descriptors with what to call when they are ready, and timers. poll(2), one thread."""

from __future__ import annotations

import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

READ = select.POLLIN
WRITE = select.POLLOUT
PRIORITY = select.POLLPRI
HANGUP = select.POLLHUP | select.POLLERR | select.POLLNVAL


def now() -> float:
    """Seconds since boot, suspend counted: time-outs do not care what somebody sets the clock to."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Timer:
    """Something to be called once; :meth:`cancel` may come at any time."""

    __slots__ = ("action", "at")

    def __init__(self, at: float, action: Callable[[], None]) -> None:
        self.at = at
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Not any more."""
        self.action = None


class Loop:
    """See the module."""

    __slots__ = ("_handlers", "_poll", "_timers")

    def __init__(self) -> None:
        self._poll = select.poll()
        self._handlers: dict[int, tuple[int, Callable[[int], None]]] = {}
        self._timers: list[Timer] = []

    def watch(self, fd: int, events: int, handler: Callable[[int], None]) -> None:
        """Call ``handler(events)`` when the descriptor is ready; 0 for events: only on errors and hang-ups."""
        known = self._handlers.get(fd)
        self._handlers[fd] = (events, handler)
        if known is None or known[0] != events:
            self._poll.register(fd, events)

    def forget(self, fd: int) -> None:
        """Do not look at it any more; to be called before it is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call ``action`` in so many seconds."""
        timer = Timer(now() + seconds, action)
        self._timers.append(timer)
        return timer

    def turn(self) -> None:
        """Wait for the next thing to happen, and handle all that have."""
        self._timers = [timer for timer in self._timers if timer.action is not None]
        wait = None
        if self._timers:
            wait = max(0.0, min(timer.at for timer in self._timers) - now()) * 1000 + 1
        for fd, events in self._poll.poll(wait):
            found = self._handlers.get(fd)
            # One that is handled may close another.
            if found is not None:
                found[1](events)
        if self._timers:
            self._fire()

    def _fire(self) -> None:
        moment = now()
        for timer in [timer for timer in self._timers if timer.at <= moment]:
            action, timer.action = timer.action, None
            if action is not None:
                action()
