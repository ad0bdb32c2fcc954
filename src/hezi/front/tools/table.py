"""Tables as util-linux's tools print them: aligned columns, trees, raw words, NAME="value" pairs, JSON.

The layout is libsmartcols': one blank between columns, the last one not padded, headers above; and on a terminal,
columns that may be cut are cut to fit.
"""

from __future__ import annotations

import os
import sys

from hezi._util.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_UNICODE = ("│ ", "├─", "└─", "  ")
_ASCII = ("| ", "|-", "`-", "  ")


class Column(NamedTuple):
    """One column.

    :ivar width: at least so wide, when the header is narrower.
    :ivar right: aligned to the right.
    :ivar number: a number in JSON.
    :ivar cut: may be cut to fit a terminal.
    :ivar help: one line for ``--help`` and ``--list-columns``.
    """

    name: str
    help: str
    width: int = 0
    right: bool = False
    number: bool = False
    cut: bool = False
    boolean: bool = False


class Line:
    """One line, and those that hang from it in a tree."""

    __slots__ = ("below", "cells")

    def __init__(self, cells: Sequence[str | None]) -> None:
        self.cells = cells
        self.below: list[Line] = []


class Style(NamedTuple):
    """How to print.

    :ivar form: "table", "raw", "pairs" or "json".
    :ivar tree: the index of the column that shows the tree; None for none.
    :ivar name: of the list in JSON.
    :ivar shell: make names of variables of the names in pairs.
    """

    form: str = "table"
    tree: int | None = None
    headings: bool = True
    ascii: bool = False
    cut: bool = True
    name: str = "table"
    shell: bool = False


def text(columns: Sequence[Column], roots: Sequence[Line], style: Style) -> str:
    """Return all of it, with a line break at the end; "" for a table without lines."""
    if style.form == "json":
        return _json(columns, roots, style)
    if not roots:
        return ""
    rows = list(_rows(roots, style))
    if style.form == "pairs":
        return "".join(_pairs(columns, row, style) + "\n" for row in rows)
    if style.form == "raw":
        head = [[_variable(column.name) if style.shell else column.name for column in columns]]
        head = head if style.headings else []
        body = [[_raw(cell or "") for cell in row] for row in rows]
        return "".join(" ".join(row) + "\n" for row in head + body)
    return _aligned(columns, rows, style)


def show(columns: Sequence[Column], roots: Sequence[Line], style: Style) -> None:
    """Write it to standard output."""
    sys.stdout.write(text(columns, roots, style))


def _rows(roots: Sequence[Line], style: Style) -> Iterator[list[str | None]]:
    """Yield the lines of the tree from above, with branches drawn in its column."""
    yield from _walk(roots, "", style, top=True)


def _walk(lines: Sequence[Line], prefix: str, style: Style, *, top: bool) -> Iterator[list[str | None]]:
    down, branch, last, blank = _ASCII if style.ascii else _UNICODE
    for number, line in enumerate(lines):
        end = number == len(lines) - 1
        cells = [None if cell is None else _safe(cell) for cell in line.cells]
        if style.tree is not None and not top:
            cells[style.tree] = prefix + (last if end else branch) + (cells[style.tree] or "")
        yield cells
        yield from _walk(line.below, "" if top else prefix + (blank if end else down), style, top=False)


def _safe(cell: str) -> str:
    """Show control characters and broken bytes as ``\\x0a``; lines of a cell are split by the caller."""
    if cell.isprintable():
        return cell
    shown = []
    for char in cell:
        if char.isprintable() or char == "\n":
            shown.append(char)
        elif 0xDC80 <= ord(char) <= 0xDCFF:
            shown.append(f"\\x{ord(char) - 0xDC00:02x}")
        else:
            shown.extend(f"\\x{byte:02x}" for byte in char.encode())
    return "".join(shown)


