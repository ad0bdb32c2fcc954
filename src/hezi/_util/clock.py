"""Time: wall clock for records, boot clock for time-outs, RFC 3339 in and out."""

from __future__ import annotations

import time


def now_ns() -> int:
    """Return the wall clock in nanoseconds since the epoch; for records, never for time-outs."""
    return time.time_ns()


def boot_seconds() -> float:
    """Return seconds since boot including suspend (CLOCK_BOOTTIME): unlike the wall clock it never jumps back."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def rfc3339(ns: int) -> str:
    """Format nanoseconds since the epoch as docker does: ``2026-01-02T03:04:05.123456789Z``."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    digits = f"{fraction:09d}".rstrip("0")
    return f"{stamp}.{digits}Z" if digits else f"{stamp}Z"


def parse_rfc3339(text: str) -> int:
    """Return nanoseconds since the epoch for an RFC 3339 time; 0 for an empty one or one that is none.

    Images carry creation times that people wrote by hand; a wrong one must not make an image unusable.
    """
    head, sep, rest = text.partition("T")
    try:
        year, month, day = (int(part) for part in head.split("-"))
        clock, offset = _split_zone(rest) if sep else ("00:00:00", 0)
        hms, _, fraction = clock.partition(".")
        hour, minute, second = (int(part) for part in hms.split(":"))
        import calendar

        seconds = calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0)) - offset
        return seconds * 1_000_000_000 + int((fraction + "000000000")[:9] or "0")
    except (ValueError, OverflowError):
        return 0


def _split_zone(text: str) -> tuple[str, int]:
    if text.endswith(("Z", "z")):
        return text[:-1], 0
    for sign, factor in (("+", 1), ("-", -1)):
        clock, found, zone = text.rpartition(sign)
        if found:
            hours, _, minutes = zone.partition(":")
            return clock, factor * (int(hours) * 3600 + int(minutes or "0") * 60)
    return text, 0


_MINUTE, _HOUR = 60, 3600


def span(nanoseconds: int) -> str:
    """Format a span of time as docker does: ``Less than a second``, ``About an hour``, ``2 weeks``."""
    seconds = max(nanoseconds, 0) / 1e9
    hours = int(seconds / _HOUR + 0.5)
    if seconds < 1:
        return "Less than a second"
    if seconds < _MINUTE:
        return "1 second" if int(seconds) == 1 else f"{int(seconds)} seconds"
    if seconds < _HOUR:
        return "About a minute" if seconds < 2 * _MINUTE else f"{int(seconds / _MINUTE)} minutes"
    for below, divisor, name in (
        (48, 1, "hours"),
        (24 * 14, 24, "days"),
        (24 * 60, 168, "weeks"),
        (17520, 720, "months"),
    ):
        if hours < below:
            return "About an hour" if hours == 1 else f"{hours // divisor} {name}"
    return f"{int(seconds / _HOUR) // 8760} years"
