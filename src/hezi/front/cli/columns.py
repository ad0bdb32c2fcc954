"""Columns, sizes and ages as docker prints them."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_HOUR = 3600
_MINUTE = 60


def size(count: int, digits: int = 3) -> str:
    """Format bytes in decimal units: ``4.26MB``.

    :param digits: significant ones; docker's columns have 3, its progress bars 4.
    """
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.{digits}g}{_UNITS[unit]}"


def age(nanoseconds: int) -> str:
    """Format a span of time: ``Less than a second``, ``About an hour``, ``2 weeks``."""
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


def table(rows: list[tuple[str, ...]]) -> str:
    """Return aligned columns, the first row being the header: three blanks between, no column under ten wide."""
    widths = [max(10, *(len(row[column]) + 3 for row in rows)) for column in range(len(rows[0]) - 1)]
    return "\n".join("".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)) for row in rows)
