"""Requests that get through: redirects and retries on top of :mod:`hezi.registry.connections`.

Redirects: to https or to where plain HTTP is allowed anyway; never from https to http; with ``Authorization`` only
while the origin stays the same, and never again once it was left (GHSA-c2h3-6mxw-7mvq, containerd PR 12889).
Retries: what broke and what the server calls temporary (429, 5xx), with exponential back-off and jitter, or the time
that ``Retry-After`` asks for. What failed before the first answer is not repeated: a wrong name stays wrong.
"""

from __future__ import annotations

import random
import threading
import time

from hezi._util.record import NamedTuple
from hezi.errors import CANCELLED, INVALID, UNAVAILABLE, Error
from hezi.registry.connections import Answer, ConnectionFault, Connections, Origin, Request, Url
from hezi.spec.distribution import parse_retry_after

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TEMPORARY = frozenset({408, 429, 500, 502, 503, 504})
_SAFE = frozenset({"GET", "HEAD"})


def _sleep(seconds: float, cancelled: threading.Event) -> None:
    cancelled.wait(seconds)


class Pace(NamedTuple):
    """Time, so that tests need none. ``sleep`` ends early when the event is set."""

    sleep: Callable[[float, threading.Event], None] = _sleep
    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random  # noqa: S311 - spreads retries, protects nothing


class Limits(NamedTuple):
    """How often and how long, in seconds."""

    tries: int = 5
    redirects: int = 10
    first_wait: float = 0.25
    longest_wait: float = 8.0
    longest_retry_after: float = 60.0


class Transport:
    """Sends requests on behalf of one registry; safe to share by threads."""

    def __init__(self, connections: Connections, *, user_agent: str, pace: Pace | None = None, rate: int = 0) -> None:
        self.connections = connections
        self.pace = pace or Pace()
        self.limits = Limits()
        self._user_agent = user_agent
        self._reached: set[Origin] = set()
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._interval = 1.0 / rate if rate else 0.0
        self._next = 0.0

    def send(self, request: Request, *, retry: bool = True) -> Answer:
        """Send a request, follow redirects, repeat what failed for the moment.

        :param retry: false for a body that cannot be sent twice.
        :return: the answer, whatever its status; a temporary one if that is all there was.
        :raises ConnectionFault: there was no answer.
        :raises Error: a redirect that is not followed.
        """
        attempt = 0
        while True:
            attempt += 1
            last = not retry or attempt >= self.limits.tries
            self.check_cancelled()
            self._wait_for_turn()
            try:
                answer = self._follow(request)
            except ConnectionFault as fault:
                if last or not self._worth_retrying(fault, request.url.origin):
                    raise
                wait = self.backoff(attempt)
            else:
                if last or answer.status not in _TEMPORARY:
                    return answer
                asked = parse_retry_after(answer.header("Retry-After"), self.pace.wall())
                if asked is not None and asked > self.limits.longest_retry_after:
                    return answer
                wait = self.backoff(attempt) if asked is None else asked
                answer.discard()
            self.pause(wait)

    def pause(self, seconds: float) -> None:
        """Wait before trying again.

        :raises Error: CANCELLED.
        """
        self.pace.sleep(seconds, self._cancelled)
        self.check_cancelled()

    def cancel(self) -> None:
        """Make whoever waits for this registry stop with CANCELLED; for another thread to call, once and for all."""
        self._cancelled.set()
        self.connections.stop()

    def check_cancelled(self) -> None:
        """Raise CANCELLED after :meth:`cancel`."""
        if self._cancelled.is_set():
            raise Error(CANCELLED, "the transfer was cancelled")

    def backoff(self, attempt: int) -> float:
        """Return how long to wait after the given attempt, counted from 1: half of it fixed, half of it random."""
        full = min(self.limits.first_wait * (1 << min(attempt - 1, 16)), self.limits.longest_wait)
        return full * (0.5 + 0.5 * self.pace.jitter())

    def close(self) -> None:
        """Close all connections that are not in use."""
        self.connections.close()

    def _wait_for_turn(self) -> None:
        """Keep to the rate, whatever the number of threads: each takes the next moment that is free."""
        if not self._interval:
            return
        with self._lock:
            now = self.pace.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._interval
        if turn > now:
            self.pause(turn - now)

    def _worth_retrying(self, fault: ConnectionFault, origin: Origin) -> bool:
        with self._lock:
            return fault.transient or (fault.refused and origin in self._reached)

    def _follow(self, request: Request) -> Answer:
        request = request._replace(headers=(("User-Agent", self._user_agent), *request.headers))
        for _ in range(self.limits.redirects + 1):
            answer = self.connections.exchange(request)
            # after the exchange, which makes the answer known to cancel(): one of the two always sees the other
            self.check_cancelled()
            with self._lock:
                self._reached.add(request.url.origin)
            location = answer.header("Location")
            if answer.status not in _REDIRECTS or request.method not in _SAFE or not location:
                return answer
            answer.discard()
            request = redirected(request, location)
        message = f"{request.url.origin.authority} redirects in circles: more than {self.limits.redirects} times"
        raise Error(UNAVAILABLE, message)


def redirected(request: Request, location: str) -> Request:
    """Return the request that a redirect asks for, without ``Authorization`` if it is for somebody else.

    :raises Error: the redirect leaves TLS, or is no usable URL.
    """
    target = Url.parse(location, request.url)
    source = request.url.origin
    if source.scheme == "https" and target.origin.scheme != "https":
        message = f"{source.authority} redirects from https to plain http at {target.origin.authority}: refused"
        raise Error(INVALID, message, hint="tell the registry's administrator")
    if target.origin != source:
        request = request._replace(authorization=None)
    return request._replace(url=target)
