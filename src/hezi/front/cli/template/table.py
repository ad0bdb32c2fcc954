"""Columns as docker's tabwriter aligns them: cells at least 10 wide, 3 blanks between."""

from __future__ import annotations

_MIN_WIDTH = 10
_PADDING = 3


def tabulate(text: str) -> str:
    """Align the cells of ``text``, which end with tabs (also vertical ones); lines end with newlines.

    A column is a run of lines that all have a cell there; its width is that of its widest cell as a terminal shows it
    (a Chinese character takes two places). What follows the last tab of a line is no cell: it is not padded and widens
    nothing. A form feed ends a line and every column.
    """
    return "\n".join(map(_page, text.replace("\v", "\t").split("\f")))


def shown_width(text: str) -> int:
    """Return how many places ``text`` takes on a terminal."""
    if text.isascii():
        return sum(" " <= char <= "~" for char in text)
    from unicodedata import category, east_asian_width

    width = 0
    for char in text:
        if category(char) not in {"Cc", "Cf", "Cs", "Me", "Mn", "Zl", "Zp"}:
            width += 2 if east_asian_width(char) in "WF" else 1
    return width


def _page(text: str) -> str:
    lines = [line.split("\t") for line in text.split("\n")]
    out: list[list[str]] = [[] for _ in lines]
    _align(lines, 0, len(lines), 0, out)
    return "\n".join("".join(cells) for cells in out)


def _align(lines: list[list[str]], first: int, last: int, column: int, out: list[list[str]]) -> None:
    """Pad cell ``column`` of the lines from ``first`` to before ``last``, block by block, and what follows each."""
    at = first
    while at < last:
        if column == len(lines[at]) - 1:
            out[at].append(lines[at][column])
            at += 1
            continue
        end = at
        while end < last and column < len(lines[end]) - 1:
            end += 1
        widths = [shown_width(lines[row][column]) for row in range(at, end)]
        width = max(_MIN_WIDTH, *(width + _PADDING for width in widths))
        for row, taken in zip(range(at, end), widths, strict=True):
            out[row].append(lines[row][column] + " " * (width - taken))
        _align(lines, at, end, column + 1, out)
        at = end
