"""``hezi logs`` and ``hezi container logs``."""

from __future__ import annotations

import os

from hezi.front.cli import times
from hezi.front.cli.option import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from hezi.engine.logread import LogLine
    from hezi.front.cli.parser import Parsed
    from hezi.front.cli.session import Session

VERB = Verb(
    "[OPTIONS] CONTAINER",
    "Show what a container wrote",
    options=(
        Option("details", "bool", "Show the attributes that the log driver was told to keep"),
        Option("follow", "bool", "Go on until the container ends", short="f"),
        Option("since", help="Begin at a time (2026-01-02T03:04:05Z, seconds since 1970) or so long ago (42m)"),
        Option("tail", help="How many lines from the end; all by default", short="n"),
        Option("timestamps", "bool", "Put the time in front of each line", short="t"),
        Option("until", help="End at a time, or so long ago"),
    ),
    arguments=(1, 1),
).documented(
    ("logs -f --tail 20 web", "The last lines, and what comes"),
    ("logs -t --since 10m web", "The last ten minutes, with times"),
    spellings=("container logs", "logs"),
)


def call(session: Session, parsed: Parsed) -> int:
    """Write each stream of the container to the one of the same name."""
    from hezi.engine import logread

    selection = logread.Selection(
        since=times.bound(parsed, "since"),
        until=times.bound(parsed, "until"),
        tail=_tail(parsed.text("tail")),
        follow=parsed.flag("follow"),
    )
    writer = _Writer(timestamps=parsed.flag("timestamps"), details=parsed.flag("details"))
    for batch in logread.read(session.engine.paths, parsed.args[0], selection):
        writer.write(batch)
    return 0


def _tail(text: str | None) -> int:
    # As docker: what is no number means all.
    digits = (text or "").removeprefix("-") if (text or "").startswith("-") else (text or "").removeprefix("+")
    if text is None or not (digits.isascii() and digits.isdigit()):
        return -1
    return max(int(text), -1)


class _Writer:
    """Puts the lines on the streams; what stands in front of a line stands in front of whole ones only."""

    def __init__(self, *, timestamps: bool, details: bool) -> None:
        self._timestamps = timestamps
        self._details = details
        self._inside = {1: False, 2: False}

    def write(self, batch: Iterable[LogLine]) -> None:
        """Write lines in their order; those of one stream in a row together."""
        stream, parts = 1, list[bytes]()
        for line in batch:
            if line.stream != stream:
                _write(stream, b"".join(parts))
                stream, parts = line.stream, []
            if (self._timestamps or self._details) and not self._inside[stream]:
                parts.append(self._prefix(line))
            self._inside[stream] = not line.data.endswith(b"\n")
            parts.append(line.data)
        _write(stream, b"".join(parts))

    def _prefix(self, line: LogLine) -> bytes:
        text = ""
        if self._timestamps:
            head, _, fraction = line.time.rstrip("Z").partition(".")
            text = f"{head}.{fraction:0<9}Z " if line.time.endswith("Z") else f"{line.time} "
        if self._details:
            text += ",".join(f"{name}={value}" for name, value in sorted(line.attributes)) + " "
        return text.encode("utf-8", "replace")


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
