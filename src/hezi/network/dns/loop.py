"""Waiting for descriptors and for moments; one thread, nothing that blocks."""

from __future__ import annotations

import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

READ, WRITE = select.POLLIN, select.POLLOUT


class Loop:
    """Calls back when a descriptor is ready or a moment has come."""

    __slots__ = ("_calls", "_moments", "_poll", "stopped")

    def __init__(self) -> None:
        self._poll = select.poll()
        self._calls: dict[int, Callable[[], None]] = {}
        self._moments: dict[object, tuple[float, Callable[[], None]]] = {}
        self.stopped = False

    def watch(self, fd: int, events: int, call: Callable[[], None]) -> None:
        """Call when ``fd`` is ready."""
        self._poll.register(fd, events)
        self._calls[fd] = call

    def forget(self, fd: int) -> None:
        """Watch a descriptor no longer; to be called before it is closed."""
        if self._calls.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def at(self, key: object, seconds: float, call: Callable[[], None]) -> None:
        """Call in so many seconds, once; again with the same key replaces."""
        self._moments[key] = time.monotonic() + seconds, call

    def cancel(self, key: object) -> None:
        """Do not call."""
        self._moments.pop(key, None)

    def run(self) -> None:
        """Serve until somebody stops it."""
        while not self.stopped:
            wait = None
            if self._moments:
                wait = max(0.0, min(moment for moment, _ in self._moments.values()) - time.monotonic()) * 1000 + 1
            for fd, _ in self._poll.poll(wait):
                call = self._calls.get(fd)
                if call is not None:  # an earlier one of this round may have closed it
                    call()
            now = time.monotonic()
            for key, (moment, call) in list(self._moments.items()):
                if moment <= now and self._moments.pop(key, None) is not None:
                    call()
