"""Columns as Go's text/tabwriter aligns them, with docker's settings: cells at least 10 wide, 3 blanks between."""

from __future__ import annotations

_MIN_WIDTH = 10
_PADDING = 3


def tabulate(text: str) -> str:
    """Align the cells of ``text``, which end with tabs; lines end with newlines.

    A column is a run of lines that all have a cell there; its width is that of its widest cell (in characters, as Go
    counts them). What follows the last tab of a line is no cell: it is not padded and widens nothing.
    """
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
        widths = [len(lines[row][column]) for row in range(at, end)]
        widest = max(widths)
        width = max(_MIN_WIDTH, widest + _PADDING)
        for row in range(at, end):
            out[row].append(lines[row][column].ljust(width))
        _align(lines, at, end, column + 1, out)
        at = end
