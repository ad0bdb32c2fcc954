"""Moments and ages on the command line."""

from __future__ import annotations

import time

from hezi.errors import INVALID, Error
from hezi.front.cli import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.front.cli.parser import Parsed

_DAY_NS = 86_400 * 10**9


def moment(nanoseconds: int) -> str:
    """Format a moment as Go prints one, in local time: ``2026-01-02 03:04:05 +0000 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(nanoseconds // 10**9))


def rfc3339(nanoseconds: int) -> str:
    """Format a moment in local time, in whole seconds: ``2026-01-02T03:04:05+01:00``."""
    local = time.localtime(nanoseconds // 10**9)
    zone = time.strftime("%z", local)
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + ("Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}")


def bound(parsed: Parsed, name: str) -> int:
    """Read an option that says when something begins or ends into nanoseconds; 0 where it is not given.

    :raises Error: it is neither an age nor a moment.
    """
    from hezi.engine.containers import filters

    text = parsed.text(name)
    if not text:
        return 0
    try:
        return filters.until(text)
    except Error as error:
        message = f'invalid value for "{name}": {error.message}'
        raise Error(INVALID, message) from error


def age(text: str) -> int:
    """Read an age into nanoseconds: what Go's durations can say, and days (``14d``, ``1d12h``).

    :raises ValueError: it is none, or negative.
    """
    days, found, rest = text.partition("d")
    if found and days.isascii() and days.isdigit():
        return int(days) * _DAY_NS + (values.duration(rest) if rest else 0)
    span = values.duration(text)
    if span < 0:
        message = "an age cannot be negative"
        raise ValueError(message)
    return span