def _raw(cell: str) -> str:
    """Write a word without blanks: they, backslashes and whatever is not ASCII become ``\\x20``."""
    return "".join(
        chr(byte) if 0x21 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}"
        for byte in cell.encode("utf-8", "surrogateescape")
    )


def _pairs(columns: Sequence[Column], row: Sequence[str | None], style: Style) -> str:
    words = []
    for column, cell in zip(columns, row, strict=True):
        name = _variable(column.name) if style.shell else column.name
        value = "".join(f"\\x{ord(char):02x}" if char in '"\\`$' else char for char in cell or "")
        words.append(f'{name}="{value}"')
    return " ".join(words)


def _variable(name: str) -> str:
    """Give what a shell accepts as a variable's name."""
    return "".join(char if char.isalnum() else "_" for char in name.replace("%", "PCT"))


def _aligned(columns: Sequence[Column], rows: list[list[str | None]], style: Style) -> str:
    body = [physical for row in rows for physical in _split(row)]
    widths = []
    for number, column in enumerate(columns):
        width = max([len(row[number]) for row in body], default=0)
        head = len(column.name)
        width = head if width < head else column.width if width < column.width and head < column.width else width
        widths.append(width)
    if style.cut:
        _fit(columns, widths)
    head_row = [[column.name for column in columns]] if style.headings else []
    return "".join(_line(columns, row, widths) + "\n" for row in head_row + body)


def _split(row: Sequence[str | None]) -> list[list[str]]:
    """Give the lines that a row with line breaks in its cells takes."""
    parts = [(cell or "").split("\n") for cell in row]
    height = max(map(len, parts))
    return [[part[number] if number < len(part) else "" for part in parts] for number in range(height)]


def _line(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> str:
    cells = []
    for number, (column, cell, width) in enumerate(zip(columns, row, widths, strict=True)):
        shown = cell[:width]
        last = number == len(columns) - 1
        if column.right and (shown or not last):
            cells.append(shown.rjust(width))
        else:
            cells.append(shown if last else shown.ljust(width))
    return " ".join(cells)


def _fit(columns: Sequence[Column], widths: list[int]) -> None:
    """Take from the columns that may be cut what a terminal has no room for; elsewhere nothing is cut."""
    try:
        room = os.get_terminal_size(1).columns
    except OSError:
        return
    excess = sum(widths) + len(widths) - 1 - room
    while excess > 0:
        wide = [number for number, column in enumerate(columns) if column.cut and widths[number] > len(column.name)]
        if not wide:
            return
        widths[max(wide, key=lambda number: widths[number])] -= 1
        excess -= 1


def _json(columns: Sequence[Column], roots: Sequence[Line], style: Style) -> str:
    body = _json_lines(columns, roots, style, 2) if roots else ""
    return f'{{\n   "{style.name}": [\n{body}\n   ]\n}}\n'


def _json_lines(columns: Sequence[Column], lines: Sequence[Line], style: Style, depth: int) -> str:
    pad = "   " * depth
    objects = []
    for line in lines:
        fields = [
            f'{pad}   "{column.name.lower()}": {_json_value(column, cell)}'
            for column, cell in zip(columns, line.cells, strict=True)
        ]
        if line.below and style.tree is not None:
            below = _json_lines(columns, line.below, style, depth + 2)
            fields.append(f'{pad}   "children": [\n{below}\n{pad}   ]')
        objects.append("{\n" + ",\n".join(fields) + f"\n{pad}}}")
    return pad + ",".join(objects)


def _json_value(column: Column, cell: str | None) -> str:
    if cell is None or (cell == "" and (column.number or column.boolean)):
        return "null"
    if column.boolean:
        return "true" if cell in {"1", "true"} else "false"
    if column.number and (cell.isdigit() or (cell[:1] == "-" and cell[1:].isdigit())):
        return cell
    return quoted(cell)


def quoted(value: str) -> str:
    """Return a JSON string."""
    marks = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
    return '"' + "".join(marks.get(char, char if char >= " " else f"\\u{ord(char):04x}") for char in value) + '"'
