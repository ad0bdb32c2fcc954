"""The progress of a pull: docker's line per layer on a terminal, plain lines elsewhere, JSON on request.

The terminal form moves the cursor itself. A library for that would take longer to import than a small image takes to
arrive.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hezi.engine.results import Progress

# Steps whose numbers change all the time: a line for each would drown a log.
_COUNTING = frozenset({"Downloading", "Extracting", "Loading layer", "Pushing"})
_INTERVAL = 0.1
_BAR_COLUMNS = 110  # docker draws the bar only above this width


class Reporter:
    """Shows the steps of a pull; calling it shows one.

    :param form: ``tty``, ``plain``, ``json``, ``none``, or ``auto``: ``tty`` on a terminal, else ``plain``.
    :param descriptor: where to write; nothing is buffered, so that lines of other origin keep their order.
    """

    def __init__(self, form: str, *, descriptor: int) -> None:
        if form == "auto":
            form = "tty" if os.isatty(descriptor) and os.environ.get("TERM", "dumb") != "dumb" else "plain"
        self._form = form
        self._descriptor = descriptor
        self._rows: dict[str, int] = {}
        self._status: dict[str, str] = {}
        self._drawn: dict[str, float] = {}
        self._said: set[str] = set()

    @property
    def is_json(self) -> bool:
        """Whether a program reads this."""
        return self._form == "json"

    def say(self, text: str) -> None:
        """Show a line about the whole, once."""
        if self._form == "none" or text in self._said:
            return
        self._said.add(text)
        if self._form == "json":
            self._json({"status": text})
        else:
            self._write(text + "\n")
            for name in self._rows:  # all rows have moved up by this line
                self._rows[name] += 1

    def __call__(self, step: Progress) -> None:
        """Show one step."""
        if self._form == "none":
            return
        if not step.id:
            self.say(step.status)
        elif self._form == "json":
            detail = {"current": step.current, "total": step.total} if step.current or step.total else {}
            self._json({"status": step.status, "progressDetail": detail, "id": step.id})
        elif self._form == "plain":
            if step.status not in _COUNTING and self._status.get(step.id) != step.status:
                self._status[step.id] = step.status
                self._write(f"{step.id}: {step.status}\n")
        else:
            self._draw(step)

    def close(self) -> None:
        """End the live part; the cursor is below it already."""

    def _draw(self, step: Progress) -> None:
        now = time.monotonic()
        again = self._status.get(step.id) == step.status
        if again and now - self._drawn.get(step.id, 0.0) < _INTERVAL and step.current < step.total:
            return
        self._status[step.id], self._drawn[step.id] = step.status, now
        columns, lines = _window(self._descriptor)
        text = _line(step, columns)
        up = self._rows.get(step.id)
        if up is None:
            for name in self._rows:
                self._rows[name] += 1
            self._rows[step.id] = 1
            self._write(text + "\n")
        elif up < lines:  # further up it has scrolled away, and the cursor cannot follow
            self._write(f"\x1b[{up}A\x1b[2K\r{text}\x1b[{up}B\r")

    def _json(self, value: dict[str, object]) -> None:
        import json

        self._write(json.dumps(value) + "\n")

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self._descriptor, data) :]


class LazyReporter:
    """A :class:`Reporter` made at its first step: a run whose image is here asks nothing of the terminal."""

    def __init__(self, form: str, *, descriptor: int) -> None:
        self._form = form
        self._descriptor = descriptor
        self._reporter: Reporter | None = None

    def __call__(self, step: Progress) -> None:
        """Show one step."""
        if self._reporter is None:
            self._reporter = Reporter(self._form, descriptor=self._descriptor)
        self._reporter(step)

    def close(self) -> None:
        """End the live part."""
        if self._reporter is not None:
            self._reporter.close()


def _window(descriptor: int) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return 80, 24
    return size.columns or 80, size.lines or 24


def _line(step: Progress, columns: int) -> str:
    text = f"{step.id}: {step.status}"
    if step.status in _COUNTING and step.current:
        text += " " + _bar(step.current, step.total, columns)
    return text[: columns - 1]  # a line that wraps would be two rows


def _bar(current: int, total: int, columns: int) -> str:
    from hezi.front.cli.columns import size

    if total <= 0 or current > total:
        return f"{size(current, 4):>8}"
    bar = ""
    if columns > _BAR_COLUMNS:
        done = current * 50 // total
        bar = f"[{'=' * done}>{' ' * (50 - done)}] "
    return f"{bar}{size(current, 4):>8}/{size(total, 4)}"
