"""Columns, sizes and ages as docker prints them."""

from __future__ import annotations

from hezi._util.clock import span as age

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeVar

    Key = TypeVar("Key")

__all__ = ["age", "padded", "size", "table", "width"]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def size(count: int, digits: int = 3) -> str:
    """Format bytes in decimal units: ``4.26MB``.

    :param digits: significant ones; docker's columns have 3, its progress bars 4.
    """
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.{digits}g}{_UNITS[unit]}"


def width(header: str, texts: Iterable[str]) -> int:
    """Return how wide :func:`table` makes a column that is not the last."""
    return max(10, len(header) + 3, max(map(len, texts), default=0) + 3)


def padded(header: str, texts: dict[Key, str]) -> dict[Key | None, str]:
    """Return a column's texts with the blanks that follow them, and for None the header's."""
    wide = width(header, texts.values())
    return {None: header.ljust(wide), **{key: text.ljust(wide) for key, text in texts.items()}}


def table(rows: list[tuple[str, ...]]) -> str:
    """Return aligned columns, the first row being the header: three blanks between, no column under ten wide."""
    widths = [max(10, max(map(len, column)) + 3) for column in zip(*rows, strict=True)][:-1]
    widths.append(0)
    return "\n".join(["".join(map(str.ljust, row, widths)) for row in rows])
