"""Progress: rows on a terminal, lines elsewhere, JSON on request."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import termios

import pytest

from hezi.engine.results import Progress
from hezi.front.cli.progress import LazyReporter, Reporter

STEPS = [
    Progress("", "latest: Pulling from library/busybox"),
    Progress("aaaaaaaaaaaa", "Pulling fs layer"),
    Progress("bbbbbbbbbbbb", "Pulling fs layer"),
    Progress("aaaaaaaaaaaa", "Downloading", 10, 100),
    Progress("aaaaaaaaaaaa", "Downloading", 100, 100),
    Progress("aaaaaaaaaaaa", "Download complete"),
    Progress("bbbbbbbbbbbb", "Already exists"),
    Progress("aaaaaaaaaaaa", "Extracting", 50, 100),
    Progress("aaaaaaaaaaaa", "Pull complete"),
]


def shown(form, steps=STEPS):
    reader, writer = os.pipe()
    reporter = Reporter(form, descriptor=writer)
    for step in steps:
        reporter(step)
    reporter.say("Digest: sha256:x")
    reporter.say("Digest: sha256:x")
    os.close(writer)
    with os.fdopen(reader) as file:
        return file.read()


def test_plain_lines_have_no_numbers():
    assert shown("auto").splitlines() == [
        "latest: Pulling from library/busybox",
        "aaaaaaaaaaaa: Pulling fs layer",
        "bbbbbbbbbbbb: Pulling fs layer",
        "aaaaaaaaaaaa: Download complete",
        "bbbbbbbbbbbb: Already exists",
        "aaaaaaaaaaaa: Pull complete",
        "Digest: sha256:x",
    ]


def test_json_is_one_object_a_line_as_dockers_api():
    lines = [json.loads(line) for line in shown("json").splitlines()]
    assert lines[0] == {"status": "latest: Pulling from library/busybox"}
    assert lines[3] == {
        "status": "Downloading",
        "progressDetail": {"current": 10, "total": 100},
        "id": "aaaaaaaaaaaa",
    }
    assert lines[-1] == {"status": "Digest: sha256:x"}


def test_none_is_silent():
    assert not shown("none")


def test_lazy_reporter_does_nothing_until_it_must(monkeypatch):
    monkeypatch.setattr(Reporter, "__init__", lambda *_a, **_k: pytest.fail("made too early"))
    LazyReporter("auto", descriptor=1).close()


def emulate(data, lines):
    """A terminal's screen after `data`: cursor up and down, erase line, carriage return and line feed."""
    screen, row, at = [""] * lines, 0, 0
    while at < len(data):
        if data[at] == "\x1b":
            end = at + 2
            while not data[end].isalpha():
                end += 1
            number = int(data[at + 2 : end] or 1)
            row += {"A": -number, "B": number}.get(data[end], 0)
            screen[row] = "" if data[end] == "K" else screen[row]
            at = end + 1
            continue
        if data[at] == "\n":
            row += 1
        elif data[at] != "\r":
            screen[row] += data[at]
        at += 1
    return [line for line in screen if line]


@pytest.mark.parametrize(("columns", "bar"), [(80, ""), (120, f"[{'=' * 25}>{' ' * 25}] ")])
def test_rows_on_a_terminal_are_rewritten_in_place(columns, bar):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.environ.setdefault("TERM", "xterm")
    reporter = Reporter("tty", descriptor=slave)
    for step in STEPS[:-1]:
        reporter(step)
    data = b""
    while select.select([master], [], [], 0.2)[0]:
        data += os.read(master, 65536)
    data = data.decode()
    os.close(slave)
    os.close(master)
    assert emulate(data.replace("\r\n", "\n"), 24) == [
        "latest: Pulling from library/busybox",
        f"aaaaaaaaaaaa: Extracting {bar}     50B/100B",
        "bbbbbbbbbbbb: Already exists",
    ]
